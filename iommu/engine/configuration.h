// SPDX-License-Identifier: MIT
// What this unit offers, and the words that say so.
#pragma once

#include "iommu/engine/options.h"
#include "iommu/paging/vtd_first_stage.h"
#include "iommu/paging/vtd_second_stage.h"

#include <cstdint>

namespace remap::iommu {

inline constexpr unsigned fault_records = 8;
inline constexpr unsigned maximum_address_mask = 18;  // a page-selective invalidation reaches 1 GiB
inline constexpr unsigned maximum_handle_mask = 15;   // one of interrupt entries reaches 32768 of them

// Where the registers lie whose place the specification leaves open.
inline constexpr std::uint64_t iotlb_registers = 0xf0;
inline constexpr std::uint64_t fault_registers = 0x220;

inline constexpr std::uint64_t register_window = 4096;  // bytes

struct Configuration {
    explicit Configuration(const Options& options);

    std::uint32_t version = 0;
    std::uint64_t capability = 0;
    std::uint64_t extended_capability = 0;
    unsigned address_width = 0;       // bits of a device's address
    unsigned host_address_width = 0;  // bits of a physical address
    bool scalable = false;
    bool device_tlb = false;
    bool page_requests = false;
    bool caching_mode = false;
    bool interrupt_remapping = false;
    bool extended_interrupts = false;
    unsigned first_stage_levels = 4;  // at most
    paging::VtdSecondStage::Limits second_stage;
    paging::VtdFirstStage::Limits first_stage;
    CacheGeometries caches;
    bool detect_stale_uses = false;
    std::uint64_t stale_grace = 0;

    bool supports_levels(unsigned levels) const;
    // Of a nested first stage the addresses are guest-physical: their width is for the second stage to judge.
    paging::VtdFirstStage::Limits first_stage_limits(bool nested) const;
    std::uint64_t host_address_mask() const { return low_bits(host_address_width); }
};

}  // namespace remap::iommu
