// SPDX-License-Identifier: MIT
// Translations the unit has made, kept until software invalidates them or newer ones need the place (VT-d section
// 6.2.4). An entry is used for its source id and PASID without looking at the tables of the device again (section
// 6.2.7), and is invalidated by the domain id it was made under.
//
// find() from any thread, the rest under the engine's lock.
#pragma once

#include "iommu/engine/domain_floors.h"
#include "iommu/engine/permits.h"
#include "iommu/engine/request.h"
#include "iommu/engine/set_cache.h"
#include "iommu/paging/format.h"
#include "iommu/spec/fault.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace remap::iommu {

struct CachedTranslation {
    LogicalAddress first;   // of what the leaf spans
    unsigned shift = 0;     // of the leaf: 12, 21 or 30
    PhysicalAddress leaf;   // first byte of the leaf's memory
    SourceId source;
    bool tagged = false;    // the requests carry `pasid`; else it is the one that stands for requests without
    Pasid pasid;
    std::uint16_t domain = 0;
    TranslationKind kind = TranslationKind::SecondStage;
    Permits permits;
    bool dirty = false;     // a write needs no update of the tables
    bool quiet = false;     // faults of this device are not recorded
    bool snooped = false;
    // With CAP.CM = 1, what is not mapped is cached too: no permits, and the reason.
    vtd::FaultReason refusal = vtd::FaultReason::None;
    std::uint64_t stamp = 0;

    PhysicalAddress translate(LogicalAddress address) const { return leaf + (address.value & low_bits(shift)); }

    // Legacy mode knows pages that are not present only as pages without the right that is asked for.
    bool refusal_lacks_right() const {
        return refusal == vtd::FaultReason::NoRead || refusal == vtd::FaultReason::NoWrite;
    }
};

// What page-selective invalidations name: 2^mask pages around an address, of a domain, and perhaps of one PASID.
struct PageRange {
    std::uint16_t domain = 0;
    std::optional<Pasid> pasid;
    LogicalAddress address;
    unsigned mask = 0;

    bool touches(LogicalAddress first, unsigned shift) const {
        const unsigned common = std::max(page_shift + mask, shift);
        return common >= 64 || ((first.value ^ address.value) >> common) == 0;
    }
};

class Iotlb {
public:
    Iotlb(CacheGeometry geometry, const DomainFloors& floors) : cache_(geometry), floors_(floors) {}

    std::optional<CachedTranslation> find(const Request& request) const;
    void insert(const CachedTranslation& translation);

    void forget_all(std::uint64_t stamp);

    // Second-stage translations that touch the range; those with a first stage are the caller's business.
    void forget_second_stage(const PageRange& range);
    // Translations with a first stage that touch the range of the PASID.
    void forget_first_stage(const PageRange& range);
    // All translations of a PASID of a domain.
    void forget_pasid(std::uint16_t domain, Pasid pasid);

    // Calls visit(translation) for everything that is cached now.
    template <typename Visit>
    void for_each(Visit&& visit) {
        cache_.remove_if([&](const Words& words, std::uint64_t stamp) {
            const CachedTranslation one = unpack(words, stamp);
            if (!is_dead(one)) visit(one);
            return false;
        });
    }

private:
    static constexpr unsigned sizes = 3;
    using Words = CacheWords<3>;

    static Words pack(const CachedTranslation& translation);
    static CachedTranslation unpack(const Words& words, std::uint64_t stamp);
    static CacheKey key_of(LogicalAddress first, unsigned shift, const Request& request);
    static std::uint64_t hash_of(LogicalAddress first, unsigned shift);
    bool is_dead(const CachedTranslation& one) const { return floors_.is_forgotten(one.domain, one.kind, one.stamp); }

    template <typename Wanted>
    void forget_range(const PageRange& range, Wanted&& wanted);

    SetCache<3> cache_;
    const DomainFloors& floors_;
    std::atomic<unsigned> sizes_seen_{0};  // bit i: leaves of that size were inserted since everything was forgotten
};

}  // namespace remap::iommu
