// SPDX-License-Identifier: MIT
// Devices that translate while software maps, unmaps, replaces tables and invalidates, and a worker does what was asked
// for: nobody gets what had been taken back when the access began, and the stale-use detector finds nothing.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace remap::iommu {
namespace {

struct QuietWorker final : WorkPort {
    bool may_work_here() override { return here; }
    void work_available() override { ++calls; }
    void drain_unannounced() override {}
    bool here = false;
    std::atomic<int> calls{0};
};

struct AtomicClock final : ClockPort {
    std::uint64_t nanoseconds() override { return now; }
    std::atomic<std::uint64_t> now{1000};
};

// Pages 0 to 7 of three PASIDs: second stage, first stage, nested with changes in the first stage. A leaf's target is
// the number of the change that wrote it, from 0x1000 on, or guest-physical page 0x10 + n mod 16 where it is nested.
class Bench {
public:
    static constexpr unsigned pages = 8;

    Bench(bool detect, bool here)
        : unit({.scalable = true,
                .caches = {.contexts = {4, 2}, .pasids = {4, 2}, .tables = {16, 2}, .iotlb = {64, 4}},
                .detect_stale_uses = detect,
                .stale_grace = 1'000'000'000'000},
               {.memory = ram, .interrupts = interrupts, .work = &worker, .clock = &clock}) {
        worker.here = here;
        ram.set(0x10000, 0x11001);
        ram.set(0x11200, 0x20009);
        ram.set(0x20000, 0x21001);
        const std::uint64_t entries[][3] = {
            {0x30289, 0x800007, 0}, {0x41, 0x800008, 0x40001}, {0x500c9, 0x800009, 0x2001}};
        for (unsigned pasid = 0; pasid < 3; ++pasid) {
            for (unsigned i = 0; i < 3; ++i) ram.set(0x21000 + 64 * pasid + 8 * i, entries[pasid][i]);
        }
        const std::uint64_t words[][2] = {
            {0x30000, 0x31003}, {0x31000, 0x32003}, {0x32000, 0x33003}, {0x40000, 0x41007}, {0x41000, 0x42007},
            {0x42000, 0x43007}, {0x50000, 0x51003}, {0x51000, 0x52003}, {0x52000, 0x53003}, {0x53010, 0x70003},
            {0x53018, 0x71003}, {0x53020, 0x72003}, {0x53028, 0x73003}, {0x53030, 0x74003}, {0x70000, 0x3007},
            {0x71000, 0x4007},  {0x72000, 0x5007}};
        for (const auto& [at, word] : words) ram.set(at, word);
        for (std::uint64_t i = 0; i < 16; ++i) ram.set(0x53080 + 8 * i, (0x300 + i) << 12 | 3);
        unit.write(0x20, 0x10400, 8);
        unit.write(0x90, 0x60800, 8);
        unit.write(0x18, 0x44000000, 4);
        unit.write(0x18, 0x84000000, 4);
        while (unit.work()) {
        }
    }

    test::Ram ram;
    test::Interrupts interrupts;
    QuietWorker worker;
    AtomicClock clock;
    Iommu unit;

    static constexpr std::uint64_t away = 1ull << 63;

    // What software has done to a page: the last change that was begun, the last that is complete, and whether that one
    // took the page away.
    struct Page {
        std::atomic<std::uint64_t> begun{away}, complete{away};
    };
    std::array<std::array<Page, pages>, 3> state;
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::atomic<std::uint64_t> allowed{0};

    void device(unsigned seed) {
        while (!stop) {
            seed = seed * 1664525 + 1013904223;
            const unsigned pasid = (seed >> 8) % 3, page = (seed >> 12) % pages;
            Page& one = state[pasid][page];
            const Iommu::Ticket ticket = unit.begin_access();
            const std::uint64_t complete = one.complete;
            Request request{.source = {0x10}, .address = {std::uint64_t{page} << 12}};
            request.access = (seed >> 16) % 2 ? Access::Write : Access::Read;
            if (pasid != 0) request.pasid = Pasid{pasid};
            const Translation got = unit.translate(request);
            const std::uint64_t begun = one.begun;
            check(got, pasid, complete, begun);
            unit.end_access(ticket);
            if (seed % 8 == 0) std::this_thread::yield();
        }
    }

private:
    void check(const Translation& got, unsigned pasid, std::uint64_t complete, std::uint64_t begun) {
        if (!got.allowed) {
            if ((complete & away) == 0 && begun == complete) ++wrong;
            return;
        }
        ++allowed;
        const std::uint64_t number = got.address.value >> 12;
        if (pasid == 2) {  // a sixteenth of the number has to do
            if ((complete & away) == 0 && begun == complete && number != 0x300 + complete % 16) ++wrong;
        } else if (number < (complete & ~away) || (number == (complete & ~away) && (complete & away) != 0)) {
            ++wrong;
        }
    }
};

class Software {
public:
    explicit Software(Bench& bench) : bench_(bench) {}

    void change(unsigned pasid, unsigned page, bool present, bool table) {
        Bench::Page& state = bench_.state[pasid][page];
        const std::uint64_t before = state.complete;
        const bool was_present = (before & Bench::away) == 0;
        const std::uint64_t number = ++numbers_;
        state.begun = present ? number : number | Bench::away;
        std::uint64_t& leaf_table = tables_[pasid];
        if (table) leaf_table = move(pasid, leaf_table);
        store(where(pasid, leaf_table) + 8 * page, present ? word(pasid, number) : 0);
        if (table) store(above(pasid), leaf_table | (pasid == 0 ? 3 : 7));
        if (was_present || table) invalidate(pasid, page, table);
        state.complete = present ? number : number | Bench::away;
    }

private:
    static std::uint64_t word(unsigned pasid, std::uint64_t number) {
        return pasid == 2 ? (0x10 + number % 16) << 12 | 7 : number << 12 | (pasid == 0 ? 3 : 7);
    }
    static std::uint64_t above(unsigned pasid) { return pasid == 0 ? 0x32000 : pasid == 1 ? 0x42000 : 0x72000; }
    // Nested tables lie at guest-physical pages 5 and 6, which are 0x73000 and 0x74000.
    static std::uint64_t where(unsigned pasid, std::uint64_t table) { return pasid == 2 ? table + 0x6e000 : table; }

    // The other one of two tables, with the same leaves.
    std::uint64_t move(unsigned pasid, std::uint64_t table) {
        const std::uint64_t other = pasid == 2 ? (table == 0x5000 ? 0x6000 : 0x5000) : table ^ 0x8000;
        for (unsigned i = 0; i < Bench::pages; ++i) {
            const std::uint64_t at = where(pasid, table) + 8 * i;
            store(where(pasid, other) + 8 * i, load(at));
        }
        return other;
    }
    std::uint64_t& memory(std::uint64_t at) {
        return const_cast<std::uint64_t*>(bench_.ram.words({at >> 12}))[(at & 0xfff) / 8];
    }
    void store(std::uint64_t at, std::uint64_t value) { std::atomic_ref(memory(at)).store(value); }
    std::uint64_t load(std::uint64_t at) { return std::atomic_ref(memory(at)).load(); }

    // Two descriptors and a wait; page numbers and IH as they are.
    void invalidate(unsigned pasid, unsigned page, bool table) {
        const std::uint64_t range = std::uint64_t{page} << 12 | (table ? 3 : 0x40);
        if (pasid == 0) {
            put(0x00070032, range);
        } else {
            put(std::uint64_t{pasid} << 32 | (7ull + pasid) << 16 | (table ? 0x26 : 0x36), table ? 0 : range);
        }
        put((++waits_ & 0xffffffff) << 32 | 0x25, 0x6f000);
        bench_.unit.write(0x88, tail_, 8);
        while (load(0x6f000) != waits_) std::this_thread::yield();
    }
    void put(std::uint64_t low, std::uint64_t high) {
        store(0x60000 + tail_, low);
        store(0x60008 + tail_, high);
        tail_ = (tail_ + 0x20) & 0xfff;
    }

    Bench& bench_;
    std::array<std::uint64_t, 3> tables_{0x33000, 0x43000, 0x5000};
    std::uint64_t numbers_ = 0x1000;
    std::uint64_t waits_ = 0;
    std::uint64_t tail_ = 0;
};

void run(bool detect, bool here, int changes) {
    Bench bench(detect, here);
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
        while (!bench.stop) {
            while (bench.unit.work()) {
            }
            std::this_thread::yield();
        }
    });
    for (unsigned seed = 1; seed <= 2; ++seed) threads.emplace_back([&bench, seed] { bench.device(seed); });
    Software software(bench);
    std::uint32_t random = 12345;
    for (int i = 0; i < changes || bench.allowed < 50000; ++i) {
        if (i % 4 == 0) std::this_thread::yield();
        random = random * 1664525 + 1013904223;
        software.change((random >> 8) % 3, (random >> 12) % Bench::pages, (random >> 20) % 4 != 0,
                        (random >> 24) % 8 == 0);
    }
    bench.stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(bench.wrong, 0);
    bench.clock.now += 1'000'000'000'000'000;
    const Statistics found = bench.unit.statistics();
    EXPECT_EQ(found.stale_uses, 0u);
    EXPECT_EQ(found.undecided_uses, 0u);
}

TEST(Concurrent, NothingOldAfterItsInvalidation) { run(false, false, 2000); }
TEST(Concurrent, NothingOldWhereWritesDoTheWork) { run(false, true, 2000); }
TEST(Concurrent, NothingIsCalledStale) { run(true, false, 2000); }

// One thread translates while another changes the page, invalidates and checks: after an invalidation has been
// acknowledged nobody gets the old page any more.
TEST(Concurrent, NothingOldAfterARegisterSaysSo) {
    test::Machine machine;
    machine.start();
    std::atomic<std::uint64_t> generation{0};  // page number that is certain to be in force, from 0x100
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> wrong{0};
    machine.ram.set(0x14000, 0x100003);
    machine.invalidate_all();
    generation = 0x100;

    std::thread device([&] {
        while (!stop) {
            const std::uint64_t least = generation;
            const Translation result = machine.access(0x10, 0);
            if (!result.allowed || result.address.page().number < least) ++wrong;
            machine.access(0x10, 0x3000);  // a fault, for the fault log
        }
    });
    for (std::uint64_t page = 0x101; page < 0x2100; ++page) {
        const std::uint64_t entry = page << 12 | 3;
        // Through the port, as a bus master would, so that the word is written under nobody's lock but whole.
        std::atomic_ref<std::uint64_t>(*const_cast<std::uint64_t*>(machine.ram.words({0x14}))).store(entry);
        machine.write64(0xf0, 0);
        machine.write64(0xf8, 0xb000000700000000);
        while ((machine.read64(0xf8) & 0x8000000000000000) != 0) {
        }
        generation = page;
        if (page % 16 == 0) machine.write32(0x34, 1);
        machine.write32(0x22c + page % 8 * 16, 0x80000000);
    }
    stop = true;
    device.join();
    EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace remap::iommu
