// SPDX-License-Identifier: MIT
#include "iommu/engine/configuration.h"

#include "iommu/spec/registers.h"
#include "iommu/spec/scalable_tables.h"

#include <algorithm>

namespace remap::iommu {

namespace {

unsigned supported_width(unsigned wanted) {
    if (wanted >= 57) return 57;
    return wanted >= 48 ? 48 : 39;
}

// SAGAW, a bit for each number of levels up to the widest. Three levels are always there.
std::uint64_t widths_up_to(unsigned address_width) {
    if (address_width == 57) return 0b1110;
    return address_width == 48 ? 0b110 : 0b010;
}

std::uint64_t capability_of(const Configuration& unit, bool huge_pages) {
    namespace cap = vtd::capability;
    return cap::DomainsSupported::of(6) | cap::CachingMode::of(unit.caching_mode) |
           cap::AdjustedGuestWidths::of(widths_up_to(unit.address_width)) |
           cap::MaximumGuestWidth::of(unit.address_width - 1) | cap::FaultRecordOffset::of(fault_registers / 16) |
           cap::LargePages::of(huge_pages ? 0b11 : 0) | cap::PageSelectiveInvalidation::of(true) |
           cap::FaultRecords::of(fault_records - 1) | cap::MaximumAddressMask::of(maximum_address_mask) |
           cap::DrainWrites::of(true) | cap::DrainReads::of(true) |
           cap::FirstStageHugePages::of(unit.scalable && huge_pages) |
           cap::FirstStageFiveLevels::of(unit.scalable && unit.first_stage_levels == 5);
}

// What scalable mode brings. Walks always snoop, so that SMPWCS is given.
std::uint64_t scalable_capability() {
    namespace ecap = vtd::extended_capability;
    return ecap::ScalableMode::of(true) | ecap::FirstStage::of(true) | ecap::SecondStage::of(true) |
           ecap::Nested::of(true) | ecap::SecondStageAccessedDirty::of(true) | ecap::ExtendedAccessedFlag::of(true) |
           ecap::SupervisorRequest::of(true) | ecap::Pasid::of(true) | ecap::PasidSize::of(vtd::pasid_bits - 1) |
           ecap::ScalableCoherent::of(true) | ecap::RequesterPasid::of(true);
}

// What device TLBs bring: the No Write flag of requests, the limit of pending invalidations that descriptors name; and
// with page requests, waits that drain them, and stop markers.
std::uint64_t device_tlb_capability(const Configuration& unit) {
    namespace ecap = vtd::extended_capability;
    if (!unit.device_tlb) return 0;
    return ecap::DeviceTlb::of(true) | ecap::NoWriteFlag::of(true) | ecap::DeviceTlbThrottle::of(true) |
           ecap::PageRequest::of(unit.page_requests) | ecap::PageRequestDrain::of(unit.page_requests) |
           ecap::StopMarker::of(unit.page_requests);
}

std::uint64_t interrupt_capability(const Configuration& unit) {
    namespace ecap = vtd::extended_capability;
    if (!unit.interrupt_remapping) return 0;
    return ecap::InterruptRemapping::of(true) | ecap::ExtendedInterruptMode::of(unit.extended_interrupts) |
           ecap::MaximumHandleMask::of(maximum_handle_mask);
}

std::uint64_t extended_capability_of(const Configuration& unit, const Options& options) {
    namespace ecap = vtd::extended_capability;
    return ecap::Coherent::of(true) | ecap::QueuedInvalidation::of(true) | ecap::PassThrough::of(true) |
           ecap::SnoopControl::of(options.snoop_control) | ecap::IotlbRegisterOffset::of(iotlb_registers / 16) |
           (options.scalable ? scalable_capability() : 0) | device_tlb_capability(unit) | interrupt_capability(unit);
}

}  // namespace

// Version 1 in legacy mode: register-based invalidation ends with version 5, and scalable mode begins with 3.
Configuration::Configuration(const Options& options)
    : version(static_cast<std::uint32_t>(vtd::version::Major::of(options.scalable ? 4 : 1))),
      address_width(supported_width(options.address_width)),
      host_address_width(std::clamp(options.host_address_width, 32u, vtd::widest_host_address)),
      scalable(options.scalable),
      device_tlb(options.device_tlb),
      page_requests(options.page_requests && options.device_tlb && options.scalable),
      caching_mode(options.caching_mode),
      interrupt_remapping(options.interrupt_remapping),
      extended_interrupts(options.interrupt_remapping && options.extended_interrupts),
      first_stage_levels(address_width == 57 ? 5 : 4),
      second_stage{host_address_width, options.huge_pages ? paging::leaf_1g : paging::leaf_4k, options.snoop_control},
      first_stage{host_address_width, options.huge_pages ? paging::leaf_1g : paging::leaf_2m},
      caches(options.caches.valid() ? options.caches : CacheGeometries{}),
      detect_stale_uses(options.detect_stale_uses),
      stale_grace(options.stale_grace) {
    capability = capability_of(*this, options.huge_pages);
    extended_capability = extended_capability_of(*this, options);
}

paging::VtdFirstStage::Limits Configuration::first_stage_limits(bool nested) const {
    paging::VtdFirstStage::Limits limits = first_stage;
    if (nested) limits.host_address_width = vtd::widest_host_address;
    return limits;
}

bool Configuration::supports_levels(unsigned levels) const {
    return levels >= 2 && levels <= 6 &&
           (vtd::capability::AdjustedGuestWidths::get(capability) >> vtd::context_entry::width_of(levels) & 1) != 0;
}

}  // namespace remap::iommu
