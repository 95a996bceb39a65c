// SPDX-License-Identifier: MIT
// A count that many threads add to without contending for one cache line. Never loses an event.
#pragma once

#include "iommu/engine/thread_slot.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace remap::iommu {

class Counter {
public:
    void add(std::uint64_t events = 1) {
        const unsigned slot = thread_slot();
        add_in_slot(parts_[slot].value, slot, events);
    }

    std::uint64_t total() const { return sum() - before_.load(std::memory_order_relaxed); }

    template <typename Archive>
    void state(Archive& archive) {
        std::uint64_t counted = total();
        archive("total", counted);
        if constexpr (Archive::reading) before_.store(sum() - counted, std::memory_order_relaxed);
    }

    void reset() { before_.store(sum(), std::memory_order_relaxed); }

private:
    std::uint64_t sum() const {
        std::uint64_t events = 0;
        for (const Part& part : parts_) events += part.value.load(std::memory_order_relaxed);
        return events;
    }

    struct alignas(64) Part {
        std::atomic<std::uint64_t> value{0};
    };
    std::array<Part, thread_slots> parts_;
    std::atomic<std::uint64_t> before_{0};  // events that no longer count: only their own thread writes a part
};

}  // namespace remap::iommu
