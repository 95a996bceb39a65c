// SPDX-License-Identifier: MIT
#include "iommu/engine/stage_walk.h"

#include "iommu/paging/vtd_first_stage.h"
#include "iommu/paging/vtd_second_stage.h"
#include "iommu/spec/scalable_tables.h"
#include "iommu/spec/tables.h"

#include <algorithm>
#include <optional>

namespace remap::iommu {

using paging::VtdFirstStage;
using paging::VtdSecondStage;
using paging::Walk;
using paging::WalkEnd;
using vtd::FaultReason;

namespace {

// Software may change an entry at the very moment the unit sets a bit in it. Then the walk begins anew; who changes
// entries all the time meets a fault.
constexpr unsigned most_attempts = 16;

StageResult refused(FaultReason reason, const Walk& walk, bool to_all = true) {
    StageResult result;
    result.reason = reason;
    result.refused_to_all = to_all;
    result.entry_at = walk.entry_address;
    result.entry = walk.entry;
    return result;
}

// What a second stage's end means for every access. The top entry is the context entry's fault in legacy mode
// (LCT.4.3), and has reasons of its own in scalable mode (SSS.4). Rights of which nothing is left over are an entry
// that is not present (SSS.2), whatever lies below it; legacy mode has no such thing and tells of the right that is
// missing.
FaultReason second_stage_reason(const Walk& walk, const Route& route, Access access) {
    const bool top = walk.level == route.second_levels;
    if (walk.end == WalkEnd::NotPresent || walk.rights == paging::Rights{})
        return route.scalable ? FaultReason::SecondStageNotPresent : lack_of(access, false);
    switch (walk.end) {
        case WalkEnd::Reserved: return route.scalable ? FaultReason::SecondStageReserved : FaultReason::PagingReserved;
        case WalkEnd::Unreadable:
            if (route.scalable)
                return top ? FaultReason::SecondStageRootUnreadable : FaultReason::SecondStageUnreadable;
            return top ? FaultReason::ContextInvalid : FaultReason::PagingEntryUnreadable;
        case WalkEnd::NotPresent:
        case WalkEnd::NoRight:  // none was wanted
        case WalkEnd::Leaf: break;
    }
    return FaultReason::None;
}

FaultReason first_stage_reason(const Walk& walk, const Route& route) {
    switch (walk.end) {
        case WalkEnd::NotPresent: return FaultReason::FirstStageNotPresent;
        case WalkEnd::Reserved: return FaultReason::FirstStageReserved;
        case WalkEnd::Unreadable:
            return walk.level == route.first_levels ? FaultReason::FirstStageRootUnreadable
                                                    : FaultReason::FirstStageUnreadable;
        case WalkEnd::NoRight:  // none was wanted
        case WalkEnd::Leaf: break;
    }
    return FaultReason::None;
}

Permits second_stage_permits(paging::Rights rights) {
    return for_users | (rights.covers(paging::right_read) ? user_read | supervisor_read : Permits{}) |
           (rights.covers(paging::right_write) ? user_write | supervisor_write : Permits{});
}

Permits first_stage_permits(paging::Rights rights, const Route& route) {
    const bool user = rights.covers(paging::right_user);
    const bool write = rights.covers(paging::right_write);
    return supervisor_read | (user ? for_users | user_read : Permits{}) | (user && write ? user_write : Permits{}) |
           (write || !route.write_protect ? supervisor_write : Permits{});
}

// An access to a page that is there must not end among interrupts, and needs its right.
FaultReason refusal_of(Permits permits, const Route& route, Access access, std::uint64_t end, bool final) {
    if (!permits.allows(needed_by(access, route.privileged))) {
        const bool wrong_mode = !route.privileged && !permits.allows(for_users);
        return wrong_mode ? FaultReason::NotForUser : lack_of(access, route.scalable);
    }
    if (final && vtd::in_interrupt_range(end))
        return route.scalable ? FaultReason::ScalableInterruptOutput : FaultReason::InterruptOutput;
    return FaultReason::None;
}

enum class Update { Done, Changed, Failed, NeedsSnoop };

// Sets bits in an entry that still is as it was read.
Update set_bits(MemoryPort& memory, PhysicalAddress at, std::uint64_t entry, std::uint64_t bits) {
    switch (memory.exchange(at, entry, entry | bits)) {
        case Exchange::Done: return Update::Done;
        case Exchange::Changed: return Update::Changed;
        case Exchange::Unanswered: break;
    }
    return Update::Failed;
}

// Sets `accessed` in the entries of a walk that ended at a leaf, and `dirty` in the leaf, where they are not set yet.
// From the top down: an entry is marked before what lies below it.
template <typename Setter>
Update set_walk_bits(const Walk& walk, unsigned from_level, std::uint64_t accessed, std::uint64_t dirty,
                     const Route& route, Setter&& setter) {
    for (unsigned level = from_level; level >= walk.level; --level) {
        const paging::WalkStep& step = walk.steps[level - 1];
        const std::uint64_t bits = accessed | (level == walk.level ? dirty : 0);
        if ((step.entry & bits) == bits) continue;
        if (!route.walk_snoop) return Update::NeedsSnoop;
        if (const Update update = setter(step.at, step.entry, bits); update != Update::Done) return update;
    }
    return Update::Done;
}

std::optional<std::uint64_t> read_entry(MemoryPort& memory, PhysicalAddress from) {
    std::uint64_t entry = 0;
    if (!memory.read(from, &entry, sizeof entry)) return std::nullopt;
    return entry;
}

std::optional<std::uint64_t> note(TableStep step, const std::optional<std::uint64_t>& entry, const Manner& manner) {
    step.answered = entry.has_value();
    step.count = 1;
    step.words[0] = entry.value_or(0);
    manner.went(step);
    return entry;
}

// A first-stage entry that the second stage does not let the unit read or write (SFS.5 to SFS.8). What is wrong with
// the second stage's own tables has the reasons of that stage.
StageResult nested_entry_refused(StageResult lost, const Walk& walk, const Route& route) {
    const bool top = walk.level == route.first_levels;
    switch (lost.reason) {
        case FaultReason::ScalableAddressBeyondWidth: lost.reason = FaultReason::NestedEntryBeyondWidth; break;
        case FaultReason::ScalableNoRead:
            lost.reason = top ? FaultReason::NestedRootNotReadable : FaultReason::NestedEntryNotReadable;
            break;
        case FaultReason::ScalableNoWrite: lost.reason = FaultReason::NestedEntryNotWritable; break;
        default: break;
    }
    // No other access could read the entry either; only some have to write it.
    lost.refused_to_all = !walk.found() && lost.reason != FaultReason::SecondStageUpdateFailed;
    return lost;
}

bool is_canonical(std::uint64_t address, unsigned levels) {
    const unsigned sign = paging::shift_of(levels + 1) - 1;
    const std::uint64_t upper = address >> sign;
    return upper == 0 || upper == ~std::uint64_t{0} >> sign;
}

}  // namespace

FaultReason lack_of(Access access, bool scalable) {
    if (access == Access::Write) return scalable ? FaultReason::ScalableNoWrite : FaultReason::NoWrite;
    return scalable ? FaultReason::ScalableNoRead : FaultReason::NoRead;
}

template <typename Format>
paging::WalkRequest<Format> StageWalk::start(const TableOwner& owner, std::uint64_t address, PhysicalAddress root,
                                             unsigned levels, const Manner& manner) const {
    paging::WalkRequest<Format> request{.root = root, .levels = levels, .address = address, .wanted = {}, .limits = {}};
    if (!manner.use_caches) return request;
    if (const auto known = tables_.find(owner, address, levels)) {
        manner.used(CacheKind::Table, known->stamp);
        request.root = known->table;
        request.levels = known->level;
        request.given = known->rights;
    }
    return request;
}

template <typename Format>
void StageWalk::remember(const TableOwner& owner, std::uint64_t address, const Walk& walk, unsigned levels,
                         const Manner& manner) {
    if (!manner.fill_caches) return;
    for (unsigned level = levels; level > walk.level; --level) {
        const paging::WalkStep& step = walk.steps[level - 1];
        tables_.insert(owner, address,
                       {.level = level - 1,
                        .table = {Format::address(step.entry, level)},
                        .rights = step.rights,
                        .stamp = manner.stamp});
    }
}

StageResult StageWalk::second_stage(const Route& route, std::uint64_t address, Access access, Target target,
                                    const Manner& manner) {
    const unsigned width = std::min(configuration_.address_width, paging::shift_of(route.second_levels + 1));
    if (address >> width != 0)
        return refused(route.scalable ? FaultReason::ScalableAddressBeyondWidth : FaultReason::AddressBeyondWidth, {});
    const TableOwner owner{.domain = route.domain,
                           .pasid = {},
                           .kind = TranslationKind::SecondStage,
                           .marked = route.second_accessed_dirty};
    const auto setter = [&](PhysicalAddress at, std::uint64_t entry, std::uint64_t bits) {
        return manner.fill_caches ? set_bits(memory_, at, entry, bits) : Update::Done;
    };
    const bool write = access == Access::Write;
    Walk found;
    for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
        auto request = start<VtdSecondStage>(owner, address, route.second_stage, route.second_levels, manner);
        request.limits = configuration_.second_stage;
        found = paging::walk(request, [&, level = request.levels](PhysicalAddress from) mutable {
            const TableStep step{.what = TableStep::What::SecondStageEntry,
                                 .purpose = target,
                                 .level = static_cast<std::uint8_t>(level--),
                                 .at = from,
                                 .input = address};
            return note(step, read_entry(memory_, from), manner);
        });
        FaultReason reason = second_stage_reason(found, route, access);
        if (reason != FaultReason::None) return refused(reason, found);
        const Permits permits = second_stage_permits(found.rights);
        reason = refusal_of(permits, route, access, found.translate(address).value, target == Target::Data);
        if (reason != FaultReason::None) return refused(reason, found, false);

        if (route.second_accessed_dirty && manner.marks()) {
            using namespace vtd::second_stage;
            switch (set_walk_bits(found, request.levels, Accessed::mask, write ? Dirty::mask : 0, route, setter)) {
                case Update::Done: break;
                case Update::Changed: continue;
                case Update::Failed: return refused(FaultReason::SecondStageUpdateFailed, found, false);
                case Update::NeedsSnoop: return refused(FaultReason::SecondStageUpdateNeedsSnoop, found, false);
            }
        }
        remember<VtdSecondStage>(owner, address, found, request.levels, manner);
        const bool dirty = write || vtd::second_stage::Dirty::get(found.entry) || !route.second_accessed_dirty;
        return {.reason = FaultReason::None,
                .leaf = found.leaf,
                .shift = found.shift,
                .permits = permits,
                .dirty = dirty,
                .snooped = configuration_.second_stage.snoop_control && (found.entry & vtd::second_stage::snoop) != 0,
                .entry_at = found.entry_address,
                .entry = found.entry};
    }
    return refused(FaultReason::SecondStageUpdateFailed, found, false);
}

StageResult StageWalk::first_stage(const Route& route, std::uint64_t address, Access access, const Manner& manner) {
    if (!is_canonical(address, route.first_levels)) return refused(FaultReason::NotCanonical, {});
    const bool nested = route.kind == TranslationKind::Nested;
    const TableOwner owner{
        .domain = route.domain, .pasid = route.pasid, .kind = route.kind, .marked = route.extended_accessed};

    // Where an entry lies in memory. Of nested tables the addresses are guest-physical.
    StageResult lost;
    const auto host_address = [&](PhysicalAddress at, Access how) -> std::optional<PhysicalAddress> {
        if (!nested) return at;
        const Target target = how == Access::Write ? Target::MarkEntry : Target::ReadEntry;
        lost = second_stage(route, at.value, how, target, manner);
        if (!lost.found()) return std::nullopt;
        return lost.leaf + (at.value & low_bits(lost.shift));
    };
    const auto setter = [&](PhysicalAddress at, std::uint64_t entry, std::uint64_t bits) {
        const auto host = host_address(at, Access::Write);
        if (host && !manner.fill_caches) return Update::Done;
        return host ? set_bits(memory_, *host, entry, bits) : Update::Failed;
    };

    const bool write = access == Access::Write;
    Walk found;
    for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
        lost = {};
        auto request = start<VtdFirstStage>(owner, address, route.first_stage, route.first_levels, manner);
        request.limits = configuration_.first_stage_limits(nested);
        found = paging::walk(request, [&, level = request.levels](PhysicalAddress from) mutable {
            TableStep step{.what = TableStep::What::FirstStageEntry,
                           .level = static_cast<std::uint8_t>(level--),
                           .input = address};
            const std::optional<PhysicalAddress> host = host_address(from, Access::Read);
            if (!host) return std::optional<std::uint64_t>();
            step.at = *host;
            if (nested) step.guest_at = from.value;
            return note(step, read_entry(memory_, *host), manner);
        });
        if (!lost.found()) return nested_entry_refused(lost, found, route);
        if (!found.found()) return refused(first_stage_reason(found, route), found);
        const Permits permits = first_stage_permits(found.rights, route);
        const FaultReason reason = refusal_of(permits, route, access, found.translate(address).value, !nested);
        if (reason != FaultReason::None) return refused(reason, found, false);

        if (manner.marks()) {
            using namespace vtd::first_stage;
            const std::uint64_t accessed = Accessed::mask | (route.extended_accessed ? ExtendedAccessed::mask : 0);
            switch (set_walk_bits(found, request.levels, accessed, write ? Dirty::mask : 0, route, setter)) {
                case Update::Done: break;
                case Update::Changed: continue;
                case Update::NeedsSnoop: return refused(FaultReason::FirstStageUpdateNeedsSnoop, found, false);
                case Update::Failed:
                    if (!lost.found()) return nested_entry_refused(lost, found, route);
                    return refused(FaultReason::FirstStageUpdateFailed, found, false);
            }
        }
        remember<VtdFirstStage>(owner, address, found, request.levels, manner);
        return {.reason = FaultReason::None,
                .leaf = found.leaf,
                .shift = found.shift,
                .permits = permits,
                .dirty = write || vtd::first_stage::Dirty::get(found.entry),
                .snooped = route.snooped,
                .entry_at = found.entry_address,
                .entry = found.entry};
    }
    return refused(FaultReason::FirstStageUpdateFailed, found, false);
}

StageResult StageWalk::walk(const Route& route, std::uint64_t address, Access access, const Manner& manner) {
    if (route.kind == TranslationKind::SecondStage) return second_stage(route, address, access, Target::Data, manner);
    const StageResult first = first_stage(route, address, access, manner);
    if (!first.found() || route.kind != TranslationKind::Nested) return first;

    const std::uint64_t guest_physical = first.leaf.value + (address & low_bits(first.shift));
    StageResult both = second_stage(route, guest_physical, access, Target::Data, manner);
    if (!both.found()) return both;
    // The smaller of the two pages is what translates alike.
    const unsigned shift = std::min(first.shift, both.shift);
    const PhysicalAddress host = both.leaf + (guest_physical & low_bits(both.shift));
    both.leaf = {host.value & ~low_bits(shift)};
    both.shift = shift;
    both.permits = both.permits & first.permits;
    both.dirty = both.dirty && first.dirty;
    both.snooped = both.snooped || first.snooped;
    return both;
}

}  // namespace remap::iommu
