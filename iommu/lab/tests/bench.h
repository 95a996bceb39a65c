// SPDX-License-Identifier: MIT
// What tests of the laboratory's shared memory have in common: memory for a trace, names, and processes of their own.
#pragma once

#include "iommu/lab/layout.h"
#include "iommu/lab/recorder.h"
#include "iommu/lab/segment.h"
#include "iommu/lab/trace_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace remap::lab::test {

inline constexpr TraceShape small_trace{2, 2, least_lane_bytes};
inline constexpr std::uint64_t small_lane = least_lane_bytes / sizeof(TraceRecord);  // in events

// Memory that children of this process share with it.
class TraceMemory {
public:
    explicit TraceMemory(const TraceShape& shape = small_trace)
        : bytes_(shape.bytes()),
          memory_(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
    ~TraceMemory() { ::munmap(memory_, bytes_); }
    TraceMemory(const TraceMemory&) = delete;
    TraceMemory& operator=(const TraceMemory&) = delete;

    std::span<std::byte> bytes() const { return {static_cast<std::byte*>(memory_), bytes_}; }
    LaneHead& head(std::uint32_t lane) const {
        return reinterpret_cast<LaneHead*>(bytes().data() + trace_heads_offset)[lane];
    }
    TraceRecord& record(std::uint32_t lane, std::uint64_t slot, std::uint64_t lane_bytes = least_lane_bytes) const {
        return reinterpret_cast<TraceRecord*>(bytes().data() + trace_rings_offset + lane * lane_bytes)[slot];
    }

private:
    std::size_t bytes_;
    void* memory_;
};

// Each call is a nanosecond later.
inline TraceClock counting_clock(std::atomic<std::uint64_t>& time) {
    return {[](void* opaque) { return static_cast<std::atomic<std::uint64_t>*>(opaque)->fetch_add(1) + 1; }, &time};
}

// All words say the same, so that a record that is made of two is seen.
inline Event even_event(std::uint64_t number) {
    Event event;
    event.kind = Kind::Dma;
    event.address = event.length = event.result = event.detail = number;
    event.code = static_cast<std::uint32_t>(number);
    return event;
}
inline bool is_even(const Event& event) {
    return event.kind == Kind::Dma && event.length == event.address && event.result == event.address &&
           event.detail == event.address && event.code == static_cast<std::uint32_t>(event.address);
}

// A trace whose clock counts how often it is read.
struct TraceTest : testing::Test {
    std::atomic<std::uint64_t> time{0};
    TraceMemory memory;
    Recorder recorder;

    void SetUp() override { ASSERT_EQ(recorder.use(memory.bytes(), small_trace, counting_clock(time)), ""); }
    void record(std::uint64_t first, std::uint64_t count) {
        for (std::uint64_t i = first; i < first + count; ++i) recorder.record(even_event(i));
    }
};

inline std::vector<Event> read_all(TraceReader& reader) {
    std::vector<Event> events;
    for (unsigned quiet = 0; quiet < 2;) quiet = reader.read(events, 100'000) == 0 ? quiet + 1 : 0;
    return events;
}

// A name that no other test of this run has.
inline std::string machine_name() {
    static std::atomic<unsigned> count{0};
    return "test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

inline SegmentOptions small_segment(const std::string& name = machine_name()) {
    SegmentOptions options;
    options.name = name;
    options.trace = small_trace;
    return options;
}

// A child that runs until it is killed or has done its work.
class Child {
public:
    explicit Child(const std::function<void()>& work) : pid_(::fork()) {
        if (pid_ != 0) return;
        work();
        ::_exit(0);
    }
    ~Child() { kill(); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        wait();
    }
    int wait() {
        int status = -1;
        if (pid_ > 0) ::waitpid(pid_, &status, 0);
        pid_ = 0;
        return status;
    }

private:
    pid_t pid_;
};

}  // namespace remap::lab::test
