// SPDX-License-Identifier: MIT
// The writing side of the trace: rings in shared memory that the newest events overwrite the oldest of.
//
// A writer never waits and never looks at anything that a reader writes. Each thread has a lane of its own (the first
// ones; later ones share), and what acts on behalf of a rule goes to a lane of its own besides, so that a flood of DMA
// does not push the injections out. Every record carries its number in its lane: a reader knows what it has missed.
#pragma once

#include "iommu/lab/event.h"

#include <atomic>
#include <cstdint>

namespace remap::lab {

class Recorder {
public:
    bool on() const { return on_.load(std::memory_order_relaxed); }
    void switch_on(bool on) { on_.store(on, std::memory_order_relaxed); }

    // Writes an event down, with the time; its `thread` is filled in. Any thread; never blocks.
    void record(const Event& event);

    // The same, whether or not the trace is on, in the lane of injections.
    void record_injection(const Event& event);

private:
    friend class Segment;
    std::atomic<bool> on_{false};
    struct Lanes;
    Lanes* lanes_ = nullptr;
};

}  // namespace remap::lab
