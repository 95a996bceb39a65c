// SPDX-License-Identifier: MIT
// Numbers that only grow, one for each thing that enters a cache and for each invalidation. With a clock of the machine
// they are its nanoseconds (moved on by one where two fall together), so that an entry tells when it was cached.
#pragma once

#include "iommu/engine/ports.h"

#include <algorithm>
#include <cstdint>

namespace remap::iommu {

class StampClock {
public:
    explicit StampClock(ClockPort* clock) : clock_(clock) {}

    std::uint64_t next() { return last_ = std::max(last_ + 1, clock_ != nullptr ? clock_->nanoseconds() : 0); }
    std::uint64_t last() const { return last_; }

    template <typename Archive>
    void state(Archive& archive) {
        archive("last stamp", last_, ~std::uint64_t{0} >> 1);  // so that it never comes to its end
    }

private:
    ClockPort* clock_;
    std::uint64_t last_ = 0;
};

}  // namespace remap::iommu
