// SPDX-License-Identifier: MIT
// Clocks and delays. There is no calendar: the system's time is the time since the machine started.
#include "callbacks/kernel/dispatcher.h"

using namespace remap::kernel;

extern "C" {

LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency) {
    KernelPort& port = kernel().port;
    if (PerformanceFrequency != nullptr)
        PerformanceFrequency->QuadPart = static_cast<LONGLONG>(port.counts_per_second());
    LARGE_INTEGER counter = {};
    counter.QuadPart = static_cast<LONGLONG>(port.counter());
    return counter;
}

ULONGLONG NTAPI KeQueryInterruptTime() { return kernel().port.now(); }

VOID NTAPI KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime) {
    CurrentTime->QuadPart = static_cast<LONGLONG>(kernel().port.now());
}

VOID NTAPI KeStallExecutionProcessor(ULONG MicroSeconds) {
    KernelPort& port = kernel().port;
    const std::uint64_t end = port.now() + std::uint64_t{MicroSeconds} * 10;
    while (port.now() < end) port.relax();
}

NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER Interval) {
    if (!irql_at_most(APC_LEVEL, wrong_irql, "KeDelayExecutionThread", REMAP_CALLER())) return STATUS_SUCCESS;
    Kernel& state = kernel();
    const std::uint64_t end = end_of(state.port, Interval);
    const Locked locked(state);
    while (state.port.now() < end && state.port.wait(end)) {
    }
    return STATUS_SUCCESS;
}
}
