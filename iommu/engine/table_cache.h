// SPDX-License-Identifier: MIT
// Paging-structure cache: where the tables below the root of a translation lie (VT-d section 6.2.5), so that a walk
// begins as far down as it can. Kept until software invalidates it; an invalidation whose hint says that only leaves
// have changed (IH) leaves it alone.
#pragma once

#include "iommu/engine/domain_floors.h"
#include "iommu/engine/iotlb.h"
#include "iommu/engine/set_cache.h"
#include "iommu/paging/format.h"

#include <cstdint>
#include <optional>

namespace remap::iommu {

// Which tables: those of a domain's second stage, or those of a PASID's first stage, which may be nested.
struct TableOwner {
    std::uint16_t domain = 0;
    Pasid pasid;  // of a first stage; 0 for a second
    TranslationKind kind = TranslationKind::SecondStage;
    // The entries on the way had their bits set that a walk sets by SSADE, or by EAFE. A walk that has to set them does
    // not pass over entries in which a walk without has not.
    bool marked = false;
};

struct CachedTable {
    unsigned level = 0;     // 1: its entries are leaves of 4 KiB
    PhysicalAddress table;  // a guest-physical address where the first stage is nested
    paging::Rights rights;  // of the entries on the way to it
    std::uint64_t stamp = 0;
};

class TableCache {
public:
    TableCache(CacheGeometry geometry, const DomainFloors& floors) : cache_(geometry), floors_(floors) {}

    // The lowest table known on the way to an address, of a translation with that many levels. Any thread.
    std::optional<CachedTable> find(const TableOwner& owner, std::uint64_t address, unsigned levels) const;

    // Under the engine's lock, as all that follows.
    void insert(const TableOwner& owner, std::uint64_t address, const CachedTable& table);

    void forget_all(std::uint64_t stamp) { cache_.forget_up_to(stamp); }
    void forget_second_stage(const PageRange& range);
    void forget_first_stage(const PageRange& range);
    void forget_pasid(std::uint16_t domain, Pasid pasid);

    // For snapshots; of an empty one when loading.
    template <typename Archive>
    void state(Archive& archive, const Configuration& configuration, std::uint64_t newest_stamp);

private:
    using Words = CacheWords<3>;
    static constexpr unsigned most_levels = 5;

    static CacheKey key_of(const TableOwner& owner, std::uint64_t address, unsigned level);
    static std::uint64_t hash_of(std::uint16_t domain, Pasid pasid, std::uint64_t address, unsigned level);

    template <typename Wanted>
    void forget_range(const PageRange& range, Wanted&& wanted);

    SetCache<3> cache_;
    const DomainFloors& floors_;
};

}  // namespace remap::iommu
