// SPDX-License-Identifier: MIT
// Many writers, slow readers, readers that are killed: nothing is torn, all that is missing is counted, and no writer
// waits for anybody.
#include "iommu/lab/tests/bench.h"

#include <chrono>
#include <random>
#include <thread>

namespace remap::lab {
namespace {

using namespace test;
using namespace std::chrono_literals;

struct RecorderThreads : testing::Test {
    TraceMemory memory;
    Recorder recorder;

    void SetUp() override { ASSERT_EQ(recorder.use(memory.bytes(), small_trace), ""); }

    // So many threads, each with its events; more threads than lanes.
    std::vector<std::jthread> writers(unsigned count, std::uint64_t events) {
        std::vector<std::jthread> result;
        for (unsigned i = 0; i < count; ++i) {
            result.emplace_back([this, events, i] {
                for (std::uint64_t n = 0; n < events; ++n) {
                    recorder.record(even_event(n << 8 | i));
                    if (n % 16 == 0) recorder.record_injection(even_event(n << 8 | i));
                    if (n % 1024 == 0) std::this_thread::yield();
                }
            });
        }
        return result;
    }

    void expect_balance(const TraceReader& trace) {
        recorder.refresh();
        const auto counts = recorder.counts();
        for (std::uint32_t i = 0; i < trace.lanes(); ++i) {
            EXPECT_EQ(trace.events_read(i) + trace.loss(i).total(), counts[i].recorded) << "lane " << i;
            EXPECT_GE(trace.loss(i).total(), counts[i].dropped) << "lane " << i;
        }
    }
};

TEST_F(RecorderThreads, NothingIsTornAndAllThatIsMissingIsCounted) {
    TraceReader trace = *TraceReader::open(memory.bytes());
    std::vector<Event> events;
    {
        auto threads = writers(6, 60'000);
        for (int i = 0; i < 200; ++i) {
            events.clear();
            trace.read(events, 3000);
            for (const Event& event : events) ASSERT_TRUE(is_even(event));
            std::this_thread::sleep_for(1ms);
        }
    }
    for (const Event& event : read_all(trace)) ASSERT_TRUE(is_even(event));
    expect_balance(trace);
}

// In a lane, each thread's events keep their order.
TEST_F(RecorderThreads, AThreadsEventsStayInOrder) {
    { const auto threads = writers(6, 300); }
    TraceReader trace = *TraceReader::open(memory.bytes());
    std::uint64_t next[2][6] = {};
    for (const Event& event : read_all(trace)) {
        std::uint64_t& least = next[trace.is_injections(event.thread)][event.address & 0xff];
        ASSERT_GE(event.address >> 8, least);
        least = (event.address >> 8) + 1;
    }
    expect_balance(trace);
    EXPECT_EQ(trace.loss().unfinished, trace.dropped());
}

TEST_F(RecorderThreads, ReadersThatAreSlowOrKilledHoldNobodyUp) {
    std::mt19937 random(2);
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> progress{0};
    std::jthread writer([&] {
        while (!stop) {
            recorder.record(even_event(progress));
            ++progress;
        }
    });
    for (int round = 0; round < 20; ++round) {
        Child reader([this, round] {
            TraceReader trace = *TraceReader::open(memory.bytes());
            for (std::vector<Event> events;; events.clear()) {
                trace.read(events, 5000);
                if (round % 2 == 0) ::usleep(2000);
            }
        });
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
        reader.kill();
        const std::uint64_t before = progress;
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (progress < before + 1000 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        ASSERT_GE(progress, before + 1000);
    }
    stop = true;
    writer.join();
    TraceReader trace = *TraceReader::open(memory.bytes());
    for (const Event& event : read_all(trace)) ASSERT_TRUE(is_even(event));
    expect_balance(trace);
}

}  // namespace
}  // namespace remap::lab
