// SPDX-License-Identifier: MIT
// The reading side of the trace. It writes nothing, keeps what it knows on its own side, and believes nothing that it
// reads: whoever can write to the memory can only spoil the events.
#pragma once

#include "base/result.h"
#include "iommu/lab/event.h"
#include "iommu/lab/trace_clock.h"
#include "iommu/lab/trace_layout.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace remap::lab {

// Records of a lane that will never be read. What was read and what was lost is all that was recorded.
struct TraceLoss {
    std::uint64_t overwritten = 0;  // before we came to them
    std::uint64_t unfinished = 0;   // dropped by the writer, or not written for a long time

    std::uint64_t total() const { return overwritten + unfinished; }
};

class TraceReader {
public:
    enum class Start : std::uint8_t {
        Oldest,  // what was overwritten before counts as lost
        Now,     // what was recorded before counts neither as read nor as lost
    };

    TraceReader() = default;  // of no trace

    // The memory, aligned to a page, outlives the reader. The error is a sentence for people: a header that lies.
    static Result<TraceReader, std::string> open(std::span<const std::byte> memory, Start start = Start::Oldest);

    // Appends the events of at most so many records (a copy's has two: copy_record.h) that were written up to now, of
    // all lanes by their times, which become nanoseconds: since the trace began or, if the machine gave the clock, of
    // that clock. `thread` is the lane. Returns how many records; fewer than `most` if there are no more for now.
    //
    // A record whose writer has not finished holds its lane up until the next call after all others were read: then it
    // is given up. An event of another thread may so come after later ones, but never within a call.
    std::size_t read(std::vector<Event>& events, std::size_t most);

    // From now on only what was recorded up to now is read: a machine may be faster than we.
    void end_here();

    std::uint32_t lanes() const { return static_cast<std::uint32_t>(lanes_.size()); }
    bool is_injections(std::uint32_t lane) const { return lane + 1 == lanes(); }
    std::uint64_t lane_capacity() const { return capacity_; }  // in events

    TraceLoss loss() const;  // of all lanes
    TraceLoss loss(std::uint32_t lane) const { return lanes_[lane].loss; }
    std::uint64_t events_read(std::uint32_t lane) const { return lanes_[lane].read; }

    // What the writer says that it dropped, of all lanes; part of what is unfinished.
    std::uint64_t dropped() const;

private:
    static constexpr std::uint64_t nowhere = ~std::uint64_t{0};

    struct Lane {
        const LaneHead* head = nullptr;
        const TraceRecord* ring = nullptr;
        std::uint64_t position = 0;   // the next number
        std::uint64_t limit = 0;      // up to here, without it, in this call
        std::uint64_t end = nowhere;  // the same, for ever
        std::uint64_t held_up_at = nowhere;
        std::optional<Event> next = {};
        std::uint64_t read = 0;
        TraceLoss loss;
    };

    void look(Lane& lane) const;
    void fetch(Lane& lane) const;
    void skip_overwritten(Lane& lane) const;
    const TraceRecord& record(const Lane& lane, std::uint64_t number) const {
        return lane.ring[number & (capacity_ - 1)];
    }

    std::vector<Lane> lanes_;
    std::uint64_t capacity_ = 0;
    const TraceHeader* header_ = nullptr;
    TickScale scale_;
};

}  // namespace remap::lab
