// SPDX-License-Identifier: MIT
// A thread that is stopped in the middle of a record, for as long as others need to go round the ring. It is stopped by
// a page of the ring that it may not write to: the handler of the signal waits.
#include "iommu/lab/tests/bench.h"

#include <thread>

namespace remap::lab {
namespace {

using namespace test;

struct Stall {
    std::byte* page = nullptr;
    std::atomic<bool> begun{false};
    std::atomic<bool> over{false};
};
Stall stall;

void stall_here(int, siginfo_t*, void*) {
    ::mprotect(stall.page, 4096, PROT_READ | PROT_WRITE);
    stall.begun = true;
    while (!stall.over) {
    }
}

struct StalledWriter : testing::Test {
    static constexpr unsigned injections = 3;  // the last lane, which all threads share
    std::atomic<std::uint64_t> time{0};
    TraceMemory memory;
    Recorder recorder;
    struct sigaction before {};

    void SetUp() override {
        ASSERT_EQ(recorder.use(memory.bytes(), small_trace, counting_clock(time)), "");
        struct sigaction action {};
        action.sa_sigaction = stall_here;
        action.sa_flags = SA_SIGINFO;
        ::sigaction(SIGSEGV, &action, &before);
        stall.page = reinterpret_cast<std::byte*>(&memory.record(injections, 0));
        stall.begun = stall.over = false;
        ASSERT_EQ(::mprotect(stall.page, 4096, PROT_READ), 0);
    }
    void TearDown() override { ::sigaction(SIGSEGV, &before, nullptr); }
};

TEST_F(StalledWriter, IsInNobodysWayAndWhatHasNoPlaceIsCounted) {
    std::thread writer([&] { recorder.record_injection(even_event(0)); });
    while (!stall.begun) std::this_thread::yield();
    for (std::uint64_t number = 1; number <= small_lane; ++number) recorder.record_injection(even_event(number));
    EXPECT_EQ(recorder.counts()[injections].recorded, small_lane + 1);
    EXPECT_EQ(recorder.counts()[injections].dropped, 1u) << "the last: its place is being written to";
    EXPECT_EQ(memory.head(injections).dropped, 1u);
    EXPECT_EQ(memory.record(injections, 0).sequence.load(), 0u) << "it is the stalled thread's alone";
    recorder.refresh();
    EXPECT_EQ(memory.head(injections).recorded, small_lane + 1) << "whoever came last had no place, and told nobody";
    stall.over = true;
    writer.join();

    TraceReader trace = *TraceReader::open(memory.bytes());
    const auto events = read_all(trace);
    ASSERT_EQ(events.size(), small_lane - 1);
    EXPECT_EQ(events.front().address, 1u);
    EXPECT_EQ(trace.loss().overwritten, 1u);
    EXPECT_EQ(trace.loss().unfinished, 1u);
    EXPECT_EQ(trace.dropped(), 1u);
    recorder.record_injection(even_event(small_lane + 1));
    EXPECT_EQ(read_all(trace).size(), 1u) << "the lane goes on";
}

}  // namespace
}  // namespace remap::lab
