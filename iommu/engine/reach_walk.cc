// SPDX-License-Identifier: MIT
#include "iommu/engine/reach_walk.h"

#include "iommu/engine/followed_table.h"
#include "iommu/spec/fault.h"

#include <algorithm>
#include <array>

namespace remap::iommu {

namespace {

using paging::Rights;
using paging::shift_of;

constexpr Rights read_write = paging::right_read | paging::right_write;

// So many let every question get further: a way down, the widest table at each level.
constexpr std::uint64_t fewest_entries = 64 * paging::entries_per_table;

// Addresses from `first` to `last`, inside.
struct Span {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

// Guest-physical addresses, and the logical one that leads to the first of them.
struct GuestSpan {
    Span span;
    std::uint64_t logical = 0;
    std::uint64_t logical_of(std::uint64_t guest) const { return logical + (std::max(guest, span.first) - span.first); }
};

class ReachWalk {
public:
    ReachWalk(const Configuration& configuration, const Route& route, const ReachQuestion& question,
              const TableReader& read, Reach& reach)
        : configuration_(configuration),
          route_(route),
          question_(question),
          read_(read),
          reach_(reach),
          entries_left_(std::max(question.most_entries, fewest_entries)) {}

    void walk();

private:
    // The entries of one table that lead to wanted addresses.
    struct Part {
        unsigned first = 0;
        unsigned count = 0;
        std::array<std::uint64_t, paging::entries_per_table> words;
    };
    static Span indexes_of(std::uint64_t base, unsigned level, const Span& wanted);
    bool read_part(PhysicalAddress table, const Span& indexes, Part& part, std::uint64_t logical);

    void go_through(TableKey table, std::uint64_t base, const Span& wanted);
    void leaf(const Target& target, unsigned level, std::uint64_t logical);
    std::optional<PhysicalAddress> place_of(TableKey first_stage_table, std::uint64_t logical);
    template <typename Visitor>
    void second_stage(TableKey table, std::uint64_t base, const GuestSpan& wanted, Visitor&& visit);
    template <typename Visitor>
    void second_stage(GuestSpan wanted, Visitor&& visit);

    void give(const ReachedRun& run);
    void give_memory(const ReachedRun& run);
    void append(const ReachedRun& run);
    void cut_off(std::uint64_t logical) {
        if (!reach_.cut_off_at) reach_.cut_off_at = LogicalAddress{std::max(logical, question_.first.value)};
    }
    bool stopped() const { return reach_.cut_off_at.has_value(); }

    const Configuration& configuration_;
    const Route& route_;
    const ReachQuestion& question_;
    const TableReader& read_;
    Reach& reach_;
    std::uint64_t entries_left_;
};

Span ReachWalk::indexes_of(std::uint64_t base, unsigned level, const Span& wanted) {
    const std::uint64_t last = base | low_bits(shift_of(level + 1));
    return {(std::max(wanted.first, base) - base) >> shift_of(level),
            (std::min(wanted.last, last) - base) >> shift_of(level)};
}

// False where the walk is cut off, and where memory does not answer.
bool ReachWalk::read_part(PhysicalAddress table, const Span& indexes, Part& part, std::uint64_t logical) {
    part.first = static_cast<unsigned>(indexes.first);
    part.count = static_cast<unsigned>(indexes.last - indexes.first + 1);
    if (part.count > entries_left_) {
        cut_off(logical);
        return false;
    }
    entries_left_ -= part.count;
    reach_.entries += part.count;
    return read_(table + std::uint64_t{8} * part.first, part.words.data(), std::size_t{8} * part.count);
}

// Parts of a run that do not lie among interrupts, by `start`, its first address of one kind: part(offset, bytes).
template <typename Visitor>
void around_interrupts(std::uint64_t start, std::uint64_t bytes, Visitor&& part) {
    const std::uint64_t last = start + (bytes - 1);
    if (last < vtd::interrupt_range_first || start > vtd::interrupt_range_last) return part(0, bytes);
    if (start < vtd::interrupt_range_first) part(0, vtd::interrupt_range_first - start);
    if (last > vtd::interrupt_range_last) part(vtd::interrupt_range_last + 1 - start, last - vtd::interrupt_range_last);
}

ReachedRun part_of(const ReachedRun& run, std::uint64_t offset, std::uint64_t bytes) {
    ReachedRun part = run;
    part.logical = run.logical + offset;
    part.physical = run.physical + offset;
    part.bytes = bytes;
    return part;
}

// A request without PASID to the interrupt range is an interrupt (3.15), and none may end there (LGN.4, SGN.8).
void ReachWalk::give(const ReachedRun& run) {
    if (question_.pasid) return give_memory(run);
    around_interrupts(run.logical.value, run.bytes,
                      [&](std::uint64_t offset, std::uint64_t bytes) { give_memory(part_of(run, offset, bytes)); });
}

void ReachWalk::give_memory(const ReachedRun& run) {
    around_interrupts(run.physical.value, run.bytes,
                      [&](std::uint64_t offset, std::uint64_t bytes) { append(part_of(run, offset, bytes)); });
}

void ReachWalk::append(const ReachedRun& run) {
    if (stopped()) return;
    if (!reach_.runs.empty()) {
        ReachedRun& before = reach_.runs.back();
        ReachedRun longer = run;
        longer.logical = before.logical;
        longer.physical = before.physical;
        longer.bytes = before.bytes;
        const bool beside =
            before.logical + before.bytes == run.logical && before.physical + before.bytes == run.physical;
        if (beside && longer == before) {
            before.bytes += run.bytes;
            return;
        }
    }
    if (reach_.runs.size() >= std::max<std::size_t>(question_.most_runs, 1)) return cut_off(run.logical.value);
    reach_.runs.push_back(run);
}

// Visits the leaves below a table of the second stage: visit(target, level, first guest-physical address, bytes).
template <typename Visitor>
void ReachWalk::second_stage(TableKey table, std::uint64_t base, const GuestSpan& wanted, Visitor&& visit) {
    const unsigned level = table.level();
    Part part;
    if (!read_part({table.address()}, indexes_of(base, level, wanted.span), part, wanted.logical_of(base))) return;
    for (unsigned i = 0; i < part.count && !stopped(); ++i) {
        if (part.words[i] == 0) continue;
        const std::uint64_t begin = base + (std::uint64_t{part.first + i} << shift_of(level));
        const Target target = target_of(configuration_, table, part.words[i]);
        if (target.kind == Target::Kind::Table) {
            second_stage(target.table, begin, wanted, visit);
        } else if (target.kind == Target::Kind::Leaf) {
            const std::uint64_t first = std::max(begin, wanted.span.first);
            const std::uint64_t last = std::min(begin | low_bits(shift_of(level)), wanted.span.last);
            visit(target, level, first, last - first + 1);
        }
    }
}

template <typename Visitor>
void ReachWalk::second_stage(GuestSpan wanted, Visitor&& visit) {
    const unsigned width = std::min(configuration_.address_width, shift_of(route_.second_levels + 1));
    if (wanted.span.first >> width != 0) return;
    wanted.span.last = std::min(wanted.span.last, low_bits(width));
    second_stage(TableKey::of(route_.second_stage.value, route_.second_levels, Stage::NestedSecond, read_write), 0,
                 wanted, visit);
}

// Where a table lies in memory. The unit reads it with the second stage's right to read.
std::optional<PhysicalAddress> ReachWalk::place_of(TableKey table, std::uint64_t logical) {
    if (table.stage() != Stage::NestedFirst) return PhysicalAddress{table.address()};
    std::optional<PhysicalAddress> place;
    const GuestSpan wanted{{table.address(), table.address() | low_bits(page_shift)}, logical};
    second_stage(wanted, [&](const Target& target, unsigned level, std::uint64_t guest, std::uint64_t) {
        if (target.rights.covers(paging::right_read))
            place = target.leaf.first.address() + (guest & low_bits(shift_of(level)));
    });
    return place;
}

void ReachWalk::go_through(TableKey table, std::uint64_t base, const Span& wanted) {
    const std::uint64_t logical = std::max(base, wanted.first);
    const auto place = place_of(table, logical);
    const unsigned level = table.level();
    Part part;
    if (!place || stopped() || !read_part(*place, indexes_of(base, level, wanted), part, logical)) return;
    for (unsigned i = 0; i < part.count && !stopped(); ++i) {
        if (part.words[i] == 0) continue;
        const std::uint64_t begin = base + (std::uint64_t{part.first + i} << shift_of(level));
        const Target target = target_of(configuration_, table, part.words[i]);
        if (target.kind == Target::Kind::Table) {
            go_through(target.table, begin, wanted);
        } else if (target.kind == Target::Kind::Leaf) {
            leaf(target, level, begin);
        }
    }
}

void ReachWalk::leaf(const Target& target, unsigned level, std::uint64_t logical) {
    const unsigned shift = shift_of(level);
    const std::uint64_t first = std::max(logical, question_.first.value);
    const std::uint64_t last = std::min(logical | low_bits(shift), question_.last.value);
    const std::uint64_t end = target.leaf.first.address().value + (first - logical);
    const bool second_alone = route_.kind == TranslationKind::SecondStage;
    const ReachedRun run{.logical = {first},
                         .bytes = last - first + 1,
                         .physical = {end},
                         .readable = target.rights.covers(paging::right_read),
                         .writable = target.rights.covers(paging::right_write),
                         .snooped = second_alone ? target.snooped : route_.snooped,
                         .leaf_shift = shift};
    if (route_.kind != TranslationKind::Nested) return give(run);
    const GuestSpan guest{{end, end + (last - first)}, first};
    second_stage(guest, [&](const Target& below, unsigned below_level, std::uint64_t from, std::uint64_t bytes) {
        const unsigned below_shift = shift_of(below_level);
        const ReachedRun both{.logical = {guest.logical_of(from)},
                              .bytes = bytes,
                              .physical = below.leaf.first.address() + (from & low_bits(below_shift)),
                              .readable = run.readable && below.rights.covers(paging::right_read),
                              .writable = run.writable && below.rights.covers(paging::right_write),
                              .snooped = run.snooped || below.snooped,
                              .leaf_shift = std::min(shift, below_shift)};
        if (both.readable || both.writable) give(both);
    });
}

// Addresses of a first stage are canonical: those of the upper half of the tables have all bits above set (SGN.1).
void ReachWalk::walk() {
    const Span asked{question_.first.value, question_.last.value};
    const auto go = [&](TableKey root, std::uint64_t base, Span wanted) {
        wanted = {std::max(wanted.first, asked.first), std::min(wanted.last, asked.last)};
        if (wanted.first <= wanted.last && !stopped()) go_through(root, base, wanted);
    };
    if (route_.kind == TranslationKind::SecondStage) {
        const unsigned width = std::min(configuration_.address_width, shift_of(route_.second_levels + 1));
        return go(TableKey::of(route_.second_stage.value, route_.second_levels, Stage::Second, read_write), 0,
                  {0, low_bits(width)});
    }
    const Stage stage = route_.kind == TranslationKind::Nested ? Stage::NestedFirst : Stage::First;
    const TableKey root =
        TableKey::of(route_.first_stage.value, route_.first_levels, stage, read_write | paging::right_user);
    const unsigned width = shift_of(route_.first_levels + 1);
    go(root, 0, {0, low_bits(width - 1)});
    go(root, ~low_bits(width), {~low_bits(width - 1), ~std::uint64_t{0}});
}

}  // namespace

Reach reach_by(const Configuration& configuration, const TranslationState& state, const RouteOutcome& route,
               const ReachQuestion& question, const TableReader& read) {
    Reach reach;
    if (!state.enabled()) {
        reach.how = Reach::How::NotTranslated;
        return reach;
    }
    reach.reason = route.reason;
    if (route.reason != vtd::FaultReason::None) return reach;
    reach.kind = route.route.kind;
    reach.domain = route.route.domain;
    reach.how = Reach::How::PassThrough;
    if (reach.kind == TranslationKind::PassThrough) return reach;
    reach.how = Reach::How::Tables;
    if (question.first <= question.last) ReachWalk(configuration, route.route, question, read, reach).walk();
    return reach;
}

}  // namespace remap::iommu
