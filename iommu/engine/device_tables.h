// SPDX-License-Identifier: MIT
// What a device's tables say of its requests: root, context, PASID directory and PASID table entries (VT-d sections 3.4
// and 9.1 to 9.6), behind the context cache and the PASID cache (6.2.3, 6.2.6). The caches hold entries as they were
// read; they keep what passed every check, and with CAP.CM = 1 also what was not present or wrong.
#pragma once

#include "iommu/engine/cache_parts.h"
#include "iommu/engine/configuration.h"
#include "iommu/engine/domain_floors.h"
#include "iommu/engine/explanation.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/request.h"
#include "iommu/engine/set_cache.h"
#include "iommu/engine/translation_state.h"
#include "iommu/spec/fault.h"
#include "iommu/spec/registers.h"
#include "iommu/spec/scalable_tables.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace remap::iommu {

// How a request is translated.
struct Route {
    TranslationKind kind = TranslationKind::SecondStage;
    std::uint16_t domain = 0;
    Pasid pasid = {};  // the request's, or the one that stands for requests without
    bool scalable = false;
    bool quiet = false;       // faults are not recorded
    bool device_tlb = false;  // the device may ask for translations and use them
    bool page_requests = false;
    bool privileged = false;          // what counts for this request
    bool supervisor_requests = true;  // SRE

    PhysicalAddress second_stage = {};
    unsigned second_levels = 0;
    bool second_accessed_dirty = false;
    bool walk_snoop = true;  // walks snoop the processors' caches (PWSNP), without which no bit can be set in tables

    PhysicalAddress first_stage = {};  // guest-physical where nested
    unsigned first_levels = 0;
    bool write_protect = false;  // supervisor writes need the write right too
    bool supervisor_execute_prevention = false;
    bool no_execute = false;
    bool extended_accessed = false;
    bool snooped = false;  // PGSNP
};

// A route, or why there is none; of that, too, the tables say whether it is recorded.
struct RouteOutcome {
    Route route;
    vtd::FaultReason reason = vtd::FaultReason::None;
    PhysicalAddress entry_at = {};  // the last entry that was looked at, unless it came from a cache,
    std::uint64_t entry = 0;        // and its first word
};

// What a look at tables may use and leave behind.
struct Manner {
    bool use_caches = true;
    bool fill_caches = true;
    std::uint64_t stamp = 0;  // for what is filled in
    CacheParts* parts = nullptr;
    LookupTrace* trace = nullptr;

    void used(CacheKind kind, std::uint64_t cached_at) const {
        if (parts != nullptr) parts->add(kind, cached_at);
    }
    // Whether accessed and dirty bits are looked after. A look-up that only wants to know sets none, but meets the
    // faults that come of setting them.
    bool marks() const { return fill_caches || trace != nullptr; }
    void went(const TableStep& step) const {
        if (trace != nullptr) trace->add(step);
    }
};
inline constexpr Manner from_memory_alone{.use_caches = false, .fill_caches = false};

class DeviceTables {
public:
    DeviceTables(const Configuration& configuration, MemoryPort& memory);

    RouteOutcome find(const TranslationState& state, const Request& request, const Manner& manner);

    // What the root and context entries alone say: all there is to know of translated requests, and of page requests.
    RouteOutcome find_start(const TranslationState& state, const Request& request, const Manner& manner);

    // The route if the caches know all of it. Any thread; the rest needs the engine's lock.
    std::optional<RouteOutcome> find_cached(const TranslationState& state, const Request& request) const;
    std::optional<RouteOutcome> find_cached_start(const TranslationState& state, const Request& request) const;

    void forget_contexts(std::uint64_t stamp);
    // Device: the sources that equal `source` but for the bits in `ignored_bits`, and belong to the domain. Entries of
    // scalable mode belong to no domain (6.5.2.1).
    void forget_contexts(vtd::ContextGranularity granularity, std::uint16_t domain, SourceId source,
                         std::uint16_t ignored_bits);

    void forget_pasids(std::uint64_t stamp);
    void forget_pasids(std::uint16_t domain, std::optional<Pasid> pasid);

    // For snapshots; of empty caches when loading.
    template <typename Archive>
    void state(Archive& archive, std::uint64_t newest_stamp);

private:
    // A context entry: two words in legacy mode, four in scalable mode, of which the last two have to be zero.
    struct ContextEntry {
        bool scalable = false;
        std::uint64_t low = 0;
        std::uint64_t high = 0;
        vtd::FaultReason reason = vtd::FaultReason::None;
        PhysicalAddress at = {};  // of the last entry read, as the next one; or
        std::uint64_t entry = 0;
        std::uint64_t stamp = 0;  // when it was cached
    };
    struct PasidEntry {
        std::uint64_t words[3] = {};
        vtd::FaultReason reason = vtd::FaultReason::None;
        bool quiet = false;       // the directory entry's FPD
        PhysicalAddress at = {};  // as above
        std::uint64_t entry = 0;
        std::uint64_t stamp = 0;
    };
    using ContextWords = CacheWords<4>;
    using PasidWords = CacheWords<5>;

    std::optional<ContextEntry> cached_context(SourceId source, bool scalable) const;
    ContextEntry find_context(const TranslationState& state, SourceId source, const Manner& manner);
    ContextEntry read_legacy_context(const TranslationState& state, SourceId source, const Manner& manner);
    ContextEntry read_scalable_context(const TranslationState& state, SourceId source, const Manner& manner);
    vtd::FaultReason check_legacy(std::uint64_t low, std::uint64_t high) const;
    vtd::FaultReason check_scalable(const vtd::scalable_context_entry::Words& words) const;

    std::optional<PasidEntry> cached_pasid(SourceId source, Pasid pasid) const;
    PasidEntry find_pasid(const ContextEntry& context, SourceId source, Pasid pasid, const Manner& manner);
    PasidEntry read_pasid(const ContextEntry& context, Pasid pasid, const Manner& manner);
    template <std::size_t Count>
    bool read_entry(TableStep::What what, PhysicalAddress from, std::uint64_t (&words)[Count], const Manner& manner);
    vtd::FaultReason check_pasid(const std::uint64_t (&words)[8]) const;
    bool may_cache(vtd::FaultReason kept, vtd::FaultReason due) const;

    RouteOutcome legacy_route(const ContextEntry& context, const Request& request) const;
    // What the context entry says of a request before a PASID table entry is looked at.
    RouteOutcome scalable_start(const ContextEntry& context, const Request& request) const;
    RouteOutcome scalable_route(const RouteOutcome& start, const PasidEntry& entry, const Request& request) const;

    const Configuration& configuration_;
    MemoryPort& memory_;
    SetCache<4> contexts_;
    SetCache<5> pasids_;
};

}  // namespace remap::iommu
