// SPDX-License-Identifier: MIT
// The writing side of the trace: rings in shared memory that the newest events overwrite the oldest of.
//
// A writer never waits and never looks at anything that a reader writes. Each thread has a lane of its own (the first
// ones; later ones share), and what acts on behalf of a rule goes to a lane of its own besides, so that a flood of DMA
// does not push the injections out. Every record carries its number in its lane: a reader knows what it has missed.
#pragma once

#include "iommu/lab/copy_record.h"
#include "iommu/lab/event.h"
#include "iommu/lab/trace_layout.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace remap::lab {

// Where the time of events comes from: a function that returns nanoseconds and may be called by any thread that
// records, or null for the cheapest that the host has (the processor's time stamp counter on x86).
struct TraceClock {
    std::uint64_t (*now)(void* opaque) = nullptr;
    void* opaque = nullptr;
};

struct LaneCount {
    std::uint64_t recorded = 0;
    std::uint64_t dropped = 0;  // of those: not written, because a thread that shares the lane was in the way
};

class Recorder {
public:
    Recorder();  // without memory: records nothing, and is never on
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    // Lays the lanes out in this memory, at least shape.bytes() long, aligned to a page, zero, and outliving us. Before
    // anybody records. An empty sentence, or why not.
    std::string use(std::span<std::byte> memory, const TraceShape& shape, TraceClock clock = {});

    bool on() const { return on_.load(std::memory_order_relaxed); }
    void switch_on(bool on) { on_.store(on && lanes_ != nullptr, std::memory_order_relaxed); }

    // The time, for events that happen at once: reading it costs more than writing one down. 0 while the trace is off.
    std::uint64_t ticks() const;

    // The two accesses of a copy, in one record.
    void record_copy(const Copy& copy) { write(words_of_copy(copy)); }

    // Writes an event down, with the time unless it has one; its `thread` is filled in. Any thread; never blocks. The
    // first call on a thread finds the lane and may allocate, and lets SIGBUS through (see guarded_mapping.h).
    void record(const Event& event) { write(TraceRecord::words_of(event)); }

    // An event that comes at once of what this thread has written down last: it gets the time of that, unless that was
    // such an event itself.
    void record_next(const Event& event) { write_next(TraceRecord::words_of(event)); }

    // As record, whether or not the trace is on, in the lane of injections.
    void record_injection(const Event& event) { write_injection(TraceRecord::words_of(event)); }

    // Of each lane, from this process's own books.
    std::vector<LaneCount> counts() const;

    // Tells readers anew how the clock goes and how far the lanes are. Called now and then, by one thread at a time.
    void refresh();

private:
    void write(const TraceRecord::Words& words);
    void write_next(const TraceRecord::Words& words);
    void write_injection(const TraceRecord::Words& words);

    std::atomic<bool> on_{false};
    struct Lanes;
    std::unique_ptr<Lanes> lanes_;
};

}  // namespace remap::lab
