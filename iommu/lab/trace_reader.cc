// SPDX-License-Identifier: MIT
#include "iommu/lab/trace_reader.h"

#include "iommu/lab/copy_record.h"

#include <algorithm>
#include <cstring>

namespace remap::lab {

Result<TraceReader, std::string> TraceReader::open(std::span<const std::byte> memory, Start start) {
    if (memory.size() < trace_rings_offset) return Failure{std::string("the trace is cut off")};
    TraceReader reader;
    reader.header_ = reinterpret_cast<const TraceHeader*>(memory.data());
    TraceHeader header_now;
    std::memcpy(static_cast<void*>(&header_now), memory.data(), offsetof(TraceHeader, clock));
    const TraceShape shape{header_now.own_lanes, header_now.shared_lanes, header_now.lane_bytes};
    if (!shape.makes_sense() || shape.bytes() > memory.size())
        return Failure{std::string("the trace describes itself wrongly")};
    reader.capacity_ = shape.lane_bytes / sizeof(TraceRecord);
    reader.scale_ =
        TickScale(header_now.ticks == static_cast<std::uint32_t>(TraceTicks::Counter) ? TraceTicks::Counter
                                                                                      : TraceTicks::Nanoseconds);
    for (std::uint32_t i = 0; i < shape.lanes(); ++i) {
        Lane lane;
        lane.head = reinterpret_cast<const LaneHead*>(memory.data() + trace_heads_offset) + i;
        lane.ring = reinterpret_cast<const TraceRecord*>(memory.data() + trace_rings_offset + i * shape.lane_bytes);
        if (start == Start::Now) lane.position = lane.head->recorded.load(std::memory_order_acquire);
        reader.lanes_.push_back(lane);
    }
    return reader;
}

// How far this call reads. Heads of shared lanes may lag behind what is there already.
void TraceReader::look(Lane& lane) const {
    lane.limit = std::max(lane.position, lane.head->recorded.load(std::memory_order_acquire));
    for (std::uint64_t further = 0; further < capacity_; ++further) {
        if (record(lane, lane.limit).sequence.load(std::memory_order_acquire) != TraceRecord::written(lane.limit))
            break;
        ++lane.limit;
    }
    lane.limit = std::max(lane.position, std::min(lane.limit, lane.end));
    if (lane.limit - lane.position <= capacity_) return;
    lane.loss.overwritten += lane.limit - capacity_ - lane.position;
    lane.position = lane.limit - capacity_;
}

// The writer is about to lap us: an eighth of the ring more is given up, so that it does not do so at each record.
void TraceReader::skip_overwritten(Lane& lane) const {
    const std::uint64_t recorded = lane.head->recorded.load(std::memory_order_acquire);
    std::uint64_t to = lane.position + 1;
    if (recorded > capacity_) to = std::max(to, recorded - capacity_ + capacity_ / 8);
    to = std::min(to, lane.limit);
    lane.loss.overwritten += to - lane.position;
    lane.position = to;
}

// Fills `next` if this call has another event of the lane.
void TraceReader::fetch(Lane& lane) const {
    while (!lane.next && lane.position < lane.limit) {
        const TraceRecord& at = record(lane, lane.position);
        Event event;
        if (at.read(lane.position, event)) {
            lane.next = event;
            ++lane.position;
            continue;
        }
        if (at.sequence.load(std::memory_order_acquire) > TraceRecord::written(lane.position)) {
            skip_overwritten(lane);
            continue;
        }
        if (lane.held_up_at != lane.position) return;
        ++lane.loss.unfinished;
        ++lane.position;
        lane.held_up_at = lane.position;  // what is unfinished right behind it has had as much time
    }
}

std::size_t TraceReader::read(std::vector<Event>& events, std::size_t most) {
    if (header_ == nullptr) return 0;
    scale_.update(header_->clock);
    for (Lane& lane : lanes_) look(lane);
    std::size_t count = 0;
    while (count < most) {
        Lane* first = nullptr;
        for (Lane& lane : lanes_) {
            fetch(lane);
            if (lane.next && (first == nullptr || lane.next->time < first->next->time)) first = &lane;
        }
        if (first == nullptr) break;
        Event event = *first->next;
        event.time = scale_.nanoseconds(event.time);
        event.thread = static_cast<std::uint32_t>(first - lanes_.data());
        first->next.reset();
        ++first->read;
        ++count;
        if (event.kind == copy_record) {
            for (const Event& access : unpack_copy(event)) events.push_back(access);
        } else {
            events.push_back(event);
        }
    }
    if (count < most) {
        for (Lane& lane : lanes_) lane.held_up_at = lane.position < lane.limit ? lane.position : nowhere;
    }
    return count;
}

void TraceReader::end_here() {
    for (Lane& lane : lanes_) {
        look(lane);
        lane.end = lane.limit;
    }
}

TraceLoss TraceReader::loss() const {
    TraceLoss sum;
    for (const Lane& lane : lanes_) {
        sum.overwritten += lane.loss.overwritten;
        sum.unfinished += lane.loss.unfinished;
    }
    return sum;
}

std::uint64_t TraceReader::dropped() const {
    std::uint64_t sum = 0;
    for (const Lane& lane : lanes_) sum += lane.head->dropped.load(std::memory_order_relaxed);
    return sum;
}

}  // namespace remap::lab
