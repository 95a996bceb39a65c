// SPDX-License-Identifier: MIT
// Which cache entries had part in an answer. The stale-use detector asks for it: an answer that is out of date can only
// come from one of them, and is forgiven once an invalidation has removed one.
#pragma once

#include <algorithm>
#include <cstdint>

namespace remap::iommu {

// Where an entry is from. A table cache has several entries with one stamp: they are added in the order of a walk.
enum class CacheKind : std::uint8_t { Context, Pasid, Table, Iotlb };

struct CacheParts {
    std::uint64_t digest = 0;  // of what the entries are known by; 0: no entry had part
    std::uint64_t oldest = 0;  // the least of their stamps
    std::uint8_t kinds = 0;    // a bit for each CacheKind that had part

    void add(CacheKind kind, std::uint64_t stamp) {
        oldest = digest == 0 ? stamp : std::min(oldest, stamp);
        kinds = static_cast<std::uint8_t>(kinds | 1u << static_cast<unsigned>(kind));
        digest = ((digest + stamp) * 4 + static_cast<unsigned>(kind)) * 0x9e37'79b9'7f4a'7c15 | 1;
    }
    bool has(CacheKind kind) const { return (kinds >> static_cast<unsigned>(kind) & 1) != 0; }
};

}  // namespace remap::iommu
