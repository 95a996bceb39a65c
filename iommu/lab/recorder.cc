// SPDX-License-Identifier: MIT
#include "iommu/lab/recorder.h"

#include "iommu/lab/guarded_mapping.h"
#include "iommu/lab/trace_clock.h"

#include <cstdlib>
#include <mutex>
#include <unordered_map>

namespace remap::lab {

namespace {

std::atomic<std::uint64_t> next_identity{1};

// Threads and recorders are told apart by numbers that never come again; addresses and thread ids do.
std::uint64_t this_thread() {
    thread_local const std::uint64_t number = next_identity.fetch_add(1);
    return number;
}

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

// Everything that decides where a writer writes is here, in memory of this process alone.
struct Recorder::Lanes {
    // A writer's books of a lane. Those of another thread lie in other cache lines.
    struct alignas(128) Lane {
        TraceRecord* ring = nullptr;
        LaneHead* head = nullptr;
        std::uint64_t mask = 0;  // in records
        std::uint32_t number = 0;
        std::uint64_t newest = 0;  // the time of the last record, for record_next; 0: it has none to give
        std::atomic<std::uint64_t> next{0};
        std::atomic<std::uint64_t> dropped{0};

        // Of a lane that is shared: what the sequence of each record is, see TraceRecord. calloc gives zero pages that
        // cost nothing before they are used.
        std::unique_ptr<std::atomic<std::uint64_t>, Free> claims;

        void write_alone(std::uint64_t time, const TraceRecord::Words& words);
        void write_shared(std::uint64_t time, const TraceRecord::Words& words);
    };

    const std::uint64_t identity = next_identity.fetch_add(1);
    TraceShape shape;
    TraceClock clock;
    TraceHeader* header = nullptr;
    std::unique_ptr<Lane[]> lanes;

    std::mutex lock;
    std::unordered_map<std::uint64_t, Lane*> of_thread;

    bool prepare(std::byte* memory);
    Lane& find_lane();
    std::uint64_t now() const { return clock.now != nullptr ? clock.now(clock.opaque) : host_tick_count(); }
    Lane& injections() { return lanes[shape.lanes() - 1]; }
    bool is_shared(const Lane& lane) const { return lane.claims != nullptr; }

    std::uint64_t time_of(const TraceRecord::Words& words) const { return words.front() != 0 ? words.front() : now(); }
    void write(Lane& lane, std::uint64_t time, const TraceRecord::Words& words) {
        if (is_shared(lane)) return lane.write_shared(time, words);
        lane.newest = time;
        lane.write_alone(time, words);
    }

    // This thread's lane, which is found once. A process with several machines looks it up at each change.
    Lane& own_lane() {
        struct Known {
            std::uint64_t identity;
            Lane* lane;
        };
        static thread_local constinit Known known{0, nullptr};
        if (known.identity != identity) [[unlikely]]
            known = {identity, &find_lane()};
        return *known.lane;
    }
};

inline void Recorder::Lanes::Lane::write_alone(std::uint64_t time, const TraceRecord::Words& words) {
    const std::uint64_t nth = next.load(std::memory_order_relaxed);
    ring[nth & mask].write(nth, time, number, words);
    next.store(nth + 1, std::memory_order_relaxed);
    head->recorded.store(nth + 1, std::memory_order_release);
    __builtin_prefetch(&ring[(nth + 4) & mask], 1);  // which lies where nobody has been for a whole round
}

// Whoever has a number writes its record, unless one that had it before has not finished (it was stalled for a whole
// round) or one with a later number was faster: then the event is dropped, and nobody waits.
void Recorder::Lanes::Lane::write_shared(std::uint64_t time, const TraceRecord::Words& words) {
    const std::uint64_t nth = next.fetch_add(1, std::memory_order_relaxed);
    std::atomic<std::uint64_t>& claim = claims.get()[nth & mask];
    std::uint64_t before = claim.load(std::memory_order_relaxed);
    if ((before & 1) != 0 || before > TraceRecord::writing(nth) ||
        !claim.compare_exchange_strong(before, TraceRecord::writing(nth), std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        head->dropped.store(dropped.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return;
    }
    ring[nth & mask].write(nth, time, number, words);
    claim.store(TraceRecord::written(nth), std::memory_order_release);
    head->recorded.store(next.load(std::memory_order_relaxed), std::memory_order_release);
}

bool Recorder::Lanes::prepare(std::byte* memory) {
    const std::uint64_t records = shape.lane_bytes / sizeof(TraceRecord);
    lanes = std::make_unique<Lane[]>(shape.lanes());
    for (std::uint32_t i = 0; i < shape.lanes(); ++i) {
        Lane& lane = lanes[i];
        lane.ring = reinterpret_cast<TraceRecord*>(memory + trace_rings_offset + i * shape.lane_bytes);
        lane.head = reinterpret_cast<LaneHead*>(memory + trace_heads_offset) + i;
        lane.mask = records - 1;
        lane.number = i;
        if (i < shape.own_lanes) continue;
        void* const claims = std::calloc(records, sizeof(std::atomic<std::uint64_t>));
        if (claims == nullptr) return false;
        lane.claims.reset(static_cast<std::atomic<std::uint64_t>*>(claims));
    }
    header = reinterpret_cast<TraceHeader*>(memory);
    header->own_lanes = shape.own_lanes;
    header->shared_lanes = shape.shared_lanes;
    header->lane_bytes = shape.lane_bytes;
    header->ticks = static_cast<std::uint32_t>(clock.now != nullptr ? TraceTicks::Nanoseconds : host_ticks);
    begin_clock(header->clock);
    return true;
}

// The first threads have their own, the others share all but the injections' in turn.
Recorder::Lanes::Lane& Recorder::Lanes::find_lane() {
    GuardedMapping::admit_this_thread();
    const std::lock_guard guard(lock);
    const auto [known, is_new] = of_thread.try_emplace(this_thread(), nullptr);
    if (is_new) {
        const std::uint64_t thread = of_thread.size() - 1;
        const std::uint64_t own = shape.own_lanes;
        known->second = &lanes[thread < own ? thread : own + (thread - own) % (shape.shared_lanes - 1)];
    }
    return *known->second;
}

Recorder::Recorder() = default;
Recorder::~Recorder() = default;

std::string Recorder::use(std::span<std::byte> memory, const TraceShape& shape, TraceClock clock) {
    if (!shape.makes_sense()) return "a lane of the trace has a power of two of bytes, from 64 KiB to 1 GiB";
    if (memory.size() < shape.bytes()) return "the trace does not fit into its memory";
    auto lanes = std::make_unique<Lanes>();
    lanes->shape = shape;
    lanes->clock = clock;
    if (!lanes->prepare(memory.data())) return "there is no memory for the trace's books";
    lanes_ = std::move(lanes);
    return {};
}

std::uint64_t Recorder::ticks() const { return on() ? lanes_->now() : 0; }

void Recorder::write(const TraceRecord::Words& words) {
    if (Lanes* const lanes = lanes_.get(); lanes != nullptr)
        lanes->write(lanes->own_lane(), lanes->time_of(words), words);
}

void Recorder::write_next(const TraceRecord::Words& words) {
    Lanes* const lanes = lanes_.get();
    if (lanes == nullptr) return;
    Lanes::Lane& lane = lanes->own_lane();
    if (lanes->is_shared(lane)) return lane.write_shared(lanes->now(), words);
    lane.write_alone(lane.newest != 0 ? lane.newest : lanes->now(), words);
    lane.newest = 0;
}

void Recorder::write_injection(const TraceRecord::Words& words) {
    thread_local bool admitted = false;
    if (lanes_ == nullptr) return;
    if (!admitted) GuardedMapping::admit_this_thread();
    admitted = true;
    lanes_->write(lanes_->injections(), lanes_->time_of(words), words);
}

std::vector<LaneCount> Recorder::counts() const {
    std::vector<LaneCount> result;
    for (std::uint32_t i = 0; lanes_ != nullptr && i < lanes_->shape.lanes(); ++i)
        result.push_back({lanes_->lanes[i].next.load(), lanes_->lanes[i].dropped.load()});
    return result;
}

void Recorder::refresh() {
    if (lanes_ == nullptr) return;
    refresh_clock(lanes_->header->clock);
    for (std::uint32_t i = lanes_->shape.own_lanes; i < lanes_->shape.lanes(); ++i) {
        const Lanes::Lane& lane = lanes_->lanes[i];
        lane.head->recorded.store(lane.next.load(), std::memory_order_release);
        lane.head->dropped.store(lane.dropped.load(), std::memory_order_relaxed);
    }
}

}  // namespace remap::lab
