// SPDX-License-Identifier: MIT
// What a reader makes of memory that is not as it should be, and where it stops.
#include "iommu/lab/tests/bench.h"

#include <cstring>

namespace remap::lab {
namespace {

using namespace test;

struct TraceReaderTest : TraceTest {
    TraceHeader& header() const { return *reinterpret_cast<TraceHeader*>(memory.bytes().data()); }
    std::string problem() const {
        const auto trace = TraceReader::open(memory.bytes());
        return trace ? "" : trace.error();
    }
};

TEST_F(TraceReaderTest, AHeaderThatLiesIsNoTrace) {
    const char* const lie = "the trace describes itself wrongly";
    EXPECT_EQ(problem(), "");
    header().shared_lanes = 3;
    EXPECT_EQ(problem(), lie) << "the fifth ring lies behind the memory's end";
    header().shared_lanes = 1;
    EXPECT_EQ(problem(), lie) << "no lane is left for injections";
    header().shared_lanes = 2;
    header().lane_bytes *= 2;
    EXPECT_EQ(problem(), lie);
    header().lane_bytes = 4096;
    EXPECT_EQ(problem(), lie);
    header().own_lanes = ~0u;
    header().lane_bytes = least_lane_bytes;
    EXPECT_EQ(problem(), lie);
    const auto short_one = TraceReader::open(memory.bytes().first(trace_rings_offset - 1));
    ASSERT_FALSE(short_one);
    EXPECT_EQ(short_one.error(), "the trace is cut off");
}

TEST_F(TraceReaderTest, EndsWhereItWasToldTo) {
    record(0, 5);
    auto trace = *TraceReader::open(memory.bytes());
    trace.end_here();
    record(5, 3);
    recorder.record_injection(even_event(8));
    EXPECT_EQ(read_all(trace).size(), 5u);
    EXPECT_EQ(trace.loss().total(), 0u);
}

// A writer that laps the reader between two looks at the head.
TEST_F(TraceReaderTest, ARecordThatANewerOneIsInThePlaceOfIsLost) {
    record(0, 10);
    memory.record(0, 5).sequence.store(TraceRecord::written(5 + small_lane));
    auto trace = *TraceReader::open(memory.bytes());
    const auto events = read_all(trace);
    ASSERT_EQ(events.size(), 9u);
    EXPECT_EQ(events[5].address, 6u);
    EXPECT_EQ(trace.loss().overwritten, 1u);
    EXPECT_EQ(trace.loss().unfinished, 0u);
}

TEST_F(TraceReaderTest, OneThatIsAboutToBeLappedGivesUpAnEighthMore) {
    record(0, small_lane + 100);
    auto trace = *TraceReader::open(memory.bytes());
    memory.record(0, 100).sequence.store(TraceRecord::written(100 + 2 * small_lane));
    const auto events = read_all(trace);
    ASSERT_EQ(events.size(), small_lane - small_lane / 8);
    EXPECT_EQ(events[0].address, 100 + small_lane / 8);
    EXPECT_EQ(trace.loss().overwritten, 100 + small_lane / 8);
}

}  // namespace
}  // namespace remap::lab
