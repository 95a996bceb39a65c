// SPDX-License-Identifier: MIT
#include "iommu/engine/watched_pages.h"

namespace remap::iommu {

WatchedPage& WatchedPages::watch(PhysicalPage page) {
    const auto [place, is_new] = pages_.try_emplace(page, WatchedPage{.page = page});
    if (is_new) port_.watch(page);
    return place->second;
}

void WatchedPages::leave(WatchedPage& page) {
    if (page.idle()) idle_.push_back(page.page);
}

// The page is watched before it is read: what is stored in between is told and compared.
WatchedPage* WatchedPages::add_table(PhysicalPage page, TableKey table) {
    WatchedPage& watched = watch(page);
    if (!watched.words) {
        auto words = std::make_unique<TableWords>();
        if (!read(page, 0, words->data(), paging::entries_per_table)) {
            leave(watched);
            return nullptr;
        }
        watched.words = std::move(words);
    }
    watched.tables.insert(table);
    return &watched;
}

void WatchedPages::remove_table(WatchedPage& page, TableKey table) {
    page.tables.erase(table);
    leave(page);
}

bool WatchedPages::set_way(const std::set<PhysicalPage>& way) {
    bool all_watched = true;
    for (const PhysicalPage page : way) {
        all_watched = all_watched && pages_.contains(page);
        watch(page).on_the_way = true;
    }
    for (const PhysicalPage page : way_) {
        WatchedPage* const watched = way.contains(page) ? nullptr : find(page);
        if (watched == nullptr) continue;
        watched->on_the_way = false;
        leave(*watched);
    }
    way_ = way;
    return all_watched;
}

WatchedPage* WatchedPages::find(PhysicalPage page) {
    const auto found = pages_.find(page);
    return found == pages_.end() ? nullptr : &found->second;
}

std::vector<WatchedPage*> WatchedPages::find(PhysicalPage first, PhysicalPage last) {
    std::vector<WatchedPage*> found;
    for (auto next = pages_.lower_bound(first); next != pages_.end() && next->first <= last; ++next)
        found.push_back(&next->second);
    return found;
}

bool WatchedPages::read(PhysicalPage page, unsigned first, std::uint64_t* to, unsigned count) {
    return memory_.read(page.address() + std::uint64_t{8} * first, to, std::size_t{8} * count);
}

void WatchedPages::tell() {
    for (const PhysicalPage page : idle_) {
        const auto found = pages_.find(page);
        if (found == pages_.end() || !found->second.idle()) continue;
        pages_.erase(found);
        port_.unwatch(page);
    }
    idle_.clear();
}

}  // namespace remap::iommu
