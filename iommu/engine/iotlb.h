// SPDX-License-Identifier: MIT
// Translations the unit has made, kept until software invalidates them or newer ones need the place (VT-d section
// 6.2.4). An entry is used for its source id without looking at the context entry again (section 6.2.7), and is
// invalidated by the domain id it was made under.
#pragma once

#include "iommu/engine/iommu.h"
#include "iommu/paging/format.h"
#include "iommu/spec/registers.h"

#include <array>
#include <cstdint>
#include <vector>

namespace remap::iommu {

struct CachedTranslation {
    std::uint64_t tag = 0;  // device address >> shift
    PhysicalAddress leaf;   // first byte of the leaf's memory
    SourceId source;
    std::uint16_t domain = 0;
    std::uint8_t shift = 0;  // of the leaf: 12, 21 or 30; 0: the place is empty
    paging::Rights rights;
    bool quiet = false;  // the context entry's fault processing disable

    PhysicalAddress translate(LogicalAddress address) const { return leaf + (address.value & low_bits(shift)); }
};

class Iotlb {
public:
    Iotlb() : lines_(sets * ways) {}

    const CachedTranslation* find(SourceId source, LogicalAddress address) const;
    void insert(const CachedTranslation& translation);
    void clear();

    // Page: every translation of the domain that touches the 2^address_mask pages around the address.
    void invalidate(vtd::IotlbGranularity granularity, std::uint16_t domain, LogicalAddress address,
                    unsigned address_mask);

private:
    static constexpr unsigned sets = 1024;
    static constexpr unsigned ways = 4;
    static constexpr unsigned sizes = 3;

    static unsigned size_of(unsigned shift) { return (shift - paging::leaf_4k) / paging::bits_per_level; }
    static unsigned shift_of(unsigned size) { return paging::leaf_4k + size * paging::bits_per_level; }

    // Sources share the sets, so that a page is found for all of them by looking into one set.
    static unsigned set_of(std::uint64_t tag) { return static_cast<unsigned>(tag ^ tag >> 10 ^ tag >> 20) % sets; }

    void drop(CachedTranslation& line);
    void drop_pages(std::uint16_t domain, LogicalAddress first, unsigned address_mask);

    std::vector<CachedTranslation> lines_;     // `ways` lines a set
    std::array<std::uint8_t, sets> next_{};    // way to replace
    std::array<std::uint64_t, sizes> live_{};  // lines of each leaf size: no probe for sizes nobody uses
};

}  // namespace remap::iommu
