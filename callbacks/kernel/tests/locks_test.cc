// SPDX-License-Identifier: MIT
#include "callbacks/kernel/tests/fixture.h"

#include <thread>
#include <vector>

namespace remap::kernel {

namespace {

using IrqlTest = KernelTest;
using SpinLockTest = KernelTest;
using FastMutexTest = KernelTest;

void on_another_thread(const std::function<void()>& work) { std::thread(work).join(); }

}  // namespace

TEST_F(IrqlTest, a_raise_returns_what_a_lower_takes_back) {
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KIRQL old = 99;
    KeRaiseIrql(APC_LEVEL, &old);
    EXPECT_EQ(old, PASSIVE_LEVEL);
    EXPECT_EQ(KeRaiseIrqlToDpcLevel(), APC_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    on_another_thread([] { EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL); });
    KeLowerIrql(old);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

TEST_F(IrqlTest, a_raise_does_not_go_down) {
    EXPECT_STOP_AT(DISPATCH_LEVEL, KfRaiseIrql(APC_LEVEL), 0xC4, 0x30);
    EXPECT_STOP(KfRaiseIrql(HIGH_LEVEL + 1), 0xC4, 0x30);
    EXPECT_STOP_AT(HIGH_LEVEL, KeRaiseIrqlToDpcLevel(), 0xC4, 0x30);
}

TEST_F(IrqlTest, a_lower_does_not_go_up) {
    EXPECT_STOP(KeLowerIrql(APC_LEVEL), 0xC4, 0x31);
    EXPECT_STOP_AT(DISPATCH_LEVEL, KeLowerIrql(HIGH_LEVEL), 0xC4, 0x31);
}

TEST_F(SpinLockTest, its_owner_is_at_dispatch_level) {
    KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    KIRQL old = 99;
    KeAcquireSpinLock(&lock, &old);
    EXPECT_EQ(old, PASSIVE_LEVEL);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    on_another_thread([&] {
        const KIRQL irql = KeRaiseIrqlToDpcLevel();
        EXPECT_FALSE(KeTryToAcquireSpinLockAtDpcLevel(&lock));
        KeLowerIrql(irql);
    });
    KeReleaseSpinLock(&lock, old);
    EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

TEST_F(SpinLockTest, at_dispatch_level_the_irql_stays) {
    KSPIN_LOCK lock = 0;
    const KIRQL old = KeRaiseIrqlToDpcLevel();
    KeAcquireSpinLockAtDpcLevel(&lock);
    KeReleaseSpinLockFromDpcLevel(&lock);
    EXPECT_TRUE(KeTryToAcquireSpinLockAtDpcLevel(&lock));
    KeReleaseSpinLockFromDpcLevel(&lock);
    EXPECT_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(old);
}

TEST_F(SpinLockTest, threads_exclude_each_other) {
    KSPIN_LOCK lock = 0;
    unsigned count = 0;
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number)
        threads.emplace_back([&] {
            for (int round = 0; round < 2000; ++round) {
                KIRQL old;
                KeAcquireSpinLock(&lock, &old);
                ++count;
                KeReleaseSpinLock(&lock, old);
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(count, 8000u);
}

TEST_F(SpinLockTest, misuse_stops_the_machine) {
    KSPIN_LOCK lock = 0;
    EXPECT_STOP_AT(HIGH_LEVEL, KeAcquireSpinLockRaiseToDpc(&lock), 0xC4, 0x42);
    EXPECT_STOP(KeAcquireSpinLockAtDpcLevel(&lock), 0xC4, 0x40);
    EXPECT_STOP(KeReleaseSpinLock(&lock, PASSIVE_LEVEL), 0xC4, 0x32);
    EXPECT_STOP(KeReleaseSpinLockFromDpcLevel(&lock), 0xC4, 0x41);
    EXPECT_STOP_AT(DISPATCH_LEVEL, KeReleaseSpinLockFromDpcLevel(&lock), 0xC4, 0x1007);
    KIRQL old;
    KeAcquireSpinLock(&lock, &old);
    EXPECT_STOP(KeAcquireSpinLockAtDpcLevel(&lock), 0xC4, 0x1000);
    EXPECT_STOP(KeReleaseSpinLock(&lock, HIGH_LEVEL), 0xC4, 0x31);
    on_another_thread([&] {
        const KIRQL irql = KeRaiseIrqlToDpcLevel();
        EXPECT_STOP(KeReleaseSpinLockFromDpcLevel(&lock), 0xC4, 0x1004);
        KeLowerIrql(irql);
    });
    KeReleaseSpinLock(&lock, old);
}

TEST_F(FastMutexTest, its_owner_is_at_apc_level_and_others_wait) {
    FAST_MUTEX mutex;
    ExInitializeFastMutex(&mutex);
    unsigned count = 0;
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number)
        threads.emplace_back([&] {
            for (int round = 0; round < 1000; ++round) {
                ExAcquireFastMutex(&mutex);
                EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
                ++count;
                ExReleaseFastMutex(&mutex);
                EXPECT_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(count, 4000u);
    EXPECT_TRUE(port.stops().empty());
}

TEST_F(FastMutexTest, a_try_does_not_wait) {
    FAST_MUTEX mutex;
    ExInitializeFastMutex(&mutex);
    EXPECT_TRUE(ExTryToAcquireFastMutex(&mutex));
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    on_another_thread([&] { EXPECT_FALSE(ExTryToAcquireFastMutex(&mutex)); });
    ExReleaseFastMutex(&mutex);
}

TEST_F(FastMutexTest, the_unsafe_variants_leave_the_irql) {
    FAST_MUTEX mutex;
    ExInitializeFastMutex(&mutex);
    const KIRQL old = KfRaiseIrql(APC_LEVEL);
    ExAcquireFastMutexUnsafe(&mutex);
    ExReleaseFastMutexUnsafe(&mutex);
    EXPECT_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(old);
    EXPECT_STOP(ExAcquireFastMutexUnsafe(&mutex), 0xC4, 0x39);
    EXPECT_STOP(ExReleaseFastMutexUnsafe(&mutex), 0xC4, 0x3A);
}

TEST_F(FastMutexTest, misuse_stops_the_machine) {
    FAST_MUTEX mutex = {};
    EXPECT_STOP(ExAcquireFastMutex(&mutex), 0xC4, 0x1002);
    ExInitializeFastMutex(&mutex);
    EXPECT_STOP_AT(DISPATCH_LEVEL, ExAcquireFastMutex(&mutex), 0xC4, 0x33);
    EXPECT_STOP(ExReleaseFastMutex(&mutex), 0xC4, 0x34);
    EXPECT_STOP_AT(APC_LEVEL, ExReleaseFastMutex(&mutex), 0xC4, 0x1007);
    ExAcquireFastMutex(&mutex);
    EXPECT_STOP(ExAcquireFastMutex(&mutex), 0xC4, 0x1000);
    on_another_thread([&] { EXPECT_STOP_AT(APC_LEVEL, ExReleaseFastMutex(&mutex), 0xC4, 0x1004); });
    ExReleaseFastMutex(&mutex);
}

}  // namespace remap::kernel
