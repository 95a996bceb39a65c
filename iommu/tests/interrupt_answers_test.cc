// SPDX-License-Identifier: MIT
// What the unit says of interrupts, and what others do meanwhile: who keeps an answer, who is on the way with one, and
// other threads.
#include "iommu/tests/interrupt_bench.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace remap::iommu {
namespace {

using test::entry_high;
using test::entry_low;
using test::entry_message;
using test::gpu;
using test::InterruptBench;
using test::request;

// Who keeps answers is told before the invalidation is complete.
TEST(InterruptAnswers, ThatAreKeptAreAskedForAgain) {
    struct Keeper final : InterruptPort {
        void send(InterruptSource, InterruptMessage) override {}
        void remapping_changed() override {
            ++asked;
            if (on_change) on_change();
        }
        unsigned asked = 0;
        std::function<void()> on_change;
    };
    test::Ram ram;
    Keeper keeper;
    Iommu unit({.interrupt_remapping = true}, {.memory = ram, .interrupts = keeper});
    unit.write(0xb8, 0x40007, 8);
    EXPECT_EQ(keeper.asked, 0u);
    unit.write(0x18, 0x01000000, 4);
    EXPECT_EQ(keeper.asked, 1u) << "SIRTP";
    unit.write(0x18, 0x02000000, 4);
    EXPECT_EQ(keeper.asked, 2u) << "IRE";
    unit.write(0x18, 0x02800000, 4);
    EXPECT_EQ(keeper.asked, 3u) << "CFI";
    unit.write(0x90, 0x20000, 8);
    unit.write(0x18, 0x06800000, 4);
    EXPECT_EQ(keeper.asked, 3u) << "QIE is nothing to it";
    ram.set(0x20000, 0x4);
    ram.set(0x20010, 0x1234567800000025);
    ram.set(0x20018, 0x30000);
    std::uint64_t status = ~std::uint64_t{0};
    keeper.on_change = [&] {
        status = ram.get(0x30000);
        unit.probe_interrupt({gpu}, {request(5), 0});
    };
    unit.write(0x88, 0x20, 8);
    EXPECT_EQ(keeper.asked, 4u) << "iec_inv_dsc";
    EXPECT_EQ(status, 0u) << "the wait behind it is not done yet";
    EXPECT_EQ(ram.get(0x30000), 0x12345678u);
    unit.reset();
    EXPECT_EQ(keeper.asked, 5u);
}

// A message that was remapped, and is on its way, holds up the completion of the invalidation (section 6.5.5).
TEST(InterruptAnswers, AreWaitedForOnTheirWay) {
    test::Ram ram;
    test::Interrupts interrupts;
    test::Work worker;
    Iommu unit({.interrupt_remapping = true}, {.memory = ram, .interrupts = interrupts, .work = &worker});
    ram.set(0x40050, entry_low);
    ram.set(0x40058, entry_high);
    unit.write(0xb8, 0x40007, 8);
    unit.write(0x18, 0x01000000, 4);
    unit.write(0x90, 0x20000, 8);
    unit.write(0x18, 0x06000000, 4);
    ram.set(0x20000, 0x4);
    ram.set(0x20010, 0x1234567800000025);
    ram.set(0x20018, 0x30000);

    const Iommu::Ticket ticket = unit.begin_access();
    EXPECT_EQ(unit.remap_interrupt({gpu}, {request(5), 0}).message, entry_message);
    unit.write(0x88, 0x20, 8);
    std::thread work([&] {
        while (unit.work()) {
        }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::uint64_t done = 0;
    EXPECT_TRUE(ram.read({0x30000}, &done, 8));
    EXPECT_EQ(done, 0u);
    unit.end_access(ticket);
    work.join();
    EXPECT_EQ(ram.get(0x30000), 0x12345678u);
}

// Interrupts on two threads while entries change and are invalidated: each gets a message that its entry once was.
TEST(InterruptAnswers, AreWholeWhateverTheQueueDoes) {
    InterruptBench bench;
    bench.start_queue();
    std::atomic<bool> stop{false};
    std::atomic<unsigned> wrong{0};
    const auto send = [&](std::uint16_t source) {
        while (!stop) {
            const InterruptOutcome outcome = bench.unit.remap_interrupt({source}, {request(5), 0});
            const std::uint64_t to = outcome.message.address >> 12 & 0xff;
            if (!outcome.allowed || outcome.message.data != (0x4000 | to)) ++wrong;
        }
    };
    std::uint64_t entry = 0x0000'0100'0001'0001;  // APIC 1, vector 1
    bench.set(5, entry, 0);
    std::thread first(send, 0x18), second(send, 0x20);
    for (unsigned i = 0; i < 2000; ++i) {
        const std::uint64_t id = i % 200;
        const std::uint64_t next = id << 40 | id << 16 | 1;
        EXPECT_EQ(bench.ram.exchange({InterruptBench::table + 16 * 5}, entry, next), Exchange::Done);
        entry = next;
        bench.forget(5);
    }
    stop = true;
    first.join();
    second.join();
    EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace remap::iommu
