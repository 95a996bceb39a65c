// SPDX-License-Identifier: MIT
// Memory descriptor lists: the physical pages behind a range of addresses. The page numbers follow the structure.
#ifndef REMAP_DDK_WDM_MDL_H
#define REMAP_DDK_WDM_MDL_H

#include "memory.h"
#include "synchronization.h"

REMAP_DDK_BEGIN

typedef struct _MDL {
    struct _MDL* Next;
    CSHORT Size;  // bytes, with the page numbers
    CSHORT MdlFlags;
    struct _EPROCESS* Process;
    PVOID MappedSystemVa;
    PVOID StartVa;  // page-aligned
    ULONG ByteCount;
    ULONG ByteOffset;  // of the range within its first page
} MDL, *PMDL, *PMDLX;

#define MDL_MAPPED_TO_SYSTEM_VA 0x0001
#define MDL_PAGES_LOCKED 0x0002
#define MDL_SOURCE_IS_NONPAGED_POOL 0x0004
#define MDL_ALLOCATED_FIXED_SIZE 0x0008
#define MDL_PARTIAL 0x0010
#define MDL_PARTIAL_HAS_BEEN_MAPPED 0x0020
#define MDL_IO_PAGE_READ 0x0040
#define MDL_WRITE_OPERATION 0x0080
#define MDL_PARENT_MAPPED_SYSTEM_VA 0x0100
#define MDL_FREE_EXTRA_PTES 0x0200
#define MDL_DESCRIBES_AWE 0x0400
#define MDL_IO_SPACE 0x0800
#define MDL_NETWORK_HEADER 0x1000
#define MDL_MAPPING_CAN_FAIL 0x2000
#define MDL_PAGE_CONTENTS_INVARIANT 0x4000
#define MDL_ALLOCATED_MUST_SUCCEED 0x4000
#define MDL_INTERNAL 0x8000

// Flags of MmAllocatePagesForMdlEx.
#define MM_DONT_ZERO_ALLOCATION 0x00000001
#define MM_ALLOCATE_FROM_LOCAL_NODE_ONLY 0x00000002
#define MM_ALLOCATE_FULLY_REQUIRED 0x00000004
#define MM_ALLOCATE_NO_WAIT 0x00000008
#define MM_ALLOCATE_PREFER_CONTIGUOUS 0x00000010
#define MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS 0x00000020
#define MM_ALLOCATE_FAST_LARGE_PAGES 0x00000040
#define MM_ALLOCATE_TRIM_IF_NECESSARY 0x00000080
#define MM_ALLOCATE_AND_HOT_REMOVE 0x00000100

typedef enum _LOCK_OPERATION REMAP_DDK_INT { IoReadAccess, IoWriteAccess, IoModifyAccess } LOCK_OPERATION;
typedef enum _MM_PAGE_PRIORITY REMAP_DDK_INT {
    LowPagePriority = 0,
    NormalPagePriority = 16,
    HighPagePriority = 32
} MM_PAGE_PRIORITY;
#define MdlMappingNoWrite 0x80000000
#define MdlMappingNoExecute 0x40000000

// ---- what an MDL says ----------------------------------------------------------------------------------------------

#define MmGetMdlByteCount(mdl) ((mdl)->ByteCount)
#define MmGetMdlByteOffset(mdl) ((mdl)->ByteOffset)
#define MmGetMdlBaseVa(mdl) ((mdl)->StartVa)
#define MmGetMdlVirtualAddress(mdl) ((PVOID)((PCHAR)((mdl)->StartVa) + (mdl)->ByteOffset))
#define MmGetMdlPfnArray(mdl) ((PPFN_NUMBER)((mdl) + 1))
#define MmInitializeMdl(mdl, base, length)                                                                       \
    do {                                                                                                         \
        (mdl)->Next = NULL;                                                                                      \
        (mdl)->Size = (CSHORT)(sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(base, length)); \
        (mdl)->MdlFlags = 0;                                                                                     \
        (mdl)->StartVa = PAGE_ALIGN(base);                                                                       \
        (mdl)->ByteOffset = BYTE_OFFSET(base);                                                                   \
        (mdl)->ByteCount = (ULONG)(length);                                                                      \
    } while (0)

// ---- making, locking, mapping --------------------------------------------------------------------------------------

struct _IRP;

// An MDL for [VirtualAddress, VirtualAddress + Length); its pages are not looked up yet. Null: no memory, or Length is
// not below 4 GiB minus a page. SecondaryBuffer, ChargeQuota and Irp have to be FALSE, FALSE and null (ours: else null
// is returned). IRQL <= DISPATCH_LEVEL.
NTKERNELAPI PMDL NTAPI IoAllocateMdl(_In_opt_ PVOID VirtualAddress, _In_ ULONG Length, _In_ BOOLEAN SecondaryBuffer,
                                     _In_ BOOLEAN ChargeQuota, _Inout_opt_ struct _IRP* Irp);

// Bugcheck 0xC4: 0xB8 its pages are still mapped; 0xE5 IRQL > DISPATCH_LEVEL. Bugcheck 0xC2: 0x46, 0x07 not an MDL of
// IoAllocateMdl, or freed before. (ours) Bugcheck 0xCB: its pages are still locked.
NTKERNELAPI VOID NTAPI IoFreeMdl(_In_ PMDL Mdl);

// Fills in the pages of a range of nonpaged pool or contiguous memory, which is its own mapping.
// Bugcheck 0xC4: 0x7F paged pool; 0x140 memory this kernel does not know; 0xE5 IRQL > DISPATCH_LEVEL.
NTKERNELAPI VOID NTAPI MmBuildMdlForNonPagedPool(_Inout_ PMDL MemoryDescriptorList);

// Makes pages resident and locks them until MmUnlockPages. Kernel memory of this kernel (pool) may be locked.
// Bugcheck 0xC4: 0x70 IRQL > DISPATCH_LEVEL (the page wants <= APC_LEVEL for pageable memory: 0x01 for paged pool);
// 0xB0 an MDL that is locked, partial or of nonpaged pool. Bugcheck 0x1E: the range is not valid (on Windows an
// exception).
NTKERNELAPI VOID NTAPI MmProbeAndLockPages(_Inout_ PMDL MemoryDescriptorList, _In_ KPROCESSOR_MODE AccessMode,
                                           _In_ LOCK_OPERATION Operation);

// Also ends a mapping into system space. Bugcheck 0xC4: 0x78 IRQL > DISPATCH_LEVEL, 0x7C not locked (a second unlock),
// 0x7D of nonpaged pool, 0xB4 a partial MDL.
NTKERNELAPI VOID NTAPI MmUnlockPages(_Inout_ PMDL MemoryDescriptorList);

// Maps an MDL's pages for the kernel (AccessMode KernelMode; RequestedAddress null). Null when there is no room, also
// when BugCheckOnFailure says otherwise: then the machine stops (0x1E). UserMode: null, as this kernel has no processes
// (ours; physical memory objects can be mapped into user space). Bugcheck 0xC4: 0x76 and 0x77 IRQL > DISPATCH_LEVEL,
// for UserMode > APC_LEVEL; 0xB2 it is mapped, 0xB3 its pages are not locked. A page that is mapped with another cache
// type already is reported, and mapped (ours).
NTKERNELAPI PVOID NTAPI MmMapLockedPagesSpecifyCache(_Inout_ PMDL MemoryDescriptorList, _In_ KPROCESSOR_MODE AccessMode,
                                                     _In_ MEMORY_CACHING_TYPE CacheType,
                                                     _In_opt_ PVOID RequestedAddress, _In_ ULONG BugCheckOnFailure,
                                                     _In_ ULONG Priority);

// Bugcheck 0xC4, 0x79: IRQL > DISPATCH_LEVEL. Bugcheck 0xDA: 0x06 the MDL is not mapped, 0x03 not at this address.
NTKERNELAPI VOID NTAPI MmUnmapLockedPages(_In_ PVOID BaseAddress, _Inout_ PMDL MemoryDescriptorList);

// ---- pages of one's own --------------------------------------------------------------------------------------------

// An MDL of pages that nobody else has, zeroed unless MM_DONT_ZERO_ALLOCATION, from [LowAddress, HighAddress] and then
// the same window SkipBytes further on, and so on; fewer than TotalBytes when there are no more and
// MM_ALLOCATE_FULLY_REQUIRED is not given; null when there is none. Its pages are locked; it is freed with
// MmFreePagesFromMdl and then ExFreePool. Bugcheck 0xC4, 0x7E: IRQL > DISPATCH_LEVEL.
NTKERNELAPI PMDL NTAPI MmAllocatePagesForMdlEx(_In_ PHYSICAL_ADDRESS LowAddress, _In_ PHYSICAL_ADDRESS HighAddress,
                                               _In_ PHYSICAL_ADDRESS SkipBytes, _In_ SIZE_T TotalBytes,
                                               _In_ MEMORY_CACHING_TYPE CacheType, _In_ ULONG Flags);
NTKERNELAPI PMDL NTAPI MmAllocatePagesForMdl(_In_ PHYSICAL_ADDRESS LowAddress, _In_ PHYSICAL_ADDRESS HighAddress,
                                             _In_ PHYSICAL_ADDRESS SkipBytes, _In_ SIZE_T TotalBytes);

// Frees the pages, not the MDL. Bugcheck 0xC4: 0x7E as above; 0x7C not such an MDL, or its pages were freed before;
// 0xB8 its pages are still mapped.
NTKERNELAPI VOID NTAPI MmFreePagesFromMdl(_Inout_ PMDL MemoryDescriptorList);

// Caches and DMA agree on x64: nothing is done.
#define KeFlushIoBuffers(mdl, read, dma) ((void)(mdl), (void)(read), (void)(dma))

FORCEINLINE PVOID MmGetSystemAddressForMdlSafe(_Inout_ PMDL Mdl, _In_ ULONG Priority) {
    if (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) return Mdl->MappedSystemVa;
    return MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, Priority);
}

REMAP_DDK_END

#endif
