// SPDX-License-Identifier: MIT
// What writing an event down costs: in a lane of one thread's own, in a lane that threads share, and with the trace off.
#include "iommu/lab/recorder.h"

#include <benchmark/benchmark.h>

#include <cstdlib>

#include <sys/mman.h>

namespace remap::lab {
namespace {

struct Trace {
    explicit Trace(const TraceShape& shape) {
        void* const memory = ::mmap(nullptr, shape.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED ||
            !recorder.use({static_cast<std::byte*>(memory), static_cast<std::size_t>(shape.bytes())}, shape).empty())
            std::abort();
        recorder.switch_on(true);
    }
    Recorder recorder;
};

Event event() {
    Event event;
    event.kind = Kind::Dma;
    event.source = 0x10;
    event.address = 0x1000;
    event.length = 64;
    return event;
}

void own_lane(benchmark::State& state) {
    static Trace trace(TraceShape{.own_lanes = 60, .shared_lanes = 2});
    Event written = event();
    for (auto _ : state) {
        ++written.address;
        trace.recorder.record(written);
    }
}
BENCHMARK(own_lane);

void shared_lane(benchmark::State& state) {
    static Trace trace(TraceShape{.own_lanes = 0, .shared_lanes = 2});
    Event written = event();
    for (auto _ : state) {
        ++written.address;
        trace.recorder.record(written);
    }
}
BENCHMARK(shared_lane)->Threads(1)->Threads(2);

void off(benchmark::State& state) {
    static Trace trace(TraceShape{});
    trace.recorder.switch_on(false);
    Event written = event();
    for (auto _ : state) {
        if (trace.recorder.on()) trace.recorder.record(written);
        benchmark::DoNotOptimize(written);
    }
}
BENCHMARK(off);

}  // namespace
}  // namespace remap::lab

BENCHMARK_MAIN();
