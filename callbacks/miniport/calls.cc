// SPDX-License-Identifier: MIT
#include "callbacks/miniport/calls.h"

namespace remap::miniport {

Outcome Calls::refuse(const char* name) {
    Outcome outcome = failure(STATUS_INVALID_DEVICE_STATE, name);
    outcome.why.add(" was to be called between BeginExclusiveAccess and EndExclusiveAccess");
    return outcome;
}

Outcome Calls::not_registered(const char* name) {
    Outcome outcome = failure(STATUS_NOT_IMPLEMENTED, "the driver registered no ");
    outcome.why.add(name);
    return outcome;
}

Outcome Calls::called_high(const char* name) {
    Outcome outcome = failure(STATUS_INVALID_DEVICE_STATE, name);
    outcome.why.add(" was to be called at IRQL ").add_number(KeGetCurrentIrql());
    return outcome;
}

Outcome Calls::judge(const char* name, NTSTATUS status) {
    if (const KIRQL irql = KeGetCurrentIrql(); irql != PASSIVE_LEVEL) {
        KeLowerIrql(PASSIVE_LEVEL);
        Outcome outcome = failure(STATUS_INVALID_DEVICE_STATE, name);
        outcome.why.add(" returned at IRQL ").add_number(irql).add(", was called at PASSIVE_LEVEL (0)");
        return outcome;
    }
    if (NT_SUCCESS(status)) return {status, {}};
    Outcome outcome = failure(status, name);
    outcome.why.add(" failed: NTSTATUS ").add_hex(static_cast<ULONG>(status));
    return outcome;
}

}  // namespace remap::miniport
