// SPDX-License-Identifier: MIT
// How a trace lies in memory: a header, a head for each lane, and the lanes' rings. The writer keeps its own copy of
// all numbers, the reader checks them: the memory belongs to neither alone.
#pragma once

#include "iommu/lab/event.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace remap::lab {

// The own lanes come first, then the shared ones; the last of the shared ones is that of injections.
struct TraceShape {
    std::uint32_t own_lanes = 12;
    std::uint32_t shared_lanes = 3;
    std::uint64_t lane_bytes = 4 * 1024 * 1024;  // a power of two, from least_lane_bytes to most_lane_bytes

    std::uint32_t lanes() const { return own_lanes + shared_lanes; }
    bool makes_sense() const;
    std::uint64_t bytes() const;  // of the whole trace; only of a shape that makes sense
};
inline constexpr std::uint64_t least_lane_bytes = 64 * 1024;
inline constexpr std::uint64_t most_lane_bytes = 1024 * 1024 * 1024;
inline constexpr std::uint32_t most_lanes = 64;

// An event with its number in its lane. The sequence is 2n + 1 while the n-th event (from 0) is being written, 2n + 2
// when it is there, and 0 if nothing ever was.
struct TraceRecord {
    static constexpr std::size_t word_count = sizeof(Event) / sizeof(std::uint64_t);
    static constexpr std::size_t last_word = word_count - 1;
    using Words = std::array<std::uint64_t, word_count>;

    std::atomic<std::uint64_t> sequence;
    std::atomic<std::uint64_t> words[word_count];

    static constexpr std::uint64_t writing(std::uint64_t number) { return 2 * number + 1; }
    static constexpr std::uint64_t written(std::uint64_t number) { return 2 * number + 2; }

    // Put together in registers where the event is made, word by word: what was just stored field by field, a processor
    // cannot load in larger words without waiting for its stores to end, and that takes as long as all the rest.
    static Words words_of(const Event& event) {
        return {event.time,
                std::uint64_t{static_cast<std::uint8_t>(event.kind)} | std::uint64_t{event.flags} << 8 |
                    std::uint64_t{event.source} << 16 | std::uint64_t{event.pasid} << 32,
                event.address,
                event.length,
                event.result,
                event.detail,
                event.code};
    }

    // By the one thread that may write it now (Boehm, "Can seqlocks get along with programming language memory
    // models?", 2012: the fence keeps the words behind the mark). The time and the lane are the writer's to say.
    void write(std::uint64_t number, std::uint64_t time, std::uint32_t lane, const Words& source) {
        sequence.store(writing(number), std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
        words[0].store(time, std::memory_order_relaxed);
        for (std::size_t i = 1; i < last_word; ++i) words[i].store(source[i], std::memory_order_relaxed);
        words[last_word].store(static_cast<std::uint32_t>(source[last_word]) | std::uint64_t{lane} << 32,
                               std::memory_order_relaxed);
        sequence.store(written(number), std::memory_order_release);
    }

    // False: it was not there, or did not stay while it was read; `event` is then of no use.
    bool read(std::uint64_t number, Event& event) const {
        if (sequence.load(std::memory_order_acquire) != written(number)) return false;
        Words target;
        for (std::size_t i = 0; i < word_count; ++i) target[i] = words[i].load(std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        event = std::bit_cast<Event>(target);
        return sequence.load(std::memory_order_relaxed) == written(number);
    }
};
static_assert(sizeof(TraceRecord) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

// What the writer says of a lane; two cache lines of its own, because its neighbour is another thread's.
struct alignas(128) LaneHead {
    std::atomic<std::uint64_t> recorded;  // numbers given out; of a shared lane it may lag behind for a moment
    std::atomic<std::uint64_t> dropped;   // numbers that will never be written
};
static_assert(sizeof(LaneHead) == 128);

enum class TraceTicks : std::uint32_t {
    Nanoseconds = 0,
    Counter = 1,  // the processor's time stamp counter: two points say what it is in nanoseconds
};

// `sequence` is odd while the second point is being replaced.
struct ClockPoints {
    std::atomic<std::uint64_t> sequence;
    std::atomic<std::uint64_t> first_ticks, first_nanoseconds;
    std::atomic<std::uint64_t> last_ticks, last_nanoseconds;
};

struct TraceHeader {
    std::uint32_t own_lanes;
    std::uint32_t shared_lanes;
    std::uint64_t lane_bytes;
    std::uint32_t ticks;  // TraceTicks
    std::uint32_t unused;
    ClockPoints clock;
};
inline constexpr std::uint64_t trace_heads_offset = 4096;
inline constexpr std::uint64_t trace_rings_offset = trace_heads_offset + most_lanes * sizeof(LaneHead);
static_assert(sizeof(TraceHeader) <= trace_heads_offset && trace_rings_offset % 4096 == 0);

inline bool TraceShape::makes_sense() const {
    return own_lanes <= most_lanes && shared_lanes >= 2 && shared_lanes <= most_lanes && lanes() <= most_lanes &&
           std::has_single_bit(lane_bytes) && lane_bytes >= least_lane_bytes && lane_bytes <= most_lane_bytes;
}

inline std::uint64_t TraceShape::bytes() const { return trace_rings_offset + lanes() * lane_bytes; }

}  // namespace remap::lab
