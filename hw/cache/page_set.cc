// SPDX-License-Identifier: MIT
#include "hw/cache/page_set.h"

#include <algorithm>
#include <bit>

namespace remap::cache {

PageSet::~PageSet() {
    for (auto& middle_slot : middles_) {
        Middle* middle = middle_slot.piece.load();
        if (middle == nullptr) continue;
        for (auto& leaf_slot : middle->leaves) delete leaf_slot.piece.load();
        delete middle;
    }
}

bool PageSet::has(PhysicalPage page) const {
    if (page.number >= limit) return false;
    const Slot<Middle>& middle_slot = middles_[page.number / middle_pages];
    const Middle* middle = middle_slot.piece.load(std::memory_order_acquire);
    if (middle == nullptr) return middle_slot.full.load(std::memory_order_acquire);
    const Slot<Leaf>& leaf_slot = middle->leaves[page.number % middle_pages / leaf_pages];
    const Leaf* leaf = leaf_slot.piece.load(std::memory_order_acquire);
    if (leaf == nullptr) return leaf_slot.full.load(std::memory_order_acquire);
    const std::uint64_t bit = page.number % leaf_pages;
    return leaf->words[bit / 64].load(std::memory_order_acquire) >> bit % 64 & 1;
}

void PageSet::set(PhysicalPage first, std::uint64_t pages, bool member) {
    if (first.number >= limit) return;
    const std::uint64_t end = first.number + std::min(pages, limit - first.number);
    std::uint64_t before = 0;
    for (std::uint64_t at = first.number; at < end;) {
        const std::uint64_t base = at / middle_pages * middle_pages;
        const std::uint64_t stop = std::min(end, base + middle_pages);
        before += set_middle(middles_[at / middle_pages], at - base, stop - base, member);
        at = stop;
    }
    const std::uint64_t changed = end - first.number;
    count_ = count_ - before + (member ? changed : 0);
}

std::uint64_t PageSet::set_middle(Slot<Middle>& slot, std::uint64_t first, std::uint64_t last, bool member) {
    Middle* middle = slot.piece.load();
    const bool full = slot.full.load();
    if (middle == nullptr) {
        const std::uint64_t before = full ? last - first : 0;
        if (full == member) return before;
        if (last - first == middle_pages) {
            slot.full.store(member, std::memory_order_release);
            return before;
        }
        middle = new Middle;
        for (auto& leaf : middle->leaves) leaf.full.store(full, std::memory_order_relaxed);
        slot.piece.store(middle, std::memory_order_release);
    }
    std::uint64_t before = 0;
    for (std::uint64_t at = first; at < last;) {
        const std::uint64_t base = at / leaf_pages * leaf_pages;
        const std::uint64_t stop = std::min(last, base + leaf_pages);
        before += set_leaf(middle->leaves[at / leaf_pages], at - base, stop - base, member);
        at = stop;
    }
    return before;
}

std::uint64_t PageSet::set_leaf(Slot<Leaf>& slot, std::uint64_t first, std::uint64_t last, bool member) {
    Leaf* leaf = slot.piece.load();
    const bool full = slot.full.load();
    if (leaf == nullptr) {
        const std::uint64_t before = full ? last - first : 0;
        if (full == member) return before;
        if (last - first == leaf_pages) {
            slot.full.store(member, std::memory_order_release);
            return before;
        }
        leaf = new Leaf;
        for (Word& word : leaf->words) word.store(full ? ~std::uint64_t{0} : 0, std::memory_order_relaxed);
        slot.piece.store(leaf, std::memory_order_release);
    }
    return set_words(*leaf, first, last, member);
}

std::uint64_t PageSet::set_words(Leaf& leaf, std::uint64_t first, std::uint64_t last, bool member) {
    std::uint64_t before = 0;
    for (std::uint64_t at = first; at < last;) {
        const std::uint64_t stop = std::min(last, at / 64 * 64 + 64);
        const std::uint64_t mask = (~std::uint64_t{0} >> (64 - (stop - at))) << at % 64;
        Word& word = leaf.words[at / 64];
        const std::uint64_t old = word.load(std::memory_order_relaxed);
        before += static_cast<std::uint64_t>(std::popcount(old & mask));
        word.store(member ? old | mask : old & ~mask, std::memory_order_release);
        at = stop;
    }
    return before;
}

}  // namespace remap::cache
