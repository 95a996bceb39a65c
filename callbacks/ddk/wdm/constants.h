// SPDX-License-Identifier: MIT
// Page size and protections, section attributes and rights, access rights, and macros about addresses.
#ifndef REMAP_DDK_WDM_CONSTANTS_H
#define REMAP_DDK_WDM_CONSTANTS_H

#include "../ntdef.h"

typedef ULONG_PTR PFN_NUMBER, *PPFN_NUMBER;

// ---- pages ---------------------------------------------------------------------------------------------------------

#define PAGE_SHIFT 12
#define PAGE_SIZE 0x1000
#define BYTE_OFFSET(address) ((ULONG)((ULONG_PTR)(address) & (PAGE_SIZE - 1)))
#define PAGE_ALIGN(address) ((PVOID)((ULONG_PTR)(address) & ~(ULONG_PTR)(PAGE_SIZE - 1)))
#define ROUND_TO_PAGES(bytes) (((ULONG_PTR)(bytes) + PAGE_SIZE - 1) & ~(ULONG_PTR)(PAGE_SIZE - 1))
#define BYTES_TO_PAGES(bytes) (((ULONG_PTR)(bytes) >> PAGE_SHIFT) + (((ULONG_PTR)(bytes) & (PAGE_SIZE - 1)) != 0))
#define ADDRESS_AND_SIZE_TO_SPAN_PAGES(address, bytes) \
    ((ULONG)((((ULONG_PTR)(address) & (PAGE_SIZE - 1)) + (bytes) + (PAGE_SIZE - 1)) >> PAGE_SHIFT))

#define ALIGN_DOWN_BY(length, alignment) ((ULONG_PTR)(length) & ~((ULONG_PTR)(alignment)-1))
#define ALIGN_UP_BY(length, alignment) (ALIGN_DOWN_BY(((ULONG_PTR)(length) + (alignment)-1), alignment))
#define ALIGN_DOWN_POINTER_BY(pointer, alignment) ((PVOID)ALIGN_DOWN_BY(pointer, alignment))
#define ALIGN_UP_POINTER_BY(pointer, alignment) ((PVOID)ALIGN_UP_BY(pointer, alignment))
#define ALIGN_DOWN(length, type) ALIGN_DOWN_BY(length, sizeof(type))
#define ALIGN_UP(length, type) ALIGN_UP_BY(length, sizeof(type))
#define ALIGN_DOWN_POINTER(pointer, type) ALIGN_DOWN_POINTER_BY(pointer, sizeof(type))
#define ALIGN_UP_POINTER(pointer, type) ALIGN_UP_POINTER_BY(pointer, sizeof(type))

// ---- protection and sections ---------------------------------------------------------------------------------------

// Page protection. The last three are modifiers.
#define PAGE_NOACCESS 0x01
#define PAGE_READONLY 0x02
#define PAGE_READWRITE 0x04
#define PAGE_WRITECOPY 0x08
#define PAGE_EXECUTE 0x10
#define PAGE_EXECUTE_READ 0x20
#define PAGE_EXECUTE_READWRITE 0x40
#define PAGE_EXECUTE_WRITECOPY 0x80
#define PAGE_GUARD 0x100
#define PAGE_NOCACHE 0x200
#define PAGE_WRITECOMBINE 0x400

#define SEC_FILE 0x00800000u
#define SEC_IMAGE 0x01000000u
#define SEC_RESERVE 0x04000000u
#define SEC_COMMIT 0x08000000u
#define SEC_NOCACHE 0x10000000u
#define SEC_WRITECOMBINE 0x40000000u
#define SEC_LARGE_PAGES 0x80000000u

#define SECTION_QUERY 0x0001
#define SECTION_MAP_WRITE 0x0002
#define SECTION_MAP_READ 0x0004
#define SECTION_MAP_EXECUTE 0x0008
#define SECTION_EXTEND_SIZE 0x0010
#define SECTION_ALL_ACCESS 0x000F001F

// ---- access rights -------------------------------------------------------------------------------------------------

#define DELETE 0x00010000
#define READ_CONTROL 0x00020000
#define SYNCHRONIZE 0x00100000
#define STANDARD_RIGHTS_REQUIRED 0x000F0000
#define GENERIC_READ 0x80000000
#define GENERIC_WRITE 0x40000000
#define GENERIC_ALL 0x10000000
#define FILE_READ_DATA 0x0001
#define FILE_WRITE_DATA 0x0002
#define FILE_ALL_ACCESS (STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0x1FF)

#endif
