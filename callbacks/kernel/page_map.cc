// SPDX-License-Identifier: MIT
#include "callbacks/kernel/page_map.h"

#include "base/address.h"

#include <new>

namespace remap::kernel {

namespace {

std::uint64_t page_number(const void* address) { return reinterpret_cast<std::uint64_t>(address) >> page_shift; }

// Multiplicative hashing; the high bits are the good ones.
std::size_t hash(std::uint64_t page) { return (page * 0x9E3779B97F4A7C15u) >> 20; }

}  // namespace

PageMap::~PageMap() { delete[] slots_; }

// The slot of the page, or the one it would get.
PageMap::Slot* PageMap::slot_for(std::uint64_t page) const {
    std::size_t index = hash(page) & (capacity_ - 1);
    while (slots_[index].page != 0 && slots_[index].page != page) index = (index + 1) & (capacity_ - 1);
    return &slots_[index];
}

// Keeps the table at most half full, so that every search ends soon.
bool PageMap::reserve(std::uint64_t more) {
    if ((used_ + more) * 2 <= capacity_) return true;
    std::size_t wanted = capacity_ == 0 ? 256 : capacity_;
    while ((live_ + more) * 2 > wanted) wanted *= 2;
    Slot* const old = slots_;
    const std::size_t old_capacity = capacity_;
    Slot* const grown = new (std::nothrow) Slot[wanted];
    if (grown == nullptr) return false;
    slots_ = grown;
    capacity_ = wanted;
    for (std::size_t index = 0; index < old_capacity; ++index)
        if (old[index].region != nullptr) *slot_for(old[index].page) = old[index];
    used_ = live_;
    delete[] old;
    return true;
}

bool PageMap::add(const void* base, std::uint64_t pages, Region* region) {
    if (!reserve(pages)) return false;
    for (std::uint64_t page = page_number(base); pages != 0; ++page, --pages) {
        Slot* const slot = slot_for(page);
        used_ += slot->page == 0;
        live_ += slot->region == nullptr;
        *slot = {page, region};
    }
    return true;
}

void PageMap::remove(const void* base, std::uint64_t pages) {
    if (capacity_ == 0) return;
    for (std::uint64_t page = page_number(base); pages != 0; ++page, --pages) {
        Slot* const slot = slot_for(page);
        if (slot->region == nullptr) continue;
        slot->region = nullptr;
        --live_;
    }
}

Region* PageMap::find(const void* address) const {
    return capacity_ == 0 ? nullptr : slot_for(page_number(address))->region;
}

}  // namespace remap::kernel
