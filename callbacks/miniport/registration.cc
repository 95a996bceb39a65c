// SPDX-License-Identifier: MIT
#include "callbacks/miniport/registration.h"

#include "callbacks/kernel/kernel.h"

#include <cstring>

namespace remap::miniport {

namespace {

Outcome missing(const char* ddi) {
    Outcome outcome = failure(STATUS_INVALID_PARAMETER, "the driver registered no ");
    outcome.why.add(ddi);
    return outcome;
}

Outcome check_required(const DRIVER_INITIALIZATION_DATA& data) {
    if (data.DxgkDdiAddDevice == nullptr) return missing("DxgkDdiAddDevice");
    if (data.DxgkDdiStartDevice == nullptr) return missing("DxgkDdiStartDevice");
    if (data.DxgkDdiStopDevice == nullptr) return missing("DxgkDdiStopDevice");
    if (data.DxgkDdiRemoveDevice == nullptr) return missing("DxgkDdiRemoveDevice");
    if (data.DxgkDdiUnload == nullptr) return missing("DxgkDdiUnload");
    if (data.DxgkDdiQueryAdapterInfo == nullptr) return missing("DxgkDdiQueryAdapterInfo");
    return {};
}

}  // namespace

Outcome copy_registration(const DRIVER_INITIALIZATION_DATA* given, DRIVER_INITIALIZATION_DATA& copy) {
    if (given == nullptr) return failure(STATUS_INVALID_PARAMETER, "DxgkInitialize got no DRIVER_INITIALIZATION_DATA");
    const std::size_t bytes = kernel::initialization_data_size(given->Version);
    if (bytes == 0) {
        Outcome outcome = failure(STATUS_REVISION_MISMATCH, "the driver registered for an unknown interface version ");
        outcome.why.add_hex(given->Version);
        return outcome;
    }
    copy = DRIVER_INITIALIZATION_DATA{};
    std::memcpy(static_cast<void*>(&copy), given, bytes);
    return check_required(copy);
}

}  // namespace remap::miniport
