// SPDX-License-Identifier: MIT
#include "iommu/engine/configuration.h"

#include "iommu/spec/registers.h"

#include <algorithm>

namespace remap::iommu {

namespace {

// Draining (DRD, DWD) is not offered: whoever asked for a translation may still be copying when an invalidation ends.
// Major version 1, because later ones must drain and because register-based invalidation ends with version 5.
std::uint64_t capability_of(unsigned address_width, bool huge_pages) {
    namespace cap = vtd::capability;
    return cap::DomainsSupported::of(6) | cap::AdjustedGuestWidths::of(address_width == 48 ? 0b110 : 0b010) |
           cap::MaximumGuestWidth::of(address_width - 1) | cap::FaultRecordOffset::of(fault_registers / 16) |
           cap::LargePages::of(huge_pages ? 0b11 : 0) | cap::PageSelectiveInvalidation::of(true) |
           cap::FaultRecords::of(fault_records - 1) | cap::MaximumAddressMask::of(maximum_address_mask);
}

std::uint64_t extended_capability_of() {
    namespace ecap = vtd::extended_capability;
    return ecap::Coherent::of(true) | ecap::QueuedInvalidation::of(true) | ecap::PassThrough::of(true) |
           ecap::IotlbRegisterOffset::of(iotlb_registers / 16);
}

}  // namespace

Configuration::Configuration(const Options& options)
    : version(static_cast<std::uint32_t>(vtd::version::Major::of(1))),
      address_width(options.address_width >= 48 ? 48 : 39),
      host_address_width(std::clamp(options.host_address_width, 32u, vtd::widest_host_address)) {
    capability = capability_of(address_width, options.huge_pages);
    extended_capability = extended_capability_of();
    limits = {host_address_width, options.huge_pages ? paging::leaf_1g : paging::leaf_4k};
}

bool Configuration::supports_levels(unsigned levels) const {
    return levels >= 2 && levels <= 6 &&
           (vtd::capability::AdjustedGuestWidths::get(capability) >> vtd::context_entry::width_of(levels) & 1) != 0;
}

}  // namespace remap::iommu
