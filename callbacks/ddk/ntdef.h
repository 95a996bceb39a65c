// SPDX-License-Identifier: MIT
// The base types of Windows code with the sizes they have on x64 Windows (LONG and ULONG 32 bits, pointers and SIZE_T
// 64), its calling convention, and the macros about types. For C11 and C++, for ELF targets and for Windows' own.
//
// WCHAR is 16 bits wide. Sources with wide literals (L"...") are compiled with -fshort-wchar on an ELF target, as their
// wchar_t has 32 bits there otherwise.
//
// A function with a role type of this kit (DRIVER_INITIALIZE, DXGKDDI_START_DEVICE, ...) that is declared by its role
// first takes the convention from it; gcc's C front end alone wants NTAPI (or APIENTRY) repeated at the definition.
#ifndef REMAP_DDK_NTDEF_H
#define REMAP_DDK_NTDEF_H

#include <stddef.h>
#include <stdint.h>

#include "specstrings.h"

// ---- calling convention --------------------------------------------------------------------------------------------

#if !defined(__x86_64__) || !(defined(__LP64__) || defined(_WIN64))
#error "the callbacks have the Microsoft x64 calling convention: build for x86-64 with 64-bit pointers"
#endif
#ifndef NTAPI
#define NTAPI __attribute__((ms_abi))
#endif
#ifndef __cdecl
#define __cdecl NTAPI
#endif
#ifndef __stdcall
#define __stdcall NTAPI
#endif
#ifndef __fastcall
#define __fastcall NTAPI
#endif
#define FASTCALL NTAPI
#ifndef APIENTRY
#define APIENTRY NTAPI
#endif
#ifndef WINAPI
#define WINAPI NTAPI
#endif
#ifndef CALLBACK
#define CALLBACK
#endif

#if defined(_WIN64)
#define DECLSPEC_IMPORT __declspec(dllimport)
#else
#define DECLSPEC_IMPORT
#endif
#define NTSYSAPI DECLSPEC_IMPORT
#define NTKERNELAPI DECLSPEC_IMPORT
#define NTHALAPI DECLSPEC_IMPORT
#define NTSYSCALLAPI DECLSPEC_IMPORT
#ifndef DECLSPEC_ALIGN
#define DECLSPEC_ALIGN(bytes) __attribute__((aligned(bytes)))
#endif
#define DECLSPEC_NORETURN __attribute__((noreturn))
#ifndef FORCEINLINE
#define FORCEINLINE static inline __attribute__((always_inline, unused))
#endif
#define POINTER_ALIGNMENT DECLSPEC_ALIGN(8)
#ifndef UNALIGNED
#define UNALIGNED
#endif
#define RESTRICTED_POINTER
#ifdef __cplusplus
#define EXTERN_C extern "C"
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END }
#else
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#endif

// On Windows every enumeration has the size of int and may hold any value of it; C++ is told so, C does it unasked.
#ifdef __cplusplus
#define REMAP_DDK_INT : int
#else
#define REMAP_DDK_INT
#endif

// C++ has no unnamed structures; both compilers do. Around every header that has some.
#define REMAP_DDK_BEGIN EXTERN_C_START _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wpedantic\"")
#define REMAP_DDK_END _Pragma("GCC diagnostic pop") EXTERN_C_END

// ---- integers and pointers -----------------------------------------------------------------------------------------

#ifndef _WIN64
#define __int64 long long
#define __int32 int
#define __int16 short
#define __int8 char
typedef int32_t LONG;
typedef uint32_t ULONG, DWORD;
#else
typedef long LONG;
typedef unsigned long ULONG, DWORD;
#endif

#ifndef VOID
#define VOID void
#endif
#define CONST const

typedef char CHAR, CCHAR, *PCHAR, *PSTR, *LPSTR;
typedef const char *PCSTR, *LPCSTR, *PCSZ;
typedef unsigned char UCHAR, *PUCHAR, BYTE, *PBYTE;
typedef int16_t SHORT, CSHORT, *PSHORT;
typedef uint16_t USHORT, WORD, *PUSHORT;
typedef int INT, BOOL, *PINT;
typedef unsigned int UINT, *PUINT;
typedef int8_t INT8;
typedef uint8_t UINT8;
typedef int16_t INT16;
typedef uint16_t UINT16;
typedef int32_t INT32, LONG32;
typedef uint32_t UINT32, ULONG32, DWORD32, *PUINT32;
typedef long long LONGLONG, LONG64, *PLONGLONG, *PLONG64;
typedef unsigned long long ULONGLONG, ULONG64, DWORDLONG, DWORD64, *PULONGLONG, *PULONG64;
typedef int64_t INT64, *PINT64;
typedef uint64_t UINT64, *PUINT64;
typedef int64_t LONG_PTR, INT_PTR, SSIZE_T, *PLONG_PTR;
typedef uint64_t ULONG_PTR, UINT_PTR, SIZE_T, DWORD_PTR, *PULONG_PTR, *PSIZE_T;
typedef LONG* PLONG;
typedef ULONG *PULONG, *PDWORD;
typedef void *PVOID, *LPVOID;
typedef const void *PCVOID, *LPCVOID;
typedef PVOID* PPVOID;
typedef UCHAR BOOLEAN, *PBOOLEAN;
#if __SIZEOF_WCHAR_T__ == 2 && defined(__cplusplus)
typedef wchar_t WCHAR;
#else
typedef uint16_t WCHAR;
#endif
typedef WCHAR *PWCHAR, *PWSTR, *LPWSTR, *PWCH;
typedef const WCHAR *PCWSTR, *LPCWSTR, *PCWCH;

typedef void* HANDLE;
typedef HANDLE* PHANDLE;
typedef LONG NTSTATUS, *PNTSTATUS;
typedef ULONG ACCESS_MASK, *PACCESS_MASK;
typedef CHAR KPROCESSOR_MODE;
typedef ULONG_PTR KAFFINITY, *PKAFFINITY;
typedef ULONG LCID, LOGICAL, *PLOGICAL;

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#ifndef NULL
#define NULL 0
#endif
#define ANYSIZE_ARRAY 1
#define MAXUSHORT 0xffff
#define MAXULONG 0xffffffff
#define MAXLONG 0x7fffffff
#define MAXLONGLONG 0x7fffffffffffffffll
#define MAXULONGLONG 0xffffffffffffffffull
#define MAXULONG_PTR ((ULONG_PTR) ~(ULONG_PTR)0)

// ---- structures ----------------------------------------------------------------------------------------------------

REMAP_DDK_BEGIN

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    struct {
        ULONG LowPart;
        ULONG HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

typedef struct _LUID {
    ULONG LowPart;
    LONG HighPart;
} LUID, *PLUID;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY* Flink;
    struct _LIST_ENTRY* Blink;
} LIST_ENTRY, *PLIST_ENTRY, PRLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY* Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

// Lengths are bytes and do not count a terminating zero.
typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING;

typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING* PCUNICODE_STRING;

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;

REMAP_DDK_END

#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_KERNEL_HANDLE 0x00000200

#define InitializeObjectAttributes(attributes, name, flags, root, security) \
    do {                                                                    \
        (attributes)->Length = sizeof(OBJECT_ATTRIBUTES);                   \
        (attributes)->RootDirectory = (root);                               \
        (attributes)->Attributes = (flags);                                 \
        (attributes)->ObjectName = (name);                                  \
        (attributes)->SecurityDescriptor = (security);                      \
        (attributes)->SecurityQualityOfService = NULL;                      \
    } while (0)

// ---- macros about types --------------------------------------------------------------------------------------------

#define NT_SUCCESS(status) (((NTSTATUS)(status)) >= 0)
#define NT_INFORMATION(status) ((((ULONG)(status)) >> 30) == 1)
#define NT_WARNING(status) ((((ULONG)(status)) >> 30) == 2)
#define NT_ERROR(status) ((((ULONG)(status)) >> 30) == 3)

#ifndef FIELD_OFFSET
#define FIELD_OFFSET(type, field) ((LONG)offsetof(type, field))
#endif
#define UFIELD_OFFSET(type, field) ((ULONG)offsetof(type, field))
#define RTL_FIELD_SIZE(type, field) (sizeof(((type*)0)->field))
#define RTL_SIZEOF_THROUGH_FIELD(type, field) (offsetof(type, field) + RTL_FIELD_SIZE(type, field))
#define RTL_CONTAINS_FIELD(structure, bytes, field) \
    (((PCHAR)(&(structure)->field) + sizeof((structure)->field)) <= (PCHAR)(structure) + (bytes))
#define RTL_NUMBER_OF(array) (sizeof(array) / sizeof((array)[0]))
#ifndef ARRAYSIZE
#define ARRAYSIZE(array) RTL_NUMBER_OF(array)
#endif
#ifndef CONTAINING_RECORD
#define CONTAINING_RECORD(address, type, field) ((type*)((PCHAR)(address)-offsetof(type, field)))
#endif
// A literal of either width; a pointer does not compile.
#ifdef __cplusplus
extern "C++" {
template <typename Character, size_t Count>
constexpr USHORT rtl_text_bytes(const Character (&)[Count]) {
    return Count * sizeof(Character);
}
template <size_t Bytes>
struct rtl_text_pointer {
    typedef PWCH type;
};
template <>
struct rtl_text_pointer<1> {
    typedef PCHAR type;
};
}
#define RTL_CONSTANT_STRING(text)                                                            \
    {                                                                                        \
        static_cast<USHORT>(rtl_text_bytes(text) - sizeof((text)[0])), rtl_text_bytes(text), \
            (rtl_text_pointer<sizeof((text)[0])>::type)(text)                                \
    }
#else
#define RTL_TEXT_BYTES(text) \
    (sizeof(text) + 0 * sizeof(char[1 - 2 * __builtin_types_compatible_p(__typeof__(text), __typeof__(&(text)[0]))]))
#define RTL_CONSTANT_STRING(text) \
    { RTL_TEXT_BYTES(text) - sizeof((text)[0]), RTL_TEXT_BYTES(text), (text) }
#endif
#define DECLARE_CONST_UNICODE_STRING(name, text) static const UNICODE_STRING name = RTL_CONSTANT_STRING(text)

#ifdef __cplusplus
#define C_ASSERT(condition) static_assert(condition, #condition)
#else
#define C_ASSERT(condition) _Static_assert(condition, #condition)
#endif

#define UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#define DBG_UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#define UNREFERENCED_LOCAL_VARIABLE(variable) ((void)(variable))
#define ARGUMENT_PRESENT(pointer) (((PCHAR)((ULONG_PTR)(pointer))) != ((PCHAR)0))

#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif

#endif
