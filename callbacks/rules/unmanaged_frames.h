// SPDX-License-Identifier: MIT
// Frames that stand for a device's memory.
#pragma once

#include "callbacks/core/ports.h"

#include <cstdint>

namespace remap::callbacks {

// The machine's frames, of which none is memory that the system manages: they can be a device's on a machine that maps
// nothing else.
class UnmanagedFrames final : public FramePort {
public:
    explicit UnmanagedFrames(FramePort& frames) : frames_(frames) {}
    bool allocate(const FrameRequest& request, FrameList& frames) override { return frames_.allocate(request, frames); }
    void free(const FrameList& frames) override { frames_.free(frames); }
    bool copy(const FrameList& from, const FrameList& to) override { return frames_.copy(from, to); }
    PhysicalPage highest_installed() const override { return frames_.highest_installed(); }
    bool overlaps_memory(PhysicalPage, std::uint64_t) const override { return false; }

private:
    FramePort& frames_;
};

}  // namespace remap::callbacks
