// SPDX-License-Identifier: MIT
// What a driver says of an adapter before it starts, asked for in the documented order and checked.
#pragma once

#include "callbacks/core/dxgkrnl.h"
#include "callbacks/miniport/calls.h"

#include <cstdint>
#include <span>

namespace remap::miniport {

inline constexpr unsigned longest_chain = callbacks::most_physical_adapters;
inline constexpr unsigned most_reserved_ranges = callbacks::most_reserved_ranges;

struct Caps {
    ULONG interface_version = 0;  // DXGKDDI_INTERFACE_VERSION of the registration
    DXGK_WDDMVERSION wddm_version = DXGKDDI_WDDMv1;
    DXGK_IOMMU_CAPS iommu{};
    bool map_aperture2 = false;
    unsigned physical_adapters = 0;
    std::uint64_t highest_visible[longest_chain] = {};    // the last byte, of each physical adapter
    std::uint64_t frame_buffer_save[longest_chain] = {};  // bytes, of each
    unsigned reserved_count = 0;
    DXGK_PHYSICAL_MEMORY_RANGE reserved[most_reserved_ranges] = {};  // of the logical adapter
};

// Asks the driver of a chain; contexts[n] is what AddDevice returned for physical adapter n. In this order, which is
// that of the WDK pages "IOMMU-based GPU isolation" and "IOMMU DMA remapping":
//   DRIVERCAPS                of each
//   PHYSICAL_MEMORY_CAPS      of each, from WDDM 2.9 on; before, DXGK_DRIVERCAPS.HighestAcceptableAddress counts
//   IOMMU_CAPS                of each, from WDDM 2.9 on; before, IoMmuSecureModeSupported says whether isolation is
//   FRAMEBUFFERSAVESIZE       of each, with isolation or remapping
//   HARDWARERESERVEDRANGES    of the lead, with isolation or remapping: their number, then the ranges
// Output buffers are zeroed; the input is the index of the physical adapter, a UINT.
//
// A failed query is handed back. STATUS_DEVICE_CONFIGURATION_ERROR (ours): an answer that cannot be true: bytes written
// behind the buffer, nothing filled in, reserved bits, isolation required and not supported, physical adapters of one
// chain that disagree, a capability whose DDI was not registered, sizes and ranges that are not of whole pages, ranges
// that overlap or wrap, more than announced.
Outcome query_caps(Calls& calls, const DRIVER_INITIALIZATION_DATA& ddis, std::span<const PVOID> contexts, Caps& caps);

}  // namespace remap::miniport
