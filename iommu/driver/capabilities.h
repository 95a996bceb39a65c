// SPDX-License-Identifier: MIT
// What the capability registers promise, in the words of the driver (VT-d sections 11.4.2 and 11.4.3).
#pragma once

#include "iommu/paging/format.h"
#include "iommu/spec/registers.h"

#include <algorithm>
#include <cstdint>

namespace remap::vtd_driver {

class Capabilities {
public:
    Capabilities(std::uint64_t capability, std::uint64_t extended) : cap(capability), ecap(extended) {}

    // An absent unit reads as all ones, a powered down one may read as zeros.
    bool exists() const { return cap != 0 && ~cap != 0 && ecap != 0 && ~ecap != 0; }

    bool queue() const { return vtd::extended_capability::QueuedInvalidation::get(ecap); }
    bool interrupt_remapping() const { return vtd::extended_capability::InterruptRemapping::get(ecap); }
    bool extended_interrupts() const { return vtd::extended_capability::ExtendedInterruptMode::get(ecap); }
    bool pass_through() const { return vtd::extended_capability::PassThrough::get(ecap); }
    bool caching_mode() const { return vtd::capability::CachingMode::get(cap); }
    bool write_buffer() const { return vtd::capability::WriteBufferFlushing::get(cap); }

    bool has_levels(unsigned levels) const {
        return levels >= 3 && levels <= 4 && (vtd::capability::AdjustedGuestWidths::get(cap) >> (levels - 2) & 1) != 0;
    }
    unsigned most_levels() const { return has_levels(4) ? 4 : has_levels(3) ? 3 : 0; }
    unsigned address_width(unsigned levels) const {
        return std::min(static_cast<unsigned>(vtd::capability::MaximumGuestWidth::get(cap)) + 1,
                        paging::shift_of(levels + 1));
    }

    unsigned largest_leaf() const {
        const std::uint64_t sizes = vtd::capability::LargePages::get(cap);
        if ((sizes & 1) == 0) return paging::leaf_4k;
        return (sizes & 2) == 0 ? paging::leaf_2m : paging::leaf_1g;
    }

    // Domain ids 0 to this number less one. ND = 7 is reserved: taken as its largest meaning.
    unsigned domains() const {
        return 1u << (4 +
                      2 * std::min<unsigned>(6, static_cast<unsigned>(vtd::capability::DomainsSupported::get(cap))));
    }

    // The largest address mask of a page-selective invalidation; nothing offered: false.
    bool page_selective() const { return vtd::capability::PageSelectiveInvalidation::get(cap); }
    unsigned maximum_address_mask() const {
        return static_cast<unsigned>(vtd::capability::MaximumAddressMask::get(cap));
    }
    bool drains_reads() const { return vtd::capability::DrainReads::get(cap); }
    bool drains_writes() const { return vtd::capability::DrainWrites::get(cap); }

    std::uint64_t iotlb_registers() const { return vtd::extended_capability::IotlbRegisterOffset::get(ecap) * 16; }
    std::uint64_t fault_registers() const { return vtd::capability::FaultRecordOffset::get(cap) * 16; }
    unsigned fault_records() const { return static_cast<unsigned>(vtd::capability::FaultRecords::get(cap)) + 1; }

    std::uint64_t cap;
    std::uint64_t ecap;
};

}  // namespace remap::vtd_driver
