// SPDX-License-Identifier: MIT
// Translations the unit has made, kept until software invalidates them or newer ones need the place (VT-d section
// 6.2.4). An entry is used for its source id and PASID without looking at the tables of the device again (section
// 6.2.7), and is invalidated by the domain id it was made under.
//
// find() from any thread, the rest under the engine's lock.
#pragma once

#include "iommu/engine/domain_floors.h"
#include "iommu/engine/iotlb_line.h"
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

struct Configuration;

struct CachedTranslation {
    LogicalAddress first;  // of what the leaf spans
    unsigned shift = 0;    // of the leaf: 12, 21 or 30
    PhysicalAddress leaf;  // first byte of the leaf's memory
    SourceId source;
    bool tagged = false;  // the requests carry `pasid`; else it is the one that stands for requests without
    Pasid pasid;
    std::uint16_t domain = 0;
    TranslationKind kind = TranslationKind::SecondStage;
    Permits permits;
    bool dirty = false;  // a write needs no update of the tables
    bool quiet = false;  // faults of this device are not recorded
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

    // As it lies there, for those who have no time.
    using Hit = SetCache<3>::Hit;
    bool find(const Request& request, Hit& hit) const {
        const unsigned seen = sizes_seen_.load(std::memory_order_relaxed);
        const unsigned likely = likely_size_.load(std::memory_order_relaxed);
        unsigned size = likely;
        for (unsigned tried = 0; tried < sizes; ++tried, size = size + 1 == sizes ? 0 : size + 1) {
            if ((seen >> size & 1) == 0) continue;
            const unsigned shift = shift_of_size(size);
            const LogicalAddress first{request.address.value & ~low_bits(shift)};
            if (!cache_.find(iotlb_line::hash_of(first, shift), iotlb_line::key_of(first, shift, request), hit))
                continue;
            const std::uint64_t whom = hit.words[1];
            if (floors_.is_forgotten(iotlb_line::Domain::get(whom), iotlb_line::Kind::get(whom), hit.stamp)) continue;
            if (size != likely) likely_size_.store(size, std::memory_order_relaxed);
            return true;
        }
        return false;
    }

    // What find will look at first is on its way when this returns.
    void prepare(const Request& request) const {
        const unsigned shift = shift_of_size(likely_size_.load(std::memory_order_relaxed));
        cache_.prepare(iotlb_line::hash_of({request.address.value & ~low_bits(shift)}, shift));
    }

    void insert(const CachedTranslation& translation);

    void forget_all(std::uint64_t stamp);

    // Second-stage translations that touch the range; those with a first stage are the caller's business.
    void forget_second_stage(const PageRange& range);
    // Translations with a first stage that touch the range of the PASID.
    void forget_first_stage(const PageRange& range);
    // All translations of a PASID of a domain.
    void forget_pasid(std::uint16_t domain, Pasid pasid);

    // For snapshots; of an empty one when loading. Translations that were forgotten are left out.
    template <typename Archive>
    void state(Archive& archive, const Configuration& configuration, std::uint64_t newest_stamp);

private:
    using Words = iotlb_line::Words;

    static constexpr unsigned sizes = 3;
    static constexpr unsigned size_of(unsigned shift) { return (shift - paging::leaf_4k) / paging::bits_per_level; }
    static constexpr unsigned shift_of_size(unsigned size) { return paging::leaf_4k + size * paging::bits_per_level; }

    static Words pack(const CachedTranslation& translation);
    static CachedTranslation unpack(const Words& words, std::uint64_t stamp);
    bool is_dead(const CachedTranslation& one) const { return floors_.is_forgotten(one.domain, one.kind, one.stamp); }

    template <typename Wanted>
    void forget_range(const PageRange& range, Wanted&& wanted);

    SetCache<3> cache_;
    const DomainFloors& floors_;
    mutable std::atomic<unsigned> likely_size_{0};  // that of the last hit: devices seldom mix them
    std::atomic<unsigned> sizes_seen_{0};  // bit i: leaves of that size were inserted since everything was forgotten
};

}  // namespace remap::iommu
