// SPDX-License-Identifier: MIT
#include "callbacks/miniport/registration.h"

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

// An earlier version ends where the first member of the next one begins (callbacks/ddk/dispmprt/initialization.h).
std::size_t registration_bytes(ULONG version) {
    switch (version) {
        case DXGKDDI_INTERFACE_VERSION_WDDM2_4:
            return offsetof(DRIVER_INITIALIZATION_DATA, DxgkDdiSignalMonitoredFence);
        case DXGKDDI_INTERFACE_VERSION_WDDM2_5:
            return offsetof(DRIVER_INITIALIZATION_DATA, DxgkDdiSaveMemoryForHotUpdate);
        case DXGKDDI_INTERFACE_VERSION_WDDM2_6: return offsetof(DRIVER_INITIALIZATION_DATA, DxgkDdiControlInterrupt3);
        case DXGKDDI_INTERFACE_VERSION_WDDM2_7:
        case DXGKDDI_INTERFACE_VERSION_WDDM2_8:
            return offsetof(DRIVER_INITIALIZATION_DATA, DxgkDdiSetFlipQueueLogBuffer);
        case DXGKDDI_INTERFACE_VERSION_WDDM2_9:
            return offsetof(DRIVER_INITIALIZATION_DATA, DxgkDdiSetAllocationBackingStore);
        case DXGKDDI_INTERFACE_VERSION_WDDM3_0: return offsetof(DRIVER_INITIALIZATION_DATA, DxgkDdiCreateNativeFence);
        case DXGKDDI_INTERFACE_VERSION_WDDM3_1: return offsetof(DRIVER_INITIALIZATION_DATA, DxgkDdiCreateMemoryBasis);
        case DXGKDDI_INTERFACE_VERSION_WDDM3_2: return sizeof(DRIVER_INITIALIZATION_DATA);
        default: return 0;
    }
}

Outcome copy_registration(const DRIVER_INITIALIZATION_DATA* given, DRIVER_INITIALIZATION_DATA& copy) {
    if (given == nullptr) return failure(STATUS_INVALID_PARAMETER, "DxgkInitialize got no DRIVER_INITIALIZATION_DATA");
    const std::size_t bytes = registration_bytes(given->Version);
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
