// SPDX-License-Identifier: MIT
// Invalidations that somebody else does (WorkPort): the window between submission and completion (VT-d section 6.5),
// and what has to have ended before software is told (6.5.4).
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

namespace remap::iommu {
namespace {

using namespace std::chrono_literals;

struct Worker final : WorkPort {
    bool may_work_here() override { return here; }
    void work_available() override { ++calls; }
    void drain_unannounced() override { ++drains; }

    bool here = false;
    std::atomic<int> calls{0};
    std::atomic<int> drains{0};
};

class Async : public testing::Test {
protected:
    // Domain 7's page 0 leads to 0x55000 and is cached; the tables say 0x66000 by now.
    Async() : unit({}, {.memory = ram, .interrupts = interrupts, .work = &worker}) {
        ram.set(0x10000, 0x11001);
        ram.set(0x11100, 0x12001);
        ram.set(0x11108, 0x701);
        ram.set(0x12000, 0x13003);
        ram.set(0x13000, 0x14003);
        ram.set(0x14000, 0x55003);
        unit.write(0x20, 0x10000, 8);
        unit.write(0x18, 0x40000000, 4);
        unit.write(0x18, 0x80000000, 4);
        finish();
        EXPECT_EQ(now(), 0x55000u);
        ram.set(0x14000, 0x66003);
        worker.calls = worker.drains = 0;
    }

    std::uint64_t now() { return unit.translate({0x10}, {0}, Access::Read).address.value; }
    void finish() {
        while (unit.work()) {
        }
    }
    void use_queue() {
        unit.write(0x90, 0x20000, 8);
        unit.write(0x18, 0x84000000, 4);
        ram.set(0x20000, 0x00070032);  // page 0 of domain 7
        ram.set(0x20010, 0x1234567800000025);
        ram.set(0x20018, 0x30000);
    }
    bool told() { return std::atomic_ref(*const_cast<std::uint64_t*>(ram.words({0x30}))).load() == 0x12345678; }
    void invalidate_page() {
        unit.write(0xf0, 0, 8);
        unit.write(0xf8, 0xb000000700000000, 8);
    }

    test::Ram ram;
    test::Interrupts interrupts;
    Worker worker;
    Iommu unit;
};

TEST_F(Async, ByRegisterTheOldTranslationIsServedUntilTheWorkIsDone) {
    invalidate_page();
    EXPECT_EQ(worker.calls, 1);
    EXPECT_EQ(unit.read(0xf8, 8), 0xb000000700000000u) << "IVT set";
    EXPECT_EQ(now(), 0x55000u);
    EXPECT_TRUE(unit.work());
    EXPECT_EQ(worker.drains, 1);
    EXPECT_EQ(unit.read(0xf8, 8), 0x3600000700000000u) << "IVT clear, IAIG 3";
    EXPECT_EQ(now(), 0x66000u);
    EXPECT_FALSE(unit.work());
}

TEST_F(Async, ByQueueTheWaitComesLast) {
    use_queue();
    EXPECT_EQ(worker.calls, 0) << "an empty queue is no work";
    unit.write(0x88, 0x20, 8);
    EXPECT_EQ(worker.calls, 1);
    EXPECT_EQ(unit.read(0x80, 8), 0u);
    EXPECT_EQ(now(), 0x55000u);
    EXPECT_TRUE(unit.work());
    EXPECT_EQ(now(), 0x66000u);
    EXPECT_EQ(unit.read(0x80, 8), 0x10u);
    EXPECT_EQ(worker.drains, 1);
    EXPECT_FALSE(told());
    finish();
    EXPECT_EQ(unit.read(0x80, 8), 0x20u);
    EXPECT_TRUE(told());
    EXPECT_EQ(worker.drains, 1) << "nothing was invalidated since";
}

TEST_F(Async, AContextInvalidation) {
    unit.write(0x28, 0xa000000000000000, 8);
    EXPECT_EQ(unit.read(0x28, 8), 0xa000000000000000u) << "ICC set";
    unit.write(0x28, 0xc000000000000007, 8);
    EXPECT_EQ(unit.read(0x28, 8), 0xa000000000000000u) << "one at a time";
    finish();
    EXPECT_EQ(unit.read(0x28, 8), 0x2800000000000000u) << "ICC clear, CAIG 1";
}

TEST_F(Async, RegistersOfAnInvalidationInProgressDoNotChange) {
    invalidate_page();
    unit.write(0xf0, 0x5000, 8);
    unit.write(0xf8, 0x9000000000000000, 8);
    EXPECT_EQ(unit.read(0xf8, 8), 0xb000000700000000u);
    finish();
    EXPECT_EQ(unit.read(0xf8, 8), 0x3600000700000000u);
    EXPECT_EQ(now(), 0x66000u) << "page 0, as it was asked for";
}

TEST_F(Async, TranslationIsReportedOnOnlyWhenOldAccessesHaveEnded) {
    unit.write(0x18, 0, 4);
    EXPECT_EQ(unit.read(0x1c, 4), 0xc0000000u) << "TES still set";
    EXPECT_EQ(now(), 0u) << "new accesses pass already";
    finish();
    EXPECT_EQ(worker.drains, 1);
    EXPECT_EQ(unit.read(0x1c, 4), 0x40000000u);
    unit.write(0x18, 0x80000000, 4);
    EXPECT_EQ(unit.read(0x1c, 4), 0x40000000u);
    unit.write(0x18, 0, 4);
    finish();
    EXPECT_EQ(unit.read(0x1c, 4), 0x40000000u) << "off again before it was on";
    unit.write(0x18, 0x80000000, 4);
    finish();
    EXPECT_EQ(unit.read(0x1c, 4), 0xc0000000u);
}

TEST_F(Async, AWriteDoesTheWorkItselfWhereNothingIsToBeWaitedFor) {
    worker.here = true;
    invalidate_page();
    EXPECT_EQ(worker.calls, 0);
    EXPECT_EQ(unit.read(0xf8, 8), 0x3600000700000000u);
    EXPECT_EQ(now(), 0x66000u);
    ram.set(0x14000, 0x77003);

    const Iommu::Ticket access = unit.begin_access();
    invalidate_page();
    EXPECT_EQ(worker.calls, 1) << "an access is in progress: the worker has to wait for it";
    EXPECT_EQ(now(), 0x77000u) << "the entry is gone";
    EXPECT_EQ(unit.read(0xf8, 8), 0xb000000700000000u) << "but that is not told yet";
    unit.end_access(access);
    finish();
    EXPECT_EQ(unit.read(0xf8, 8), 0x3600000700000000u);
}

TEST_F(Async, LongQueuesAreLeftToTheWorker) {
    worker.here = true;
    unit.write(0x90, 0x20000, 8);
    unit.write(0x18, 0x84000000, 4);
    for (std::uint64_t i = 0; i < 200; ++i) ram.set(0x20000 + 16 * i, 0x00080022);
    unit.write(0x88, 200 * 16, 8);
    EXPECT_EQ(worker.calls, 1);
    EXPECT_LT(unit.read(0x80, 8), 200u * 16);
    finish();
    EXPECT_EQ(unit.read(0x80, 8), 200u * 16);
}

// An access that began before: its data may still go to the old page.
TEST_F(Async, AnAnnouncedAccessHoldsUpCompletion) {
    use_queue();
    const Iommu::Ticket access = unit.begin_access();
    EXPECT_EQ(now(), 0x55000u);
    unit.write(0x88, 0x20, 8);
    std::thread work([this] { finish(); });
    for (int i = 0; i < 2000 && unit.read(0x80, 8) == 0; ++i) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(unit.read(0x80, 8), 0x10u) << "the invalidation is done, the wait is not";
    EXPECT_EQ(now(), 0x66000u) << "later accesses get the new page";
    EXPECT_FALSE(told());
    unit.end_access(access);
    work.join();
    EXPECT_TRUE(told());
}

TEST_F(Async, ALaterAccessDoesNot) {
    use_queue();
    const Iommu::Ticket before = unit.begin_access();
    unit.write(0x88, 0x20, 8);
    std::thread work([this] { finish(); });
    for (int i = 0; i < 2000 && unit.read(0x80, 8) == 0; ++i) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
    const Iommu::Ticket later = unit.begin_access();
    unit.end_access(before);
    for (int i = 0; i < 2000 && !told(); ++i) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(told());
    unit.end_access(later);
    work.join();
}

TEST_F(Async, ResetForgetsWorkThatNobodyHasBegun) {
    use_queue();
    unit.write(0x88, 0x20, 8);
    unit.reset();
    EXPECT_FALSE(unit.work());
    EXPECT_EQ(unit.read(0x80, 8), 0u);
    EXPECT_FALSE(told());
    invalidate_page();
    EXPECT_TRUE(unit.work()) << "by register, with the queue off";
}

TEST_F(Async, ResetInTheMiddleWaitsForThePieceOfWorkAndDropsTheRest) {
    use_queue();
    const Iommu::Ticket access = unit.begin_access();
    unit.write(0x88, 0x20, 8);
    std::thread work([this] { unit.work(); });
    for (int i = 0; i < 2000 && unit.read(0x80, 8) == 0; ++i) std::this_thread::sleep_for(1ms);
    std::atomic<bool> done{false};
    std::thread resetting([&] {
        unit.reset();
        done = true;
    });
    std::this_thread::sleep_for(20ms);
    EXPECT_FALSE(done);
    unit.end_access(access);
    work.join();
    resetting.join();
    EXPECT_FALSE(unit.work());
    EXPECT_FALSE(told());
    EXPECT_EQ(unit.read(0x1c, 4), 0u);
    EXPECT_EQ(now(), 0u) << "nothing is translated after power-on";
}

TEST_F(Async, AQueueSwitchedOffInTheWindowDoesNothingMore) {
    use_queue();
    unit.write(0x88, 0x20, 8);
    EXPECT_TRUE(unit.work());
    unit.write(0x18, 0x80000000, 4);
    EXPECT_FALSE(unit.work());
    EXPECT_FALSE(told());
    EXPECT_EQ(unit.read(0x80, 8), 0u);
}

// Software reuses the old page once the wait has told it to; devices that announce their accesses never touch it then.
TEST_F(Async, NoAccessToTheOldPageAfterTheWait) {
    use_queue();
    std::array<std::atomic<int>, 2> users{};  // accesses in progress, by the bit 16 that tells the two pages apart
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    const auto device = [&] {
        while (!stop) {
            const Iommu::Ticket access = unit.begin_access();
            const std::uint64_t page = now();
            auto& count = users[page == 0x66000 ? 0 : 1];
            ++count;
            std::this_thread::yield();
            --count;
            unit.end_access(access);
        }
    };
    std::thread first(device), second(device);
    std::thread work([&] {
        while (!stop) {
            finish();
            std::this_thread::yield();
        }
    });
    unsigned tail = 0;
    for (int round = 0; round < 300; ++round) {
        const bool to_old = round % 2 != 0;
        std::atomic_ref(*const_cast<std::uint64_t*>(ram.words({0x14}))).store(to_old ? 0x66003 : 0x55003);
        const std::uint64_t stamp = 0x10000 + static_cast<unsigned>(round);
        ram.set(0x20000 + tail, 0x00070032);
        ram.set(0x20008 + tail, 0);
        ram.set(0x20010 + tail, stamp << 32 | 0x25);
        ram.set(0x20018 + tail, 0x30000);
        tail = (tail + 0x20) & 0xfff;
        unit.write(0x88, tail, 8);
        auto& status = *const_cast<std::uint64_t*>(ram.words({0x30}));
        while (std::atomic_ref(status).load() != stamp) std::this_thread::yield();
        if (users[to_old ? 1 : 0] != 0) ++wrong;
    }
    stop = true;
    first.join();
    second.join();
    work.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace remap::iommu
