// SPDX-License-Identifier: MIT
#include "callbacks/core/dma_mode.h"

namespace remap::callbacks {

namespace {

bool sees_all_memory(const ModeChoice& choice) {
    const PhysicalAddress last = choice.highest_installed.address() + (page_size - 1);
    return last <= choice.highest_visible;
}

}  // namespace

Result<DmaMode, NTSTATUS> choose_mode(const ModeChoice& choice) {
    const DXGK_IOMMU_CAPS caps = choice.caps;
    if (caps.Reserved != 0 || (caps.IommuIsolationRequired != 0 && caps.IommuIsolationSupported == 0))
        return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
    const bool needs_iommu = caps.IommuIsolationRequired != 0;
    const bool can_remap = choice.iommu_present && caps.DmaRemappingSupported != 0 && choice.map_aperture2;
    const bool can_isolate = choice.iommu_present && caps.IommuIsolationSupported != 0;

    if (!sees_all_memory(choice)) {
        if (can_remap) return DmaMode::Remapping;
        return Failure{NTSTATUS{STATUS_DEVICE_CONFIGURATION_ERROR}};
    }
    if (can_remap && choice.preferred == DmaMode::Remapping) return DmaMode::Remapping;
    if (can_isolate && (choice.preferred == DmaMode::Isolation || needs_iommu)) return DmaMode::Isolation;
    if (!needs_iommu) return DmaMode::Physical;
    if (can_remap) return DmaMode::Remapping;
    return Failure{NTSTATUS{STATUS_DEVICE_CONFIGURATION_ERROR}};
}

}  // namespace remap::callbacks
