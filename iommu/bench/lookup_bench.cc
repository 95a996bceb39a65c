// SPDX-License-Identifier: MIT
// The engine alone: what a translation costs on the thread that asks, over working sets in an order that nothing
// predicts. The names are read by guest-tests/bench/compare.py: kind, pages of the set.
#include "iommu/driver/unit.h"
#include "iommu/tests/fake_machine.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

namespace {

using namespace remap;
using vtd_driver::Error;

constexpr std::uint16_t source = 0x0010;
constexpr LogicalPage first_small{std::uint64_t{16} << 30 >> page_shift};
constexpr LogicalPage first_large{std::uint64_t{1} << 40 >> page_shift};
constexpr std::uint64_t large_page = 512;  // pages
constexpr std::uint64_t small_frames = 0x100000;
constexpr std::uint64_t large_frames = 0x200000 + large_page;  // at no multiple of 1 GiB: no larger leaf fits
constexpr std::uint64_t most_pages = 100'000;

void must_work(Error error) {
    if (error != Error::None) throw std::runtime_error(vtd_driver::name_of(error));
}

std::vector<std::uint64_t> shuffled(std::uint64_t count) {
    std::vector<std::uint64_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937_64(1));
    return numbers;
}

// A unit in which one device has small pages, each in a frame of its own, and large ones.
class Machine {
public:
    Machine() {
        must_work(driver_.start({.invalidation = vtd_driver::Invalidation::Registers}));
        Error error = Error::None;
        vtd_driver::Domain* domain = driver_.create_domain(error);
        must_work(error);
        const std::vector<std::uint64_t> frames = shuffled(most_pages);
        for (std::uint64_t i = 0; i < most_pages; ++i)
            must_work(driver_.map(*domain, first_small + i, {small_frames + frames[i]}, 1, {}));
        must_work(driver_.map(*domain, first_large, {large_frames}, most_pages * large_page, {}));
        must_work(driver_.attach(source, *domain));
    }

    void access(LogicalAddress address) {
        if (!unit_.translate({source}, address, iommu::Access::Read).allowed) throw std::runtime_error("a fault");
    }

    // IOTLB_REG: global. Context entries stay cached, as they do when pages are remapped.
    void forget_translations() { unit_.write(0xf8, 0x9000000000000000, 8); }

private:
    test::Ram ram_{16 << 20};
    test::Interrupts interrupts_;
    iommu::Iommu unit_{{}, {.memory = ram_, .interrupts = interrupts_}};
    test::Window window_{unit_};
    vtd_driver::Unit driver_{window_, ram_};
};

Machine& machine() {
    static Machine one;
    return one;
}

std::vector<LogicalAddress> addresses(LogicalPage first, std::uint64_t pages, std::uint64_t step) {
    std::vector<LogicalAddress> list;
    for (const std::uint64_t number : shuffled(pages)) list.push_back((first + number * step).address());
    return list;
}

// What each access costs when all pages are asked for round and round.
void hit(benchmark::State& state, LogicalPage first, std::uint64_t step) {
    const auto list = addresses(first, static_cast<std::uint64_t>(state.range(0)), step);
    for (const LogicalAddress address : list) machine().access(address);
    auto next = list.begin();
    for ([[maybe_unused]] auto _ : state) {
        machine().access(*next);
        if (++next == list.end()) next = list.begin();
    }
    state.SetItemsProcessed(state.iterations());
}

// Seconds that this thread has had of a processor.
double processor_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// What each page costs the first time: lookup, walk, fill. The invalidations in between do not count.
void fill(benchmark::State& state) {
    const auto list = addresses(first_small, static_cast<std::uint64_t>(state.range(0)), 1);
    for ([[maybe_unused]] auto _ : state) {
        machine().forget_translations();
        const double begin = processor_time();
        for (const LogicalAddress address : list) machine().access(address);
        state.SetIterationTime(processor_time() - begin);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void working_sets(benchmark::internal::Benchmark* bench) {
    for (const int pages : {64, 512, 2048, 8192, 32768, 100000}) bench->Arg(pages);
}

BENCHMARK_CAPTURE(hit, 4_KiB, first_small, 1)->Name("hit,_4_KiB")->Apply(working_sets);
BENCHMARK_CAPTURE(hit, 2_MiB, first_large, large_page)->Name("hit,_2_MiB")->Apply(working_sets);
BENCHMARK(fill)->Name("fill,_4_KiB")->UseManualTime()->Apply(working_sets);

}  // namespace

BENCHMARK_MAIN();
