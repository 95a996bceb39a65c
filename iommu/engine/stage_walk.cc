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

paging::Rights right_for(Access access) { return access == Access::Write ? paging::right_write : paging::right_read; }

StageResult refused(FaultReason reason, const Walk& walk) {
    StageResult result;
    result.reason = reason;
    result.entry_at = walk.entry_address;
    result.entry = walk.entry;
    return result;
}

// What a second stage's end means. The top entry is the context entry's fault in legacy mode (LCT.4.3), and has reasons
// of its own in scalable mode (SSS.4).
FaultReason second_stage_reason(const Walk& walk, const Route& route, Access access) {
    const bool top = walk.level == route.second_levels;
    switch (walk.end) {
        case WalkEnd::NotPresent: return route.scalable ? FaultReason::SecondStageNotPresent : lack_of(access, false);
        case WalkEnd::NoRight: return lack_of(access, route.scalable);
        case WalkEnd::Reserved: return route.scalable ? FaultReason::SecondStageReserved : FaultReason::PagingReserved;
        case WalkEnd::Unreadable:
            if (route.scalable) return top ? FaultReason::SecondStageRootUnreadable : FaultReason::SecondStageUnreadable;
            return top ? FaultReason::ContextInvalid : FaultReason::PagingEntryUnreadable;
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
    return (rights.covers(paging::right_read) ? user_read | supervisor_read : Permits{}) |
           (rights.covers(paging::right_write) ? user_write | supervisor_write : Permits{});
}

Permits first_stage_permits(paging::Rights rights, const Route& route) {
    const bool user = rights.covers(paging::right_user);
    const bool write = rights.covers(paging::right_write);
    return supervisor_read | (user ? user_read : Permits{}) | (user && write ? user_write : Permits{}) |
           (write || !route.write_protect ? supervisor_write : Permits{});
}

enum class Update { Done, Changed, Failed };

// Sets bits in an entry that still is as it was read.
Update set_bits(MemoryPort& memory, PhysicalAddress at, std::uint64_t entry, std::uint64_t bits) {
    if ((entry & bits) == bits) return Update::Done;
    switch (memory.exchange(at, entry, entry | bits)) {
        case Exchange::Done: return Update::Done;
        case Exchange::Changed: return Update::Changed;
        case Exchange::Unanswered: break;
    }
    return Update::Failed;
}

// Sets `accessed` in the entries of a walk that ended at a leaf, and `dirty` in the leaf.
template <typename Setter>
Update set_walk_bits(const Walk& walk, unsigned from_level, std::uint64_t accessed, std::uint64_t dirty,
                     Setter&& setter) {
    for (unsigned level = from_level; level >= walk.level; --level) {
        const paging::WalkStep& step = walk.steps[level - 1];
        const std::uint64_t bits = accessed | (level == walk.level ? dirty : 0);
        if (const Update update = setter(step.at, step.entry, bits); update != Update::Done) return update;
    }
    return Update::Done;
}

std::optional<std::uint64_t> read_entry(MemoryPort& memory, PhysicalAddress from) {
    std::uint64_t entry = 0;
    if (!memory.read(from, &entry, sizeof entry)) return std::nullopt;
    return entry;
}

// A first-stage entry that the second stage does not let the unit read (SFS.5 to SFS.7). What is wrong with the second
// stage's own tables has the reasons of that stage.
StageResult nested_entry_refused(StageResult lost, const Walk& walk, const Route& route) {
    const bool top = walk.level == route.first_levels;
    switch (lost.reason) {
        case FaultReason::ScalableAddressBeyondWidth: lost.reason = FaultReason::NestedEntryBeyondWidth; break;
        case FaultReason::ScalableNoRead:
            lost.reason = top ? FaultReason::NestedRootNotReadable : FaultReason::NestedEntryNotReadable;
            break;
        default: break;
    }
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

StageResult StageWalk::second_stage(const Route& route, std::uint64_t address, Access access, const Manner& manner) {
    const unsigned width = std::min(configuration_.address_width, paging::shift_of(route.second_levels + 1));
    if (address >> width != 0)
        return refused(route.scalable ? FaultReason::ScalableAddressBeyondWidth : FaultReason::AddressBeyondWidth, {});
    const TableOwner owner{.domain = route.domain, .pasid = {}, .kind = TranslationKind::SecondStage};
    Walk found;
    for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
        auto request = start<VtdSecondStage>(owner, address, route.second_stage, route.second_levels, manner);
        request.wanted = right_for(access);
        request.limits = configuration_.second_stage;
        found = paging::walk(request, [this](PhysicalAddress from) { return read_entry(memory_, from); });
        if (!found.found()) return refused(second_stage_reason(found, route, access), found);

        const bool write = access == Access::Write;
        const bool dirty = (found.entry & vtd::second_stage::Dirty::mask) != 0;
        if (route.second_accessed_dirty && manner.fill_caches) {
            const auto setter = [this](PhysicalAddress at, std::uint64_t entry, std::uint64_t bits) {
                return set_bits(memory_, at, entry, bits);
            };
            const Update update = set_walk_bits(found, request.levels, vtd::second_stage::Accessed::mask,
                                                write ? vtd::second_stage::Dirty::mask : 0, setter);
            if (update == Update::Changed) continue;
            if (update == Update::Failed) return refused(FaultReason::SecondStageUpdateFailed, found);
        }
        remember<VtdSecondStage>(owner, address, found, request.levels, manner);
        return {.reason = FaultReason::None,
                .leaf = found.leaf,
                .shift = found.shift,
                .permits = second_stage_permits(found.rights),
                .dirty = !route.second_accessed_dirty || dirty || write,
                .snooped = configuration_.second_stage.snoop_control && (found.entry & vtd::second_stage::snoop) != 0,
                .entry_at = found.entry_address,
                .entry = found.entry};
    }
    return refused(FaultReason::SecondStageUpdateFailed, found);
}

StageResult StageWalk::first_stage(const Route& route, std::uint64_t address, Access access, const Manner& manner) {
    if (!is_canonical(address, route.first_levels)) return refused(FaultReason::NotCanonical, {});
    const bool nested = route.kind == TranslationKind::Nested;
    const TableOwner owner{.domain = route.domain, .pasid = route.pasid, .kind = route.kind};

    // Where an entry lies in memory. Of nested tables the addresses are guest-physical.
    StageResult lost;
    const auto host_address = [&](PhysicalAddress at, Access how) -> std::optional<PhysicalAddress> {
        if (!nested) return at;
        lost = second_stage(route, at.value, how, manner);
        if (!lost.found()) return std::nullopt;
        return lost.leaf + (at.value & low_bits(lost.shift));
    };
    const auto setter = [&](PhysicalAddress at, std::uint64_t entry, std::uint64_t bits) {
        if ((entry & bits) == bits) return Update::Done;
        const auto host = host_address(at, Access::Write);
        return host ? set_bits(memory_, *host, entry, bits) : Update::Failed;
    };

    Walk found;
    for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
        lost = {};
        auto request = start<VtdFirstStage>(owner, address, route.first_stage, route.first_levels, manner);
        request.limits = configuration_.first_stage;
        if (nested) request.limits.host_address_width = vtd::widest_host_address;
        found = paging::walk(request, [&](PhysicalAddress from) -> std::optional<std::uint64_t> {
            const auto host = host_address(from, Access::Read);
            return host ? read_entry(memory_, *host) : std::nullopt;
        });
        if (!found.found()) {
            if (!lost.found()) return nested_entry_refused(lost, found, route);
            return refused(first_stage_reason(found, route), found);
        }
        const Permits permits = first_stage_permits(found.rights, route);
        const bool write = access == Access::Write;
        const bool allowed = permits.allows(needed_by(access, route.privileged));
        if (manner.fill_caches && allowed) {
            using namespace vtd::first_stage;
            const std::uint64_t accessed = Accessed::mask | (route.extended_accessed ? ExtendedAccessed::mask : 0);
            const Update update = set_walk_bits(found, request.levels, accessed, write ? Dirty::mask : 0, setter);
            if (update == Update::Changed) continue;
            if (update == Update::Failed && !lost.found()) return refused(FaultReason::NestedEntryNotWritable, found);
            if (update == Update::Failed) return refused(FaultReason::FirstStageUpdateFailed, found);
        }
        remember<VtdFirstStage>(owner, address, found, request.levels, manner);
        return {.reason = FaultReason::None,
                .leaf = found.leaf,
                .shift = found.shift,
                .permits = permits,
                .dirty = write || (found.entry & vtd::first_stage::Dirty::mask) != 0,
                .snooped = route.snooped,
                .entry_at = found.entry_address,
                .entry = found.entry};
    }
    return refused(FaultReason::FirstStageUpdateFailed, found);
}

StageResult StageWalk::walk(const Route& route, std::uint64_t address, Access access, const Manner& manner) {
    if (route.kind == TranslationKind::SecondStage) return second_stage(route, address, access, manner);
    StageResult first = first_stage(route, address, access, manner);
    if (!first.found()) return first;
    const Permits needed = needed_by(access, route.privileged);
    if (!first.permits.allows(needed)) {
        const bool wrong_mode = !route.privileged && !first.permits.allows(user_read);
        first.reason = wrong_mode ? FaultReason::NotForUser : lack_of(access, true);
        return first;
    }
    if (route.kind != TranslationKind::Nested) return first;

    const std::uint64_t guest_physical = first.leaf.value + (address & low_bits(first.shift));
    StageResult both = second_stage(route, guest_physical, access, manner);
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
