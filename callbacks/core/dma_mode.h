// SPDX-License-Identifier: MIT
// How the DMA of an adapter meets memory, decided before its driver's StartDevice (WDK pages "IOMMU DMA remapping" and
// "IOMMU-based GPU isolation").
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "callbacks/ddk/d3dkmddi.h"

#include <cstdint>

namespace remap::callbacks {

enum class DmaMode : std::uint8_t {
    Physical,   // no domain: devices use physical addresses and reach all memory
    Isolation,  // a domain in which logical addresses equal physical ones, and only what is mapped can be reached
    Remapping,  // linear remapping: logical addresses of their own, within the adapter's sight
};

struct ModeChoice {
    DXGK_IOMMU_CAPS caps{};
    bool map_aperture2 = false;
    bool iommu_present = false;
    PhysicalAddress highest_visible;  // the least of the chain
    PhysicalPage highest_installed;
    DmaMode preferred = DmaMode::Remapping;
};

// An adapter that does not see all of installed memory is remapped or does not start; remapping needs an IOMMU,
// DmaRemappingSupported and MapAperture2Supported. One that sees it all gets what the system prefers as far as its
// driver supports it, and an IOMMU in any case where it requires one.
//   STATUS_DEVICE_CONFIGURATION_ERROR: it must not start. STATUS_INVALID_PARAMETER: capabilities that contradict each
//   other (IommuIsolationRequired without IommuIsolationSupported, reserved bits).
Result<DmaMode, NTSTATUS> choose_mode(const ModeChoice& choice);

}  // namespace remap::callbacks
