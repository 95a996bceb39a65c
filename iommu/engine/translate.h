// SPDX-License-Identifier: MIT
// The way of one device access: IOTLB, the device's tables, the walk (VT-d sections 3.4 to 3.8 and 6.2.7), and what
// invalidations take out of the caches (6.5).
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/counter.h"
#include "iommu/engine/device_tables.h"
#include "iommu/engine/iotlb.h"
#include "iommu/engine/observer.h"
#include "iommu/engine/outside.h"
#include "iommu/engine/stage_walk.h"
#include "iommu/engine/stale_uses.h"
#include "iommu/engine/stamp_clock.h"
#include "iommu/engine/table_cache.h"
#include "iommu/engine/translation_state.h"

#include <cstdint>
#include <optional>

namespace remap::iommu {

// A translation, and whether its fault is to be kept out of the fault log.
struct Outcome {
    Translation translation;
    bool quiet = false;
};

// A request that is an interrupt by its address. One with a PASID is a memory request like any other (3.15).
bool is_interrupt(const Request& request);

class Translator {
public:
    Translator(const Configuration& configuration, MemoryPort& memory, StampClock& stamps, const Outside& outside);

    // A translation that needs no table and is allowed: from the IOTLB, or for a device that passes through. Any
    // thread, without a lock. False for all else, and while stale uses are looked for.
    bool find(const TranslationState& state, const Request& request, Translation& into);
    void prepare(const Request& request) const { iotlb_.prepare(request); }
    bool peek(const TranslationState& state, const Request& request, Translation& into);  // the same, and not counted

    // The answer to a request that an injector has refused, for a reason or for none. Any thread.
    Translation tampered_refusal(const TranslationState& state, const Request& request, vtd::FaultReason reason);

    // Under the engine's lock, as all that follows.
    Outcome translate(const TranslationState& state, const Request& request);

    // As translate, but nothing is cached, counted or set in tables.
    Outcome probe(const TranslationState& state, const Request& request);

    // The same by the tables alone, entry by entry, and by the caches (explanation.h).
    Explanation explain(const TranslationState& state, const Request& request);

    // How the tables say that requests are translated, or why not. Translation is on.
    RouteOutcome find_route(const TranslationState& state, const Request& request);

    // Why a page request is not let through, if it is not.
    struct PageVerdict {
        vtd::FaultReason reason = vtd::FaultReason::None;
        bool quiet = false;
    };
    PageVerdict check_page_request(const TranslationState& state, const PageRequest& request);

    // What is cached for the page of a request that was let through.
    void forget_requested_page(const TranslationState& state, const PageRequest& request);

    // Invalidations, once the gate has let them through: what it says of them is returned.
    //
    // `masked_functions`: how many function number bits are ignored, 0 to 3, by table 21 of section 6.5.2.1.
    CommandFate invalidate_contexts(vtd::ContextGranularity granularity, std::uint16_t domain, SourceId source,
                                    unsigned masked_functions);

    // Nothing named: all; a domain; or a PASID in a domain.
    CommandFate invalidate_pasids(std::optional<std::uint16_t> domain, std::optional<Pasid> pasid);

    // Second-stage translations, and what is nested in them. Addresses beyond the unit's width are cut off (6.5.2.3).
    // `leaves_only`: the paging-structure cache may stay.
    CommandFate invalidate_iotlb();
    CommandFate invalidate_iotlb(std::uint16_t domain);
    CommandFate invalidate_iotlb(const PageRange& range, bool leaves_only);

    // First-stage and nested translations of a PASID (6.5.2.4).
    CommandFate invalidate_pasid_iotlb(std::uint16_t domain, Pasid pasid);
    CommandFate invalidate_pasid_iotlb(const PageRange& range, bool leaves_only);

    void reset();

    // For snapshots. Loading replaces what was there.
    template <typename Archive>
    void state(Archive& archive) {
        if constexpr (Archive::reading) {
            reset();
            floors_.reset();
        }
        devices_.state(archive, stamps_.last());
        iotlb_.state(archive, configuration_, stamps_.last());
        tables_.state(archive, configuration_, stamps_.last());
        archive("stale uses", stale_uses_);
        archive("translations", lookups_);
        archive("walks", walks_);
    }

    // Decides the cases of stale uses whose grace has ended.
    void settle_stale_uses() { stale_uses_.settle(stamps_.next()); }
    const StaleUses& stale_uses() const { return stale_uses_; }
    const Counter& lookups() const { return lookups_; }
    const Counter& walks() const { return walks_; }

private:
    // An outcome, and what the tables or caches said that led to it.
    struct Resolved {
        Outcome outcome;
        std::optional<CachedTranslation> line;  // what may be cached, or was
        bool from_iotlb = false;
        vtd::FaultReason unsaid = vtd::FaultReason::None;  // of translation requests: also what the device may mend
        PhysicalAddress entry_at = {};  // the last entry that was looked at in memory, and its first word
        std::uint64_t entry = 0;
    };

    Resolved resolve(const TranslationState& state, const Request& request, const Manner& manner);
    Resolved resolve_rights(const TranslationState& state, const Request& request, const Manner& manner);
    Resolved resolve_watched(const TranslationState& state, const Request& request, const Manner& manner);
    static void finish_rights(const TranslationState& state, const Request& request, Translation& answer);
    bool find_translated(const TranslationState& state, const Request& request, Translation& into);
    std::optional<Resolved> resolve_cached(const TranslationState& state, const Request& request,
                                           const Manner& manner) const;
    Resolved walk(const TranslationState& state, const Request& request, const Route& route, const Manner& manner);
    Resolved pass_through(const TranslationState& state, const Request& request, const Route& route) const;
    Outcome answer(const TranslationState& state, const Request& request, const CachedTranslation& line) const;
    bool usable(const TranslationState& state, const Request& request, const CachedTranslation& line) const;
    void look_for_staleness(const TranslationState& state, const Request& request, const Resolved& served,
                            const CacheParts& parts);
    void close_stale_uses();
    template <typename Work>
    CommandFate carry_out(const Invalidation& command, Work&& work);

    const Configuration& configuration_;
    StampClock& stamps_;
    Outside outside_;
    DomainFloors floors_;
    DeviceTables devices_;
    Iotlb iotlb_;
    TableCache tables_;
    StageWalk stages_;
    StaleUses stale_uses_;
    TranslationState last_state_;  // of the latest translation that stale uses were looked for in
    Counter lookups_;
    Counter walks_;
};

}  // namespace remap::iommu
