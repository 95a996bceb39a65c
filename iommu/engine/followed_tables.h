// SPDX-License-Identifier: MIT
// The paging structures behind one route, and the pages that their leaves lead to. A store to one of them costs what
// hangs on the entries that it changes.
//
// Each table counts the entries that lead to it, and its leaves count once, as long as it does. Where the first stage
// is nested the second stage leads to nothing by itself: what the first stage's leaves and tables need is looked up in
// it, and looked up again when an entry changes that could have had part in the answer.
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/dma_map_port.h"
#include "iommu/engine/followed_table.h"
#include "iommu/engine/reached_pages.h"
#include "iommu/engine/watched_pages.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

namespace remap::iommu {

// Guest-physical pages from `first` to `last`.
struct GuestPages {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

class FollowedTables {
public:
    FollowedTables(const Configuration& configuration, WatchedPages& pages, ReachedPages& reached,
                   const DmaMapOptions& options)
        : configuration_(configuration), pages_(pages), reached_(reached), options_(options) {}

    // Begins a change: so many entries may be looked at anew.
    void begin() { entries_left_ = options_.limits.entries; }

    // Follows the tables from this one on. Of a nested pair the second stage comes first, and leaves last.
    void add_root(TableKey root);
    void remove_root(TableKey root);

    // Words of a page from `first` on are now these.
    void stored(WatchedPage& page, unsigned first, const std::uint64_t* words, unsigned count);

    // Tables that were left out because a limit was met.
    std::uint64_t left_out() const { return left_out_; }
    // What has been followed does not fit together any more: it has to be taken down.
    bool lost() const { return lost_; }
    // Takes everything down.
    void clear();

    std::size_t size() const { return tables_.size(); }

private:
    struct Table {
        std::uint64_t ways = 0;       // entries, and roots, that lead here
        WatchedPage* page = nullptr;  // null: memory does not answer, or the second stage does not lead there
        // Of a nested second stage: the guest-physical pages that begin here, by the way that was found first.
        std::uint64_t guest_first = 0;
        std::optional<TableKey> above = {};
        bool shared = false;  // there are, or were, other ways
    };
    using Tables = std::unordered_map<std::uint64_t, Table>;

    Table* find(TableKey key);
    void add_table(TableKey key, std::uint64_t guest_first, std::optional<TableKey> above);
    void remove_table(TableKey key);
    void take_up(TableKey key, Table& table);
    void put_down(TableKey key, Table& table);
    void add(TableKey from, const Table& table, unsigned index, const Target& target);
    void remove(TableKey from, const Target& target);
    void change(WatchedPage& page, unsigned index, std::uint64_t word);
    void change_in(TableKey key, unsigned index, std::uint64_t before, std::uint64_t now);
    bool may_look(std::uint64_t entries);

    // followed_nested.cc: a first stage on top of a second one.
    struct Wish {  // of leaves of the first stage, with how many of them wish it
        unsigned level = 0;
        std::uint64_t guest_first = 0;
        std::uint8_t rights = 0;
        friend constexpr auto operator<=>(const Wish&, const Wish&) = default;
    };
    enum class Change { Add, Remove };

    void add_wish(const Target& leaf);
    void remove_wish(const Target& leaf);
    void grant(const Wish& wish, Change change);
    void grant_all(const GuestPages& guest, Change change);
    std::optional<PhysicalPage> host_page_of(TableKey first_stage_table);
    std::optional<GuestPages> changed_guest_pages(WatchedPage& page, unsigned index, std::uint64_t word);
    GuestPages guest_pages_of(TableKey key, const Table& table, unsigned index);
    void move_first_stage(const GuestPages& guest);
    template <typename Visitor>
    void each_leaf(TableKey key, std::uint64_t guest_first, const GuestPages& wanted, Visitor&& visit);

    const Configuration& configuration_;
    WatchedPages& pages_;
    ReachedPages& reached_;
    const DmaMapOptions options_;
    Tables tables_;
    std::uint64_t entries_left_ = 0;
    std::uint64_t left_out_ = 0;
    bool lost_ = false;

    std::optional<TableKey> second_stage_;  // the root of the nested one
    std::map<Wish, std::uint64_t> wishes_;
    std::set<TableKey> first_stage_;  // nested tables, by their guest-physical addresses
};

}  // namespace remap::iommu
