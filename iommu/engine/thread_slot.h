// SPDX-License-Identifier: MIT
// A place for each thread to count in, so that counting needs no locked instruction. The first threads have one each;
// those that come when all are taken share the place 0.
#pragma once

#include <atomic>
#include <cstdint>

namespace remap::iommu {

inline constexpr unsigned thread_slots = 32;
inline constexpr unsigned shared_slot = 0;

inline unsigned new_thread_slot() {
    static std::atomic<unsigned> taken{shared_slot + 1};
    const unsigned slot = taken.fetch_add(1, std::memory_order_relaxed);
    if (slot < thread_slots) return slot;
    taken.store(thread_slots, std::memory_order_relaxed);
    return shared_slot;
}

inline unsigned thread_slot() {
    static constexpr unsigned unknown = ~0u;
    static constinit thread_local unsigned slot = unknown;
    if (slot == unknown) [[unlikely]]
        slot = new_thread_slot();
    return slot;
}

// Adds to a count of this thread's slot.
inline void add_in_slot(std::atomic<std::uint64_t>& count, unsigned slot, std::uint64_t events) {
    if (slot != shared_slot) [[likely]] {
        count.store(count.load(std::memory_order_relaxed) + events, std::memory_order_release);
    } else {
        count.fetch_add(events, std::memory_order_release);
    }
}

}  // namespace remap::iommu
