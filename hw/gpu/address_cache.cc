// SPDX-License-Identifier: MIT
#include "hw/gpu/address_cache.h"

#include "base/bits.h"

#include <algorithm>

namespace remap::gpu {

unsigned AddressCache::set_of(const Context& context, std::uint64_t address, unsigned shift) {
    return static_cast<unsigned>((address >> shift) + context.pasid.value_or(0) * 5) % sets;
}

AddressCache::Entry* AddressCache::find(const Context& context, std::uint64_t address) {
    for (const unsigned shift : {small_page, large_page}) {
        for (Entry& entry : sets_[set_of(context, address, shift)]) {
            if (entry.covers(address) && entry.shift == shift && entry.context == context) return &entry;
        }
    }
    return nullptr;
}

// An older answer for the same address, whatever it covers.
void AddressCache::drop(const Context& context, std::uint64_t address) {
    while (Entry* old = find(context, address)) *old = {};
}

void AddressCache::insert(const Context& context, std::uint64_t address, const Translated& answer) {
    const unsigned shift = answer.granule >> large_page != 0 ? large_page : small_page;
    const std::uint64_t within = address & low_bits(shift);
    const Entry made{.valid = true,
                     .context = context,
                     .first = address - within,
                     .shift = shift,
                     .target = answer.address - within,
                     .readable = answer.readable,
                     .writable = answer.writable,
                     .snooped = answer.snooped};
    drop(context, address);
    const unsigned index = set_of(context, address, shift);
    Set& set = sets_[index];
    auto place = std::ranges::find_if(set, [](const Entry& entry) { return !entry.valid; });
    if (place == set.end()) {
        place = set.begin() + next_[index];
        next_[index] = static_cast<std::uint8_t>((next_[index] + 1) % ways);
    }
    *place = made;
}

void AddressCache::forget(const Invalidation& what) {
    const auto is_meant = [&](const Entry& entry) {
        const std::uint64_t last = entry.first | low_bits(entry.shift);
        const bool named = what.pasid == entry.context.pasid || (what.every_pasid && entry.context.pasid.has_value());
        return entry.valid && named && entry.first <= what.last && what.first <= last;
    };
    for (Set& set : sets_) {
        for (Entry& entry : set) {
            if (is_meant(entry)) entry = {};
        }
    }
}

}  // namespace remap::gpu
