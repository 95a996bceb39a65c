// SPDX-License-Identifier: MIT
// The stale-use detector: translations, and interrupts, that were served from a cache although memory says something
// else by now, and that no invalidation has taken back. On hardware such an access goes where software no longer
// expects it, and whether it does depends on what else the caches held: the mistake that shows on one machine only.
//
// Between a change of a table and the end of its invalidation an old entry may be used: the specification allows it. So
// a use that differs from memory opens a case. An invalidation that removes the entry closes the case: it was late, not
// forgotten. A case that is still open after the grace period is a stale use, and so is every use after that.
#pragma once

#include "iommu/engine/observer.h"
#include "iommu/engine/request.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace remap::iommu {

// What a request got, or would get.
struct Served {
    bool allowed = false;
    std::uint8_t fault_reason = 0;
    std::uint16_t domain = 0;
    PhysicalAddress address;
    std::uint32_t data = 0;  // of an interrupt's message
};

struct StaleUse {
    Request request;                              // the first one
    std::optional<std::uint16_t> interrupt = {};  // of an interrupt: the index of its entry
    Served served;                                // from the caches
    Served memory;                                // by the tables as they are
    PhysicalAddress entry_at;                     // the entry in which the walk of the tables ended, and what it holds
    std::uint64_t entry = 0;
    std::uint64_t parts = 0;      // of an access: the cache entries that had part in it (CacheParts)
    std::uint64_t cached_at = 0;  // stamps: nanoseconds of the machine's clock, if it has one
    std::uint64_t first_used_at = 0;
    std::uint64_t uses = 0;
};

class StaleUses {
public:
    static constexpr std::size_t most_cases = 64;

    // Off: nothing is looked for. `grace` is in units of stamps (nanoseconds). The observer may be null.
    void configure(bool on, std::uint64_t grace, Observer* observer) {
        on_ = on;
        grace_ = grace;
        observer_ = observer;
    }
    bool on() const { return on_; }

    // A use at time `now` that differs from memory. Uses of the same cache entries are one case: of accesses `parts`
    // tells which, else `cached_at` is unique to the entry.
    void note(const StaleUse& use, std::uint64_t now);

    // Closes the cases of which a cache entry is gone: `is_cached(use)` tells whether all still are there.
    template <typename IsCached>
    void invalidated(IsCached&& is_cached) {
        for (std::size_t i = 0; i < open_;) {
            if (is_cached(cases_[i].use)) {
                ++i;
            } else {
                close(i);
            }
        }
    }

    bool any_open() const { return open_ != 0; }

    // Decides the cases whose grace period has ended by `now`.
    void settle(std::uint64_t now);

    std::uint64_t stale() const { return stale_; }  // uses
    std::uint64_t late() const { return late_; }    // uses between a change and its invalidation
    // Uses of cases that had to make room for others before they were decided.
    std::uint64_t crowded() const { return crowded_; }

    // The most recent cases that were decided to be stale, oldest first.
    std::size_t report(std::array<StaleUse, most_cases>& to) const;

    void reset();

    // For snapshots: what was counted. Cases that are open are taken for late; reports stay behind.
    template <typename Archive>
    void state(Archive& archive) {
        std::uint64_t late = late_ + undecided();
        archive("stale", stale_);
        archive("late", late);
        if constexpr (Archive::reading) late_ = late;
        archive("crowded", crowded_);
    }

private:
    struct Case {
        StaleUse use;
        bool decided = false;
        std::uint64_t report = 0;  // once it is decided: the number of its report
    };

    std::uint64_t undecided() const;
    void close(std::size_t index);
    void decide(Case& one);
    void tell(const StaleUse& use) const;
    void make_room();
    void keep_report(const StaleUse& use);

    bool on_ = false;
    std::uint64_t grace_ = 0;
    Observer* observer_ = nullptr;
    std::array<Case, most_cases> cases_{};  // the first open_ of them
    std::size_t open_ = 0;
    std::array<StaleUse, most_cases> reports_{};
    std::uint64_t reported_ = 0;
    std::uint64_t stale_ = 0;
    std::uint64_t late_ = 0;
    std::uint64_t crowded_ = 0;
};

}  // namespace remap::iommu
