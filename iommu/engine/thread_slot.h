// SPDX-License-Identifier: MIT
// Threads spread over a few slots, so that what they count does not contend.
#pragma once

#include <atomic>

namespace remap::iommu {

inline constexpr unsigned thread_slots = 16;

inline unsigned thread_slot() {
    static std::atomic<unsigned> threads{0};
    static thread_local const unsigned slot = threads.fetch_add(1, std::memory_order_relaxed) % thread_slots;
    return slot;
}

}  // namespace remap::iommu
