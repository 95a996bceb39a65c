// SPDX-License-Identifier: MIT
// A first stage on top of a second one (VT-d section 3.8): its tables' addresses, and those of its leaves, are
// guest-physical, and the second stage says where in memory they are.
#include "iommu/engine/followed_tables.h"

#include <algorithm>
#include <limits>

namespace remap::iommu {

namespace {

using paging::Rights;

constexpr GuestPages every_page{0, std::numeric_limits<std::uint64_t>::max()};

std::uint64_t pages_of_level(unsigned level) { return paging::pages_per_entry(level); }

unsigned level_of(const PageRun& leaf) {
    unsigned level = 1;
    while (pages_of_level(level) < leaf.pages) ++level;
    return level;
}

}  // namespace

// Visits the leaves of the second stage below this table that have wanted pages: visit(leaf, first wanted page in
// memory, pages).
template <typename Visitor>
void FollowedTables::each_leaf(TableKey key, std::uint64_t guest_first, const GuestPages& wanted, Visitor&& visit) {
    const Table* const table = find(key);
    if (table == nullptr || table->page == nullptr) return;
    const std::uint64_t span = pages_of_level(key.level());
    const std::uint64_t guest_last = guest_first + span * paging::entries_per_table - 1;
    if (wanted.last < guest_first || wanted.first > guest_last) return;
    const std::uint64_t first_index = (std::max(wanted.first, guest_first) - guest_first) / span;
    const std::uint64_t last_index = (std::min(wanted.last, guest_last) - guest_first) / span;
    for (std::uint64_t index = first_index; index <= last_index && !lost_; ++index) {
        if (!may_look(1)) {
            ++left_out_;
            lost_ = true;
            return;
        }
        const Target target = target_of(configuration_, key, (*table->page->words)[index]);
        const std::uint64_t begin = guest_first + index * span;
        if (target.kind == Target::Kind::Table) {
            each_leaf(target.table, begin, wanted, visit);
        } else if (target.kind == Target::Kind::Leaf) {
            const std::uint64_t skipped = std::max(wanted.first, begin) - begin;
            const std::uint64_t last = std::min(wanted.last, begin + span - 1);
            visit(target, target.leaf.first + skipped, last - (begin + skipped) + 1);
        }
    }
}

// The unit reads tables with the second stage's right to read.
std::optional<PhysicalPage> FollowedTables::host_page_of(TableKey first_stage_table) {
    std::optional<PhysicalPage> page;
    if (!second_stage_) return page;
    const std::uint64_t number = PhysicalAddress{first_stage_table.address()}.page().number;
    each_leaf(*second_stage_, 0, {number, number}, [&](const Target& leaf, PhysicalPage first, std::uint64_t) {
        if (leaf.rights.covers(paging::right_read)) page = first;
    });
    return page;
}

// What a leaf of the first stage wishes, the second stage grants as far as both give one right.
void FollowedTables::grant(const Wish& wish, Change change) {
    if (!second_stage_) return;
    const GuestPages guest{wish.guest_first, wish.guest_first + pages_of_level(wish.level) - 1};
    const Rights either = Rights{wish.rights} & (paging::right_read | paging::right_write);
    each_leaf(*second_stage_, 0, guest, [&](const Target& leaf, PhysicalPage first, std::uint64_t pages) {
        if ((leaf.rights & either) == Rights{} || (options_.past_caches_only && leaf.snooped)) return;
        if (change == Change::Add) {
            reached_.add({first, pages});
        } else {
            reached_.remove({first, pages});
        }
    });
}

void FollowedTables::add_wish(const Target& leaf) {
    const Wish wish{level_of(leaf.leaf), leaf.leaf.first.number, leaf.rights.bits};
    if (++wishes_[wish] == 1) grant(wish, Change::Add);
}

void FollowedTables::remove_wish(const Target& leaf) {
    const auto found = wishes_.find({level_of(leaf.leaf), leaf.leaf.first.number, leaf.rights.bits});
    if (found == wishes_.end() || --found->second != 0) return;
    grant(found->first, Change::Remove);
    wishes_.erase(found);
}

void FollowedTables::grant_all(const GuestPages& guest, Change change) {
    constexpr unsigned largest_leaf = 3;
    for (unsigned level = 1; level <= largest_leaf; ++level) {
        const std::uint64_t first = guest.first & ~(pages_of_level(level) - 1);
        const auto behind = [&](const Wish& wish) { return wish.level != level || wish.guest_first > guest.last; };
        for (auto next = wishes_.lower_bound({level, first, 0}); next != wishes_.end() && !behind(next->first); ++next)
            grant(next->first, change);
    }
}

// Guest-physical pages that go through an entry of a table of the second stage; all, where other ways lead to it.
GuestPages FollowedTables::guest_pages_of(TableKey key, const Table& table, unsigned index) {
    const std::uint64_t span = pages_of_level(key.level());
    const std::uint64_t first = table.guest_first + span * index;
    for (const Table* above = &table; above != nullptr; above = above->above ? find(*above->above) : nullptr) {
        if (above->shared) return every_page;
    }
    return {first, first + span - 1};
}

// What may be somewhere else once the word is there. Not set: no second stage changes.
std::optional<GuestPages> FollowedTables::changed_guest_pages(WatchedPage& page, unsigned index, std::uint64_t word) {
    const std::uint64_t before = (*page.words)[index];
    std::optional<GuestPages> changed;
    for (const TableKey key : page.tables) {
        const Table* const table = key.stage() == Stage::NestedSecond ? find(key) : nullptr;
        if (table == nullptr) continue;
        if (target_of(configuration_, key, before) == target_of(configuration_, key, word)) continue;
        const GuestPages guest = guest_pages_of(key, *table, index);
        changed =
            changed ? GuestPages{std::min(changed->first, guest.first), std::max(changed->last, guest.last)} : guest;
    }
    return changed;
}

// Tables of the first stage that lie somewhere else now.
void FollowedTables::move_first_stage(const GuestPages& guest) {
    std::vector<TableKey> moved;
    const std::uint64_t last = std::min(guest.last, PhysicalAddress{~std::uint64_t{0}}.page().number);
    const TableKey from{PhysicalPage{guest.first}.address().value};
    for (auto next = first_stage_.lower_bound(from);
         next != first_stage_.end() && PhysicalAddress{next->address()}.page().number <= last; ++next)
        moved.push_back(*next);

    for (const TableKey key : moved) {
        Table* const table = find(key);
        if (table == nullptr) continue;  // it was below another that moved
        const std::optional<PhysicalPage> now = host_page_of(key);
        const bool stays = table->page != nullptr ? now == table->page->page : !now;
        if (stays) continue;
        put_down(key, *table);
        if (may_look(paging::entries_per_table)) {
            take_up(key, *table);
        } else {
            ++left_out_;
            lost_ = true;
        }
    }
}

}  // namespace remap::iommu
