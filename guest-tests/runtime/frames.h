// SPDX-License-Identifier: MIT
// All RAM the kernel does not own, as a pool of frames. Frames are not mapped; views.h maps them.
#pragma once

#include "callbacks/core/ports.h"

#include <cstdint>

namespace remap::guest {

class Frames final : public callbacks::FramePort {
public:
    // A contiguous request gets the highest place that fits. Any other is scattered on purpose: runs of pseudo-random
    // length with gaps between them, the highest addresses first, the same ones in each run of a program.
    bool allocate(const callbacks::FrameRequest& request, callbacks::FrameList& frames) override;
    void free(const callbacks::FrameList& frames) override;
    bool copy(const callbacks::FrameList& from, const callbacks::FrameList& to) override;
    PhysicalPage highest_installed() const override;
    bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const override;

    std::uint64_t free_pages() const;
};

// The machine's frames.
Frames& frames();

// Fills the pool from the memory map. The first MiB, the owned memory, the boot module and whatever firmware has
// reserved stay out.
void start_frames();

}  // namespace remap::guest
