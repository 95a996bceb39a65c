// SPDX-License-Identifier: MIT
// The way of one interrupt request: its format, its table entry, the message that goes to the processors (VT-d chapter
// 5), and the interrupt entry cache (section 6.4).
//
// The cache holds entries as they were read. What is looked up in it is judged anew each time: by the request's source,
// and by the mode and the table size that the last SIRTP has set.
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/counter.h"
#include "iommu/engine/explanation.h"
#include "iommu/engine/interrupt_state.h"
#include "iommu/engine/observer.h"
#include "iommu/engine/outside.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/request.h"
#include "iommu/engine/set_cache.h"
#include "iommu/engine/stale_uses.h"
#include "iommu/engine/stamp_clock.h"
#include "iommu/spec/fault_reasons.h"

#include <cstdint>
#include <optional>
#include <utility>

namespace remap::iommu {

// A write of 32 bits to the interrupt range, as the unit gets it.
struct InterruptRequest {
    SourceId source;
    InterruptMessage message;
    SourceCheck check = SourceCheck::ByEntry;
};

// What becomes of an interrupt request: the message to send, or why there is none.
struct InterruptVerdict {
    vtd::FaultReason reason = vtd::FaultReason::None;
    bool quiet = false;       // the fault is not recorded
    bool unverified = false;  // allowed, although the entry refuses the source
    bool dropped = false;     // by an injector, for no reason
    std::uint16_t index = 0;  // what a fault record has in bits 63:48 of FI
    InterruptMessage message;

    bool allowed() const { return reason == vtd::FaultReason::None && !dropped; }
};

class InterruptRemapper {
public:
    InterruptRemapper(const Configuration& configuration, MemoryPort& memory, StampClock& stamps,
                      const Outside& outside);

    // A verdict that needs no table. Any thread, without a lock. Nothing while stale uses are looked for.
    std::optional<InterruptVerdict> find(const InterruptState& state, const InterruptRequest& request);

    // Under the engine's lock, as all that follows.
    InterruptVerdict remap(const InterruptState& state, const InterruptRequest& request);

    // The verdict on a request that an injector has refused, for a reason or for none. Any thread.
    InterruptVerdict tampered_refusal(const InterruptRequest& request, vtd::FaultReason reason);

    // As remap, but nothing is cached or counted.
    InterruptVerdict probe(const InterruptState& state, const InterruptRequest& request) const;

    // The same by the table alone, and by the cache.
    InterruptExplanation explain(const InterruptState& state, const InterruptRequest& request) const;

    // iec_inv_dsc (6.5.2.7): all entries, or those whose index equals `index` but for its `mask` low bits. Once the
    // gate has let it through: what it says is returned.
    CommandFate invalidate();
    CommandFate invalidate(std::uint16_t index, unsigned mask);

    // Whether entries were invalidated since this was last asked.
    bool take_invalidated() { return std::exchange(invalidated_, false); }

    void reset();

    // For snapshots. Loading replaces what was there.
    template <typename Archive>
    void state(Archive& archive) {
        if constexpr (Archive::reading) reset();
        cache_.state(archive, "interrupt entry cache", stamps_.last(), [](const CacheWords<3>& words, auto& to) {
            to = {words[0], key_of(words[0])};
            return words[0] <= 0xffff;
        });
        archive("stale interrupts", stale_uses_);
        archive("interrupts", requests_);
        archive("interrupt fetches", fetches_);
        archive("unverified interrupts", unverified_);
    }

    void settle_stale_uses() { stale_uses_.settle(stamps_.next()); }
    const StaleUses& stale_uses() const { return stale_uses_; }
    const Counter& requests() const { return requests_; }
    const Counter& fetches() const { return fetches_; }
    const Counter& unverified() const { return unverified_; }

private:
    // An entry's two words and, if it was cached, when.
    struct Entry {
        std::uint64_t low = 0;
        std::uint64_t high = 0;
        std::uint64_t cached_at = 0;
    };
    // What can be said before the table is looked at: a verdict, or an index inside the table.
    struct Start {
        std::optional<InterruptVerdict> verdict;
        std::uint16_t index = 0;
    };

    // An entry is found by its index alone: the second word is what it says.
    static CacheKey key_of(std::uint64_t index) { return {index, 0, 0}; }

    InterruptVerdict look_up(const InterruptState& state, const InterruptRequest& request);
    Start start(const InterruptState& state, const InterruptRequest& request) const;
    std::optional<Entry> cached(std::uint16_t index) const;
    std::optional<Entry> fetch(const InterruptState& state, std::uint16_t index) const;
    std::optional<Entry> fetch_watched(const InterruptState& state, const InterruptRequest& request,
                                       std::uint16_t index) const;
    void look_for_staleness(const InterruptState& state, const InterruptRequest& request,
                            const InterruptVerdict& served, std::uint64_t cached_at);
    template <typename Work>
    CommandFate carry_out(const Invalidation& command, Work&& work);

    const Configuration& configuration_;
    MemoryPort& memory_;
    StampClock& stamps_;
    Outside outside_;
    SetCache<3> cache_;
    StaleUses stale_uses_;
    bool invalidated_ = false;
    Counter requests_;
    Counter fetches_;
    Counter unverified_;
};

}  // namespace remap::iommu
