// SPDX-License-Identifier: MIT
// The guest's end of the comparison of machines with and without a model of the processors' caches: does a kind of work
// when it is asked to on the serial port. A request is a line of words, an answer a line "= NANOSECONDS" by the guest's
// clock.
//
//   sort ROUNDS          sorts 64 Ki numbers: arithmetic, branches, and memory that the emulated TLB holds
//   chase STEPS          follows pointers through 64 MiB: a fill of the emulated TLB at almost each step
//   count STEPS          locked increments, each of which is a fence
//   view ROUNDS          maps 16 pages, writes to each and unmaps them
//   allocate ROUNDS      makes allocations of 16 pages for the GPU, writes to each page and frees them
//   store TYPE ROUNDS    fills the GPU's page of a cache type, 8 bytes at a time (cached, combined, uncached)
//   quit
#include "callbacks/driver/allocation.h"
#include "guest-tests/bench/pattern.h"
#include "guest-tests/bench/request.h"
#include "guest-tests/runtime/adapter.h"
#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>

using namespace remap;
using namespace remap::guest;
using bench::Request;

namespace {

constexpr std::uint64_t numbers = 65536;
constexpr std::uint64_t chain_bytes = std::uint64_t{64} << 20;
constexpr std::uint64_t most_rounds = 1'000'000'000;
constexpr std::uint64_t pages_at_once = 16;

class CacheCost {
public:
    explicit CacheCost(const pci::Function& function) : adapter_(function, {}) {
        if (!NT_SUCCESS(adapter_.status())) panic("the adapter did not start: %x", adapter_.status());
        for (std::uint64_t i = 0; i < std::size(types); ++i) make(pages_[i], 1, types[i]);
        make(chain_, chain_bytes / page_size, DXGK_MEMORY_CACHING_TYPE_CACHED,
             DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY);
        // What the model tracks is what the GPU can reach; the chain is the processor's alone.
        chain_.free_adl();
        link_chain();
    }

    void sort(std::uint64_t rounds);
    void chase(std::uint64_t steps);
    void count(std::uint64_t steps);
    void view(std::uint64_t rounds);
    void allocate(std::uint64_t rounds);
    void store(std::size_t type, std::uint64_t rounds);

private:
    static constexpr DXGK_MEMORY_CACHING_TYPE types[] = {
        DXGK_MEMORY_CACHING_TYPE_CACHED, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED, DXGK_MEMORY_CACHING_TYPE_NON_CACHED};

    void make(driver::Allocation& allocation, std::uint64_t pages, DXGK_MEMORY_CACHING_TYPE cache,
              DXGK_PHYSICAL_MEMORY_TYPE type = DXGK_PHYSICAL_MEMORY_TYPE_MDL) {
        const NTSTATUS status =
            allocation.make(adapter_.callbacks(), {.bytes = pages * page_size, .type = type, .cache = cache});
        if (!NT_SUCCESS(status)) panic("an allocation of %lu pages failed: %x", pages, status);
    }
    void link_chain();

    Adapter adapter_;
    driver::Allocation pages_[std::size(types)];
    driver::Allocation chain_;
    std::unique_ptr<std::uint64_t[]> numbers_ = std::make_unique<std::uint64_t[]>(numbers);
};

// One word in each page, each of which names the next, in an order that no cache follows.
void CacheCost::link_chain() {
    const std::uint64_t pages = chain_.pages();
    const auto order = std::make_unique<std::uint32_t[]>(pages);
    bench::shuffle({order.get(), pages}, bench::order_seed);
    auto* const words = reinterpret_cast<std::uint64_t*>(chain_.data());
    for (std::uint64_t i = 0; i < pages; ++i) {
        words[order[i] * (page_size / 8)] = order[(i + 1) % pages] * (page_size / 8);
    }
}

void CacheCost::sort(std::uint64_t rounds) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
        std::uint64_t random = bench::placement_seed + round;
        for (std::uint64_t i = 0; i < numbers; ++i) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            numbers_[i] = random;
        }
        std::sort(numbers_.get(), numbers_.get() + numbers);
    }
}

void CacheCost::chase(std::uint64_t steps) {
    const auto* const words = reinterpret_cast<const volatile std::uint64_t*>(chain_.data());
    std::uint64_t at = 0;
    for (std::uint64_t step = 0; step < steps; ++step) at = words[at];
    numbers_[0] = at;
}

void CacheCost::count(std::uint64_t steps) {
    std::atomic_ref<std::uint64_t> counter(numbers_[0]);
    for (std::uint64_t step = 0; step < steps; ++step) counter.fetch_add(1);
}

void CacheCost::view(std::uint64_t rounds) {
    const PhysicalAddress first = dxgkrnl().frame(chain_.object(), 0).address();
    for (std::uint64_t round = 0; round < rounds; ++round) {
        const PhysicalView view(first, pages_at_once * page_size, CacheType::WriteBack);
        if (!view) panic("no view");
        for (std::uint64_t page = 0; page < pages_at_once; ++page) {
            view.as<volatile std::uint64_t>()[page * (page_size / 8) + 1] = round;
        }
    }
}

void CacheCost::allocate(std::uint64_t rounds) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
        driver::Allocation allocation;
        make(allocation, pages_at_once, DXGK_MEMORY_CACHING_TYPE_CACHED);
        for (std::uint64_t page = 0; page < pages_at_once; ++page) allocation[page * page_size] = 1;
    }
}

void CacheCost::store(std::size_t type, std::uint64_t rounds) {
    auto* const words = reinterpret_cast<volatile std::uint64_t*>(pages_[type].data());
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (std::uint64_t i = 0; i < page_size / 8; ++i) words[i] = round;
    }
}

}  // namespace

PROGRAM() {
    const pci::Function* function = find_gpu();
    if (function == nullptr) panic("the machine has no GPU");
    CacheCost cost(*function);
    print("ready\n");
    for (;;) {
        Request request = bench::next_request();
        const std::size_t work = request.word("sort", "chase", "count", "view", "allocate", "store", "quit");
        const std::size_t type = work == 5 ? request.word("cached", "combined", "uncached") : 0;
        const std::uint64_t rounds = work == 6 ? 0 : request.number(1, most_rounds);
        const std::uint64_t begin = nanoseconds();
        switch (work) {
            case 0: cost.sort(rounds); break;
            case 1: cost.chase(rounds); break;
            case 2: cost.count(rounds); break;
            case 3: cost.view(rounds); break;
            case 4: cost.allocate(rounds); break;
            case 5: cost.store(type, rounds); break;
            default: return Verdict::Pass;
        }
        print("= %lu\n", nanoseconds() - begin);
    }
}
