// SPDX-License-Identifier: MIT
#include "iommu/engine/followed_tables.h"

#include <algorithm>

namespace remap::iommu {

FollowedTables::Table* FollowedTables::find(TableKey key) {
    const auto found = tables_.find(key.word);
    return found == tables_.end() ? nullptr : &found->second;
}

bool FollowedTables::may_look(std::uint64_t entries) {
    if (entries_left_ < entries) return false;
    entries_left_ -= entries;
    return true;
}

void FollowedTables::add_root(TableKey root) {
    if (root.stage() == Stage::NestedSecond) second_stage_ = root;
    add_table(root, 0, std::nullopt);
}

void FollowedTables::remove_root(TableKey root) {
    remove_table(root);
    if (root.stage() == Stage::NestedSecond) second_stage_.reset();
}

// A table that is left out is not counted either: whoever led to it leads to nothing.
void FollowedTables::add_table(TableKey key, std::uint64_t guest_first, std::optional<TableKey> above) {
    if (Table* const known = find(key)) {
        ++known->ways;
        known->shared = known->shared || known->above != above || known->guest_first != guest_first;
        return;
    }
    if (tables_.size() >= options_.limits.tables || !may_look(paging::entries_per_table)) {
        ++left_out_;
        lost_ = lost_ || second_stage_;
        return;
    }
    const auto place = tables_.emplace(key.word, Table{.ways = 1, .guest_first = guest_first, .above = above}).first;
    if (key.stage() == Stage::NestedFirst) first_stage_.insert(key);
    take_up(key, place->second);
}

void FollowedTables::remove_table(TableKey key) {
    Table* const table = find(key);
    if (table == nullptr || --table->ways != 0) return;
    put_down(key, *table);
    if (key.stage() == Stage::NestedFirst) first_stage_.erase(key);
    tables_.erase(key.word);
}

// The table lies where it lies now; what its entries lead to counts.
void FollowedTables::take_up(TableKey key, Table& table) {
    const std::optional<PhysicalPage> page =
        key.stage() == Stage::NestedFirst ? host_page_of(key) : PhysicalAddress{key.address()}.page();
    table.page = page ? pages_.add_table(*page, key) : nullptr;
    if (table.page == nullptr) return;
    for (unsigned index = 0; index < paging::entries_per_table; ++index) {
        const std::uint64_t word = (*table.page->words)[index];
        if (word != 0) add(key, table, index, target_of(configuration_, key, word));
    }
}

void FollowedTables::put_down(TableKey key, Table& table) {
    if (table.page == nullptr) return;
    for (const std::uint64_t word : *table.page->words) {
        if (word != 0) remove(key, target_of(configuration_, key, word));
    }
    pages_.remove_table(*table.page, key);
    table.page = nullptr;
}

void FollowedTables::add(TableKey from, const Table& table, unsigned index, const Target& target) {
    const bool nested_second = from.stage() == Stage::NestedSecond;
    if (target.kind == Target::Kind::Table) {
        const std::uint64_t below = nested_second ? guest_pages_of(from, table, index).first : 0;
        add_table(target.table, below, from);
    } else if (target.kind == Target::Kind::Leaf && !nested_second) {
        if (from.stage() == Stage::NestedFirst) {
            add_wish(target);
        } else if (!options_.past_caches_only || !target.snooped) {
            reached_.add(target.leaf);
        }
    }
}

void FollowedTables::remove(TableKey from, const Target& target) {
    if (target.kind == Target::Kind::Table) {
        remove_table(target.table);
    } else if (target.kind == Target::Kind::Leaf && from.stage() != Stage::NestedSecond) {
        if (from.stage() == Stage::NestedFirst) {
            remove_wish(target);
        } else if (!options_.past_caches_only || !target.snooped) {
            reached_.remove(target.leaf);
        }
    }
}

// What the entry leads to now is added first, so that what hangs on both does not fall.
void FollowedTables::change_in(TableKey key, unsigned index, std::uint64_t before, std::uint64_t now) {
    Table* const table = find(key);
    if (table == nullptr) return;  // only an entry that has just been changed led to it
    const Target old_target = target_of(configuration_, key, before);
    const Target new_target = target_of(configuration_, key, now);
    if (old_target == new_target) return;
    add(key, *table, index, new_target);
    remove(key, old_target);
}

void FollowedTables::change(WatchedPage& page, unsigned index, std::uint64_t word) {
    const std::uint64_t before = (*page.words)[index];
    const std::vector<TableKey> tables(page.tables.begin(), page.tables.end());
    const auto first_stage = std::ranges::find(tables, Stage::NestedFirst, &TableKey::stage);
    const std::optional<GuestPages> guest = changed_guest_pages(page, index, word);

    if (guest) grant_all(*guest, Change::Remove);
    (*page.words)[index] = word;
    for (auto key = tables.begin(); key != first_stage; ++key) change_in(*key, index, before, word);
    if (guest) grant_all(*guest, Change::Add);
    for (auto key = first_stage; key != tables.end(); ++key) change_in(*key, index, before, word);
    if (guest) move_first_stage(*guest);
}

void FollowedTables::stored(WatchedPage& page, unsigned first, const std::uint64_t* words, unsigned count) {
    for (unsigned i = 0; i < count && !lost_; ++i) {
        if ((*page.words)[first + i] != words[i]) change(page, first + i, words[i]);
    }
}

void FollowedTables::clear() {
    for (auto& [word, table] : tables_) {
        if (table.page != nullptr) pages_.remove_table(*table.page, TableKey{word});
    }
    tables_.clear();
    wishes_.clear();
    first_stage_.clear();
    second_stage_.reset();
    lost_ = false;
}

}  // namespace remap::iommu
