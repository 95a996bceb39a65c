// SPDX-License-Identifier: MIT
// Memory and strings of the run-time library. The memory helpers are macros over the four C functions, as in the WDK;
// they are for memory that may be accessed at the caller's IRQL.
#ifndef REMAP_DDK_WDM_RUNTIME_H
#define REMAP_DDK_WDM_RUNTIME_H

#include "../ntdef.h"

#define RtlEqualMemory(first, second, bytes) (!__builtin_memcmp((first), (second), (bytes)))
#define RtlMoveMemory(destination, source, bytes) ((void)__builtin_memmove((destination), (source), (bytes)))
#define RtlCopyMemory(destination, source, bytes) ((void)__builtin_memcpy((destination), (source), (bytes)))
#define RtlFillMemory(destination, bytes, value) ((void)__builtin_memset((destination), (value), (bytes)))
#define RtlZeroMemory(destination, bytes) ((void)__builtin_memset((destination), 0, (bytes)))
#define RtlCopyBytes RtlCopyMemory
#define RtlZeroBytes RtlZeroMemory
#define RtlFillBytes RtlFillMemory
#define RtlCopyMemoryNonTemporal RtlCopyMemory

REMAP_DDK_BEGIN

// How many bytes are equal, from the first on. Any IRQL.
NTSYSAPI SIZE_T NTAPI RtlCompareMemory(_In_ const VOID* Source1, _In_ const VOID* Source2, _In_ SIZE_T Length);

// A counted string over a zero-terminated one, which is not copied. A null source gives an empty string; one longer
// than 32766 characters is cut there. IRQL <= DISPATCH_LEVEL.
NTSYSAPI VOID NTAPI RtlInitUnicodeString(_Out_ PUNICODE_STRING DestinationString, _In_opt_ PCWSTR SourceString);

// IRQL PASSIVE_LEVEL. Case is ignored for A to Z only.
NTSYSAPI BOOLEAN NTAPI RtlEqualUnicodeString(_In_ PCUNICODE_STRING String1, _In_ PCUNICODE_STRING String2,
                                             _In_ BOOLEAN CaseInSensitive);

// Copies as much as fits; a null source makes the destination empty. IRQL <= DISPATCH_LEVEL.
NTSYSAPI VOID NTAPI RtlCopyUnicodeString(_Inout_ PUNICODE_STRING DestinationString,
                                         _In_opt_ PCUNICODE_STRING SourceString);

REMAP_DDK_END

// Not left out by a compiler that sees no reader.
FORCEINLINE PVOID RtlSecureZeroMemory(_Out_ PVOID Pointer, _In_ SIZE_T Bytes) {
    volatile UCHAR* bytes = (volatile UCHAR*)Pointer;
    SIZE_T index;
    for (index = 0; index < Bytes; ++index) bytes[index] = 0;
    return Pointer;
}

#endif
