// SPDX-License-Identifier: MIT
#include "hw/hosted/cached_memory.h"

namespace remap::hosted {

std::vector<cache::Finding> CachedMemory::findings() const {
    std::vector<cache::Finding> findings;
    while (const auto next = model_.finding(findings.size())) findings.push_back(*next);
    return findings;
}

bool CachedMemory::read(PhysicalAddress from, void* to, const cache::DmaOrigin& origin) {
    if (!model_.tracked(from.page())) return memory_.read(from, to, origin.bytes);
    return model_.dma_read({from, origin}, to);
}

bool CachedMemory::write(PhysicalAddress to, const void* from, const cache::DmaOrigin& origin) {
    if (!model_.tracked(to.page())) return memory_.write(to, from, origin.bytes);
    return model_.dma_write({to, origin}, from);
}

// In a page that the model knows the word may be in a cache, or differ from memory's.
std::optional<bool> CachedMemory::exchange(PhysicalAddress at, std::uint64_t expected, std::uint64_t desired) {
    if (!model_.tracked(at.page())) return memory_.exchange(at, expected, desired);
    if (at.value % sizeof expected != 0) return std::nullopt;
    const std::lock_guard guard(bus_lock_);
    cache::DmaOrigin origin{.source = 0, .address = {at.value}, .bytes = sizeof expected};
    std::uint64_t old = 0;
    if (!model_.dma_read({at, origin}, &old)) return std::nullopt;
    if (old != expected) return false;
    origin.write = true;
    if (!model_.dma_write({at, origin}, &desired)) return std::nullopt;
    return true;
}

}  // namespace remap::hosted
