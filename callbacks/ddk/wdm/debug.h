// SPDX-License-Identifier: MIT
// Messages, assertions and the stop of the machine.
#ifndef REMAP_DDK_WDM_DEBUG_H
#define REMAP_DDK_WDM_DEBUG_H

#include "../ntdef.h"

REMAP_DDK_BEGIN

// Writes formatted text, at most 512 bytes, to the machine's console; any IRQL <= DIRQL, but %wZ, %wc, %ws, %lc, %ls,
// %C and %S at PASSIVE_LEVEL only. Conversions: d i u x X o c s p C S, with flags, width, precision and the sizes
// hh h l ll I64 I32 I w z, and %wZ and %Z for counted strings. No floating point.
// STATUS_SUCCESS.
NTSYSAPI ULONG __cdecl DbgPrint(_In_ PCSTR Format, ...);
NTSYSAPI ULONG __cdecl DbgPrintEx(_In_ ULONG ComponentId, _In_ ULONG Level, _In_ PCSTR Format, ...);

// Reports a failed assertion: bugcheck 0xC4 with this project's own check AssertionFailed (on Windows the debugger
// asks).
NTSYSAPI VOID NTAPI RtlAssert(_In_ PVOID FailedAssertion, _In_ PVOID FileName, _In_ ULONG LineNumber,
                              _In_opt_ PSTR Message);

// Stops the machine.
NTKERNELAPI DECLSPEC_NORETURN VOID NTAPI KeBugCheckEx(_In_ ULONG BugCheckCode, _In_ ULONG_PTR BugCheckParameter1,
                                                      _In_ ULONG_PTR BugCheckParameter2,
                                                      _In_ ULONG_PTR BugCheckParameter3,
                                                      _In_ ULONG_PTR BugCheckParameter4);
NTKERNELAPI DECLSPEC_NORETURN VOID NTAPI KeBugCheck(_In_ ULONG BugCheckCode);

REMAP_DDK_END

// DbgPrintEx: components and levels.
#define DPFLTR_VIDEO_ID 0x15
#define DPFLTR_IHVDRIVER_ID 0x4D
#define DPFLTR_IHVVIDEO_ID 0x4E
#define DPFLTR_DXGKRNL_ID 0x60
#define DPFLTR_ERROR_LEVEL 0
#define DPFLTR_WARNING_LEVEL 1
#define DPFLTR_TRACE_LEVEL 2
#define DPFLTR_INFO_LEVEL 3
#define DPFLTR_MASK 0x80000000

// A checked build (DBG is 1) has messages and assertions.
#ifndef DBG
#define DBG 0
#endif
#if DBG
#define KdPrint(arguments) DbgPrint arguments
#define KdPrintEx(arguments) DbgPrintEx arguments
#define ASSERT(condition) ((condition) ? (void)0 : RtlAssert((PVOID) #condition, (PVOID)__FILE__, __LINE__, NULL))
#define ASSERTMSG(text, condition) \
    ((condition) ? (void)0 : RtlAssert((PVOID) #condition, (PVOID)__FILE__, __LINE__, (PSTR)(text)))
#else
#define KdPrint(arguments) ((void)0)
#define KdPrintEx(arguments) ((void)0)
#define ASSERT(condition) ((void)0)
#define ASSERTMSG(text, condition) ((void)0)
#endif
#define NT_ASSERT(condition) ASSERT(condition)
#define NT_ASSERTMSG(text, condition) ASSERTMSG(text, condition)
#define NT_VERIFY(condition) ((void)(condition))

#endif
