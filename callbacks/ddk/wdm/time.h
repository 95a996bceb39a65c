// SPDX-License-Identifier: MIT
// Clocks and delays. Times are in units of 100 nanoseconds where nothing else is said.
#ifndef REMAP_DDK_WDM_TIME_H
#define REMAP_DDK_WDM_TIME_H

#include "../ntdef.h"

REMAP_DDK_BEGIN

// A counter that never goes back, and its ticks a second. Any IRQL.
NTKERNELAPI LARGE_INTEGER NTAPI KeQueryPerformanceCounter(_Out_opt_ PLARGE_INTEGER PerformanceFrequency);

// Time since the machine started. Any IRQL.
NTKERNELAPI ULONGLONG NTAPI KeQueryInterruptTime(VOID);

// System time: since 1 January 1601. Machines without a calendar count from their start.
NTKERNELAPI VOID NTAPI KeQuerySystemTimePrecise(_Out_ PLARGE_INTEGER CurrentTime);
#define KeQuerySystemTime KeQuerySystemTimePrecise

// Busy for so many microseconds. Any IRQL; the WDK page asks for at most 50.
NTKERNELAPI VOID NTAPI KeStallExecutionProcessor(_In_ ULONG MicroSeconds);

// Waits: an Interval below 0 is a duration, else a system time. Mode and Alertable are not looked at: there are no
// APCs. Bugcheck 0xC4, 0xE5: IRQL > APC_LEVEL. STATUS_SUCCESS.
NTKERNELAPI NTSTATUS NTAPI KeDelayExecutionThread(_In_ KPROCESSOR_MODE WaitMode, _In_ BOOLEAN Alertable,
                                                  _In_ PLARGE_INTEGER Interval);

REMAP_DDK_END

#endif
