// SPDX-License-Identifier: MIT
// Which frames an allocation gets: the policy behind every machine's FramePort. The machine fills the pool with its
// memory and zeroes what it hands out.
#pragma once

#include "base/address.h"
#include "base/extents.h"
#include "callbacks/core/ports.h"

#include <cstdint>

namespace remap::callbacks {

// Not contiguous requests are answered with short runs at scattered places, the highest memory first, so that code
// which takes physical neighbours for granted fails here and not on a system that has run for a week. The places are
// the same in every run of a program.
class FramePool {
public:
    static constexpr std::size_t max_ranges = 64;

    // Adds installed memory. False if it overlaps what is there, or there are too many ranges.
    bool add(PhysicalPage first, std::uint64_t pages);

    // Takes pages out for good: those of the range that are free now. They stay installed memory. False, with some
    // taken, if there is no memory for the book-keeping.
    bool withhold(PhysicalPage first, std::uint64_t pages);

    // As FramePort::allocate, except that the frames keep what was in them.
    bool allocate(const FrameRequest& request, FrameList& frames);

    // False, and what is before the mistake freed, if a frame is free already.
    bool free(const FrameList& frames);
    bool free_part(const FrameList& frames, std::uint64_t first, std::uint64_t pages);

    PhysicalPage highest_installed() const;  // 0 when nothing is installed
    bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const;
    std::uint64_t free_pages() const { return free_.free_pages(); }

private:
    bool allocate_scattered(const FrameRequest& request, FrameList& frames);
    std::uint64_t random_up_to(std::uint64_t most);

    ExtentPool free_;
    ExtentPool::Range installed_[max_ranges];
    std::size_t ranges_ = 0;
    std::uint64_t random_ = 0x9e3779b97f4a7c15;
};

}  // namespace remap::callbacks
