// SPDX-License-Identifier: MIT
#include "iommu/lab/tests/bench.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <thread>

namespace remap::lab {
namespace {

using namespace test;

struct RecorderTest : TraceTest {
    TraceReader reader(TraceReader::Start start = TraceReader::Start::Oldest) const {
        auto result = TraceReader::open(memory.bytes(), start);
        EXPECT_TRUE(result) << result.error();
        return *result;
    }
};

TEST_F(RecorderTest, WhatIsRecordedIsReadWithItsTimeAndLane) {
    Event event = even_event(7);
    event.source = 0x10;
    event.pasid = 3;
    event.flags = flag::write;
    recorder.record(event);
    TraceReader trace = reader();
    const auto events = read_all(trace);
    ASSERT_EQ(events.size(), 1u);
    event.time = 1;
    event.thread = 0;
    EXPECT_EQ(events[0], event);
    EXPECT_EQ(trace.loss().total(), 0u);
}

TEST_F(RecorderTest, ACopyIsOneRecordAndTwoEvents) {
    recorder.record_copy({.source = 0x10,
                          .pasid = 9,
                          .read_flags = flag::no_snoop,
                          .write_flags = flag::write | flag::translated,
                          .bytes = 0xff'ffff,
                          .read_address = 0x1000,
                          .read_result = 0x7'0000,
                          .write_address = ~std::uint64_t{0xfff},
                          .write_result = 0x8'0000});
    recorder.record(even_event(3));
    TraceReader trace = reader();
    const auto events = read_all(trace);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(trace.events_read(0), 2u);
    const Event read{.time = 1,
                     .kind = Kind::Dma,
                     .flags = flag::no_snoop,
                     .source = 0x10,
                     .pasid = 9,
                     .address = 0x1000,
                     .length = 0xff'ffff,
                     .result = 0x7'0000};
    EXPECT_EQ(events[0], read);
    Event write = read;
    write.flags = flag::write | flag::translated;
    write.address = ~std::uint64_t{0xfff};
    write.result = 0x8'0000;
    EXPECT_EQ(events[1], write);
}

TEST_F(RecorderTest, TheNextEventHasTheTimeOfTheLastOneOnce) {
    recorder.record(even_event(1));
    recorder.record(even_event(2));
    for (std::uint64_t i = 3; i <= 5; ++i) recorder.record_next(even_event(i));
    std::thread([&] { recorder.record_next(even_event(6)); }).join();
    TraceReader trace = reader();
    std::map<std::uint64_t, std::uint64_t> times;  // by the event's number
    for (const Event& event : read_all(trace)) times[event.address] = event.time;
    const std::map<std::uint64_t, std::uint64_t> expected{{1, 1}, {2, 2}, {3, 2}, {4, 3}, {5, 4}, {6, 5}};
    EXPECT_EQ(times, expected) << "6: what another thread has written last is nothing to it";
}

TEST_F(RecorderTest, WithoutMemoryNothingIsRecordedAndItIsNeverOn) {
    Recorder without;
    without.switch_on(true);
    EXPECT_FALSE(without.on());
    without.record(even_event(1));
    without.record_injection(even_event(1));
    EXPECT_TRUE(without.counts().empty());
}

TEST_F(RecorderTest, ShapesThatMakeNoSenseAreRefused) {
    const TraceShape bad[] = {{2, 2, least_lane_bytes / 2}, {2, 2, least_lane_bytes + 64},
                              {2, 1, least_lane_bytes},     {most_lanes, 2, least_lane_bytes},
                              {~0u, 3, least_lane_bytes},   {2, 2, most_lane_bytes * 2}};
    for (const TraceShape& shape : bad) EXPECT_NE(Recorder().use(memory.bytes(), shape), "") << shape.lane_bytes;
    EXPECT_NE(Recorder().use(memory.bytes().first(memory.bytes().size() - 1), small_trace), "");
}

TEST_F(RecorderTest, ThreadsHaveLanesOfTheirOwnThenShareAndInjectionsAreApart) {
    record(0, 1);
    for (int i = 1; i < 5; ++i) std::thread([&] { record(0, 1); }).join();
    recorder.record_injection(even_event(9));
    std::vector<std::uint64_t> recorded;
    for (const LaneCount& lane : recorder.counts()) recorded.push_back(lane.recorded);
    EXPECT_EQ(recorded, (std::vector<std::uint64_t>{1, 1, 3, 1}));
    TraceReader trace = reader();
    const auto events = read_all(trace);
    ASSERT_EQ(events.size(), 6u);
    EXPECT_TRUE(trace.is_injections(events.back().thread));
}

TEST_F(RecorderTest, LanesAreMergedByTime) {
    for (std::uint64_t i = 0; i < 60; i += 3) {
        record(i, 1);
        std::thread([&] { record(i + 1, 1); }).join();
        recorder.record_injection(even_event(i + 2));
    }
    TraceReader trace = reader();
    const auto events = read_all(trace);
    ASSERT_EQ(events.size(), 60u);
    for (std::uint64_t i = 0; i < 60; ++i) EXPECT_EQ(events[i].address, i);
}

// A model of one lane: what a reader must have lost after any series of writes and reads.
TEST_F(RecorderTest, LossIsCountedExactly) {
    std::mt19937 random(1);
    TraceReader trace = reader();
    std::uint64_t written = 0, next = 0, lost = 0;
    for (int round = 0; round < 200; ++round) {
        const std::uint64_t count = random() % (3 * small_lane);
        record(written, count);
        written += count;
        if (written - next > small_lane) {
            lost += written - small_lane - next;
            next = written - small_lane;
        }
        std::vector<Event> events;
        const std::size_t wanted = random() % (2 * small_lane);
        // One event is taken out of the ring ahead of its reading, and can no more be lost.
        trace.read(events, wanted);
        for (const Event& event : events) ASSERT_TRUE(is_even(event));
        if (events.size() == wanted) {
            read_all(trace);
            next = written;
        } else {
            ASSERT_EQ(events.size(), written - next);
            next = written;
        }
        ASSERT_EQ(trace.loss(0).overwritten, lost);
        ASSERT_EQ(trace.events_read(0) + lost, written);
    }
    EXPECT_GT(lost, 0u);
    EXPECT_EQ(trace.loss().unfinished, 0u);
}

TEST_F(RecorderTest, AReaderThatStartsNowHasLostNothing) {
    record(0, 5 * small_lane);
    TraceReader trace = reader(TraceReader::Start::Now);
    EXPECT_TRUE(read_all(trace).empty());
    record(77, 1);
    const auto events = read_all(trace);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].address, 77u);
    EXPECT_EQ(trace.loss().total(), 0u);
}

TEST_F(RecorderTest, ARecordThatIsNeverFinishedHoldsItsLaneUpForOneCallAndCounts) {
    record(0, 3);
    memory.record(0, 1).sequence.store(TraceRecord::writing(1));
    TraceReader trace = reader();
    std::vector<Event> events;
    EXPECT_EQ(trace.read(events, 10), 1u);
    EXPECT_EQ(trace.loss().total(), 0u);
    EXPECT_EQ(trace.read(events, 10), 1u);
    EXPECT_EQ(events.back().address, 2u);
    EXPECT_EQ(trace.loss().unfinished, 1u);
}

// What any process with access may do while we write: the writer must stay in its lanes.
TEST_F(RecorderTest, AHeaderThatIsOverwrittenDoesNotMoveTheWriter) {
    std::memset(memory.bytes().data(), 0xff, trace_rings_offset);
    record(0, 10);
    recorder.record_injection(even_event(1));
    recorder.refresh();
    EXPECT_EQ(memory.record(0, 9).sequence.load(), TraceRecord::written(9));
    EXPECT_EQ(recorder.counts()[0].recorded, 10u);
    EXPECT_EQ(recorder.counts()[3].recorded, 1u);
    EXPECT_EQ(recorder.counts()[3].dropped, 0u);
}

TEST_F(RecorderTest, HeadsThatLieCostAReaderABoundedTime) {
    record(0, 10);
    for (const std::uint64_t lie : {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{5}}) {
        memory.head(0).recorded.store(lie);
        TraceReader trace = reader();
        std::vector<Event> events;
        for (int i = 0; i < 5; ++i) trace.read(events, 1'000'000);
        EXPECT_LE(events.size(), 2 * small_lane);
    }
}

TEST_F(RecorderTest, TheHostsClockGoesInNanoseconds) {
    TraceMemory other;
    Recorder host;
    ASSERT_EQ(host.use(other.bytes(), small_trace), "");
    const auto before = std::chrono::steady_clock::now();
    host.record(even_event(0));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    host.record(even_event(1));
    const auto passed = std::chrono::nanoseconds(std::chrono::steady_clock::now() - before).count();
    host.refresh();
    auto trace = TraceReader::open(other.bytes());
    ASSERT_TRUE(trace);
    const auto events = read_all(*trace);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_GE(events[1].time - events[0].time, 49'000'000u);
    EXPECT_LE(events[1].time - events[0].time, static_cast<std::uint64_t>(passed) + 1'000'000u);
}

}  // namespace
}  // namespace remap::lab
