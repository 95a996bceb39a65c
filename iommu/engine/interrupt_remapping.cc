// SPDX-License-Identifier: MIT
#include "iommu/engine/interrupt_remapping.h"

#include "iommu/spec/fault.h"

namespace remap::iommu {

using vtd::FaultReason;
namespace entry = vtd::interrupt_entry;
namespace remappable = vtd::remappable;

namespace {

constexpr auto nobody_is_dead = [](const CacheWords<3>&, std::uint64_t) { return false; };

InterruptVerdict pass(const InterruptMessage& message) { return {.message = message}; }

InterruptVerdict refuse(FaultReason reason, std::uint32_t index, bool disabled = false) {
    return {.reason = reason,
            .quiet = disabled && vtd::is_qualified(reason),
            .index = static_cast<std::uint16_t>(index),
            .message = {}};
}

FaultReason check(std::uint64_t low, std::uint64_t high, bool extended) {
    if (!entry::Present::get(low)) return FaultReason::InterruptNotPresent;
    if ((low & entry::reserved_low(extended)) != 0 || (high & entry::reserved_high) != 0)
        return FaultReason::InterruptReserved;
    return FaultReason::None;
}

// Faults of an entry that has FPD are not recorded, present or not.
InterruptVerdict judge(const InterruptState& state, const InterruptRequest& request, std::uint16_t index,
                       std::uint64_t low, std::uint64_t high) {
    FaultReason reason = check(low, high, state.extended());
    const bool refused = reason == FaultReason::None && !entry::allows(high, request.source.value);
    if (refused && request.check == SourceCheck::ByEntry) reason = FaultReason::InterruptSourceRefused;
    if (reason != FaultReason::None) return refuse(reason, index, entry::FaultProcessingDisable::get(low));
    InterruptVerdict verdict = pass(entry::message_of(low, state.extended()));
    verdict.unverified = refused;
    return verdict;
}

Served served_by(const InterruptVerdict& verdict) {
    return {.allowed = verdict.allowed(),
            .fault_reason = static_cast<std::uint8_t>(verdict.reason),
            .address = {verdict.message.address},
            .data = verdict.message.data};
}

}  // namespace

InterruptRemapper::InterruptRemapper(const Configuration& configuration, MemoryPort& memory, StampClock& stamps,
                                     const Outside& outside)
    : configuration_(configuration),
      memory_(memory),
      stamps_(stamps),
      outside_(outside),
      cache_(configuration.caches.interrupts) {
    stale_uses_.configure(configuration.detect_stale_uses, configuration.stale_grace, outside.observer);
}

// Sections 5.1.2 to 5.1.4, in the order in which the unit gets to know.
InterruptRemapper::Start InterruptRemapper::start(const InterruptState& state, const InterruptRequest& whole) const {
    const InterruptMessage& request = whole.message;
    if (!state.enabled()) return {.verdict = pass(request)};
    if (!remappable::Remappable::get(request.address)) {
        const bool passes = state.compatibility_passes() && !state.extended();
        return {.verdict = passes ? pass(request) : refuse(FaultReason::InterruptFormatBlocked, 0)};
    }
    const std::uint32_t index = remappable::index_of(request);
    if (remappable::SubhandleValid::get(request.address) && (request.data & remappable::reserved_data) != 0)
        return {.verdict = refuse(FaultReason::InterruptRequestReserved, index)};
    const std::uint64_t end = state.table() + (std::uint64_t{index} + 1) * entry::bytes;
    if (index >= state.entries() || end > configuration_.host_address_mask() + 1)
        return {.verdict = refuse(FaultReason::InterruptIndexBeyondTable, index)};
    return {.verdict = {}, .index = static_cast<std::uint16_t>(index)};
}

std::optional<InterruptRemapper::Entry> InterruptRemapper::cached(std::uint16_t index) const {
    const auto hit = cache_.find(index, key_of(index));
    if (!hit) return std::nullopt;
    return Entry{hit->words[1], hit->words[2], hit->stamp};
}

// An entry is read in one go (section 9.9).
std::optional<InterruptRemapper::Entry> InterruptRemapper::fetch(const InterruptState& state,
                                                                 std::uint16_t index) const {
    std::uint64_t words[2] = {};
    if (!memory_.read({state.table() + std::uint64_t{index} * entry::bytes}, words, sizeof words)) return std::nullopt;
    return Entry{words[0], words[1], 0};
}

std::optional<InterruptRemapper::Entry> InterruptRemapper::fetch_watched(const InterruptState& state,
                                                                         const InterruptRequest& request,
                                                                         std::uint16_t index) const {
    const Request as_write{.source = request.source, .address = {request.message.address}, .access = Access::Write};
    const Outside::Reading reading(outside_, as_write);
    return fetch(state, index);
}

std::optional<InterruptVerdict> InterruptRemapper::find(const InterruptState& state, const InterruptRequest& request) {
    if (stale_uses_.on()) return std::nullopt;
    const Start begun = start(state, request);
    std::optional<InterruptVerdict> verdict = begun.verdict;
    if (!verdict) {
        const auto known = cached(begun.index);
        if (!known) return std::nullopt;
        verdict = judge(state, request, begun.index, known->low, known->high);
    }
    requests_.add();
    if (verdict->unverified) unverified_.add();
    return verdict;
}

// What a fault record says of requests in the old format, too: index 0.
InterruptVerdict InterruptRemapper::tampered_refusal(const InterruptRequest& request, FaultReason reason) {
    requests_.add();
    const bool indexed = remappable::Remappable::get(request.message.address);
    InterruptVerdict verdict = refuse(reason, indexed ? remappable::index_of(request.message) : 0);
    verdict.dropped = reason == FaultReason::None;
    return verdict;
}

InterruptVerdict InterruptRemapper::remap(const InterruptState& state, const InterruptRequest& request) {
    const InterruptVerdict verdict = look_up(state, request);
    requests_.add();
    if (verdict.unverified) unverified_.add();
    return verdict;
}

InterruptVerdict InterruptRemapper::look_up(const InterruptState& state, const InterruptRequest& request) {
    const Start begun = start(state, request);
    if (begun.verdict) return *begun.verdict;
    if (const auto known = cached(begun.index)) {
        const InterruptVerdict verdict = judge(state, request, begun.index, known->low, known->high);
        if (stale_uses_.on()) look_for_staleness(state, request, verdict, known->cached_at);
        return verdict;
    }
    fetches_.add();
    const auto fetched = fetch_watched(state, request, begun.index);
    if (!fetched) return refuse(FaultReason::InterruptUnreadable, begun.index);
    // What may be cached is present and without fault (6.4), unless the unit may cache everything (6.1).
    if (configuration_.caching_mode || check(fetched->low, fetched->high, state.extended()) == FaultReason::None) {
        cache_.insert(begun.index, key_of(begun.index), CacheWords<3>{begun.index, fetched->low, fetched->high},
                      stamps_.next(), nobody_is_dead);
    }
    return judge(state, request, begun.index, fetched->low, fetched->high);
}

InterruptVerdict InterruptRemapper::probe(const InterruptState& state, const InterruptRequest& request) const {
    const Start begun = start(state, request);
    if (begun.verdict) return *begun.verdict;
    auto known = cached(begun.index);
    if (!known) known = fetch(state, begun.index);
    if (!known) return refuse(FaultReason::InterruptUnreadable, begun.index);
    return judge(state, request, begun.index, known->low, known->high);
}

InterruptExplanation InterruptRemapper::explain(const InterruptState& state, const InterruptRequest& request) const {
    constexpr std::uint64_t ours = InterruptState::Enabled::mask | InterruptState::CompatibilityPasses::mask;
    InterruptExplanation told;
    told.source = request.source;
    told.message = request.message;
    told.remaps = state.enabled();
    told.compatibility_passes = state.compatibility_passes();
    told.table_register = state.word & ~ours;
    told.host_address_width = configuration_.host_address_width;
    const auto say = [](const InterruptVerdict& verdict) {
        return InterruptExplanation::End{verdict.reason, verdict.quiet, verdict.unverified, verdict.index,
                                         verdict.message};
    };
    const Start begun = start(state, request);
    if (begun.verdict) {
        told.memory = told.cached = say(*begun.verdict);
        return told;
    }
    const auto now = fetch(state, begun.index);
    told.step = TableStep{.what = TableStep::What::InterruptEntry,
                          .answered = now.has_value(),
                          .count = 2,
                          .at = {state.table() + std::uint64_t{begun.index} * entry::bytes}};
    if (now) told.step->words = {now->low, now->high};
    told.memory = say(now ? judge(state, request, begun.index, now->low, now->high)
                          : refuse(FaultReason::InterruptUnreadable, begun.index));
    const auto known = cached(begun.index);
    told.used_cache = known.has_value();
    told.cached = known ? say(judge(state, request, begun.index, known->low, known->high)) : told.memory;
    told.memory.index = told.cached.index = begun.index;
    return told;
}

bool InterruptExplanation::stale() const {
    if (memory.reason != cached.reason) return true;
    return memory.reason == FaultReason::None && memory.message != cached.message;
}

// The table alone, as it is now, against what the cache made of the request.
void InterruptRemapper::look_for_staleness(const InterruptState& state, const InterruptRequest& request,
                                           const InterruptVerdict& served, std::uint64_t cached_at) {
    const std::uint16_t index = start(state, request).index;
    const auto now = fetch(state, index);
    const InterruptVerdict due =
        now ? judge(state, request, index, now->low, now->high) : refuse(FaultReason::InterruptUnreadable, index);
    if (served.allowed() == due.allowed() && served.message == due.message) return;
    StaleUse use{.request = {.source = request.source, .address = {request.message.address}, .access = Access::Write},
                 .interrupt = index,
                 .served = served_by(served),
                 .memory = served_by(due),
                 .entry_at = {state.table() + std::uint64_t{index} * entry::bytes},
                 .entry = now ? now->low : 0,
                 .cached_at = cached_at};
    stale_uses_.note(use, stamps_.next());
}

// Closes the cases whose entries are gone.
template <typename Work>
CommandFate InterruptRemapper::carry_out(const Invalidation& command, Work&& work) {
    const CommandFate fate = outside_.gate.ask(command);
    if (fate != CommandFate::Execute) return fate;
    work();
    invalidated_ = true;
    if (outside_.observer != nullptr) outside_.observer->invalidated(command);
    if (stale_uses_.any_open()) {
        stale_uses_.invalidated([this](const StaleUse& use) {
            const auto held = cached(*use.interrupt);
            return held && held->cached_at == use.cached_at;
        });
    }
    return fate;
}

CommandFate InterruptRemapper::invalidate() {
    return carry_out({.what = Invalidation::What::InterruptEntries, .scope = Invalidation::Scope::All},
                     [&] { cache_.forget_up_to(stamps_.next()); });
}

// Looks into the sets where the entries can be, or through all lines when that is less.
CommandFate InterruptRemapper::invalidate(std::uint16_t index, unsigned mask) {
    const std::uint64_t count = std::uint64_t{1} << mask;
    const std::uint64_t first = round_down(index, count);
    const auto matches = [&](const CacheWords<3>& words, std::uint64_t) { return words[0] - first < count; };
    const Invalidation command{.what = Invalidation::What::InterruptEntries,
                               .scope = Invalidation::Scope::Entries,
                               .first = first,
                               .count = count};
    return carry_out(command, [&] {
        if (count >= cache_.size()) return cache_.remove_if(matches);
        for (std::uint64_t i = first; i < first + count; ++i) cache_.remove_from_set(i, matches);
    });
}

void InterruptRemapper::reset() {
    cache_.forget_up_to(stamps_.next());
    invalidated_ = false;
    stale_uses_.reset();
    requests_.reset();
    fetches_.reset();
    unverified_.reset();
}

}  // namespace remap::iommu
