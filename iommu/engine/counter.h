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
    void add(std::uint64_t events = 1) { parts_[thread_slot()].value.fetch_add(events, std::memory_order_relaxed); }

    std::uint64_t total() const {
        std::uint64_t sum = 0;
        for (const Part& part : parts_) sum += part.value.load(std::memory_order_relaxed);
        return sum;
    }

    template <typename Archive>
    void state(Archive& archive) {
        std::uint64_t sum = total();
        archive("total", sum);
        if constexpr (Archive::reading) {
            reset();
            add(sum);
        }
    }

    void reset() {
        for (Part& part : parts_) part.value.store(0, std::memory_order_relaxed);
    }

private:
    struct alignas(64) Part {
        std::atomic<std::uint64_t> value{0};
    };
    std::array<Part, thread_slots> parts_;
};

}  // namespace remap::iommu
