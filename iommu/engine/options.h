// SPDX-License-Identifier: MIT
// How a unit is built.
#pragma once

#include "iommu/engine/set_cache.h"

#include <cstdint>

namespace remap::iommu {

// The largest that any cache may be: what one entry takes is 32 to 48 bytes.
inline constexpr unsigned most_cache_entries = 1 << 22;

struct CacheGeometries {
    CacheGeometry contexts{256, 4};
    CacheGeometry pasids{1024, 4};
    CacheGeometry tables{1024, 4};  // paging-structure cache
    CacheGeometry iotlb{1 << 17, 8};
    CacheGeometry interrupts{1024, 4};  // interrupt entry cache

    bool valid() const {
        return contexts.valid(most_cache_entries) && pasids.valid(most_cache_entries) &&
               tables.valid(most_cache_entries) && iotlb.valid(most_cache_entries) &&
               interrupts.valid(most_cache_entries);
    }
    friend constexpr bool operator==(const CacheGeometries&, const CacheGeometries&) = default;
};

struct Options {
    unsigned address_width = 48;       // bits a device's address may have: 39, 48 or 57
    bool huge_pages = true;            // leaves of 2 MiB and 1 GiB in second stages, of 1 GiB in first stages
    unsigned host_address_width = 46;  // bits of physical addresses, 32 to 52; what the DMAR table tells
    bool scalable = false;             // scalable mode: PASIDs, first-stage and nested translation
    bool snoop_control = false;        // ECAP.SC
    bool caching_mode = false;         // CAP.CM: what is not mapped is cached too
    bool interrupt_remapping = false;  // ECAP.IR
    bool extended_interrupts = false;  // ECAP.EIM: destinations of 32 bits; only with interrupt remapping
    CacheGeometries caches = {};

    // The stale-use detector (stale_uses.h). It compares every translation with the tables, which costs a walk each.
    bool detect_stale_uses = false;
    std::uint64_t stale_grace = 0;  // nanoseconds of the machine's clock; without a clock, translations and commands

    static bool supports_width(unsigned bits) { return bits == 39 || bits == 48 || bits == 57; }
};

}  // namespace remap::iommu
