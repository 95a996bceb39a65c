// SPDX-License-Identifier: MIT
#include "callbacks/kernel/tests/fixture.h"

#include <atomic>
#include <thread>
#include <vector>

namespace remap::kernel {

namespace {

using EventTest = KernelTest;
using MutexTest = KernelTest;
using ClockTest = KernelTest;

constexpr LONGLONG millisecond = 10'000;

NTSTATUS wait(PVOID object, LONGLONG timeout) {
    LARGE_INTEGER time = {};
    time.QuadPart = timeout;
    return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, &time);
}

}  // namespace

TEST_F(EventTest, a_notification_event_stays_signalled) {
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    EXPECT_EQ(wait(&event, 0), STATUS_TIMEOUT);
    EXPECT_EQ(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), 0);
    EXPECT_NE(KeSetEvent(&event, IO_NO_INCREMENT, FALSE), 0);
    EXPECT_EQ(wait(&event, 0), STATUS_SUCCESS);
    EXPECT_EQ(wait(&event, 0), STATUS_SUCCESS);
    EXPECT_NE(KeReadStateEvent(&event), 0);
    EXPECT_NE(KeResetEvent(&event), 0);
    EXPECT_EQ(KeReadStateEvent(&event), 0);
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    KeClearEvent(&event);
    EXPECT_EQ(wait(&event, 0), STATUS_TIMEOUT);
}

TEST_F(EventTest, a_synchronization_event_lets_one_through) {
    KEVENT event;
    KeInitializeEvent(&event, SynchronizationEvent, TRUE);
    EXPECT_EQ(wait(&event, 0), STATUS_SUCCESS);
    EXPECT_EQ(wait(&event, 0), STATUS_TIMEOUT);
    std::atomic<int> through{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 3; ++number)
        threads.emplace_back([&] {
            EXPECT_EQ(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, nullptr), STATUS_SUCCESS);
            ++through;
        });
    for (int count = 1; count <= 3; ++count) {
        KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
        while (through < count) std::this_thread::yield();
        EXPECT_EQ(through, count);
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_F(EventTest, a_wait_ends_at_its_time) {
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    const ULONGLONG begin = KeQueryInterruptTime();
    EXPECT_EQ(wait(&event, -20 * millisecond), STATUS_TIMEOUT);
    EXPECT_GE(KeQueryInterruptTime() - begin, 20u * millisecond);
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    EXPECT_EQ(wait(&event, now.QuadPart + 10 * millisecond), STATUS_TIMEOUT);
    EXPECT_EQ(wait(&event, 1), STATUS_TIMEOUT);  // long ago
}

TEST_F(EventTest, a_wait_ends_when_the_event_is_set) {
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    std::thread setter([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    });
    EXPECT_EQ(wait(&event, -LONGLONG{60'000} * millisecond), STATUS_SUCCESS);
    setter.join();
}

TEST_F(EventTest, misuse_stops_the_machine) {
    KEVENT event = {};
    EXPECT_STOP(KeSetEvent(&event, 0, FALSE), 0xC4, 0x1002);
    EXPECT_STOP(wait(&event, 0), 0xC4, 0x1002);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    EXPECT_STOP_AT(HIGH_LEVEL, KeSetEvent(&event, 0, FALSE), 0xC4, 0x80);
    EXPECT_STOP_AT(HIGH_LEVEL, KeResetEvent(&event), 0xC4, 0xE5);
    EXPECT_STOP_AT(HIGH_LEVEL, wait(&event, 0), 0xC4, 0x120);
    EXPECT_STOP_AT(DISPATCH_LEVEL, KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, nullptr), 0xC4, 0x121);
    EXPECT_STOP_AT(DISPATCH_LEVEL, wait(&event, -1), 0xC4, 0x122);
    const KIRQL irql = KeRaiseIrqlToDpcLevel();
    EXPECT_EQ(wait(&event, 0), STATUS_TIMEOUT);
    KeSetEvent(&event, 0, FALSE);
    KeLowerIrql(irql);
}

TEST_F(MutexTest, its_owner_may_wait_again_and_releases_as_often) {
    KMUTEX mutex;
    KeInitializeMutex(&mutex, 0);
    EXPECT_EQ(KeReadStateMutex(&mutex), 1);
    EXPECT_EQ(wait(&mutex, 0), STATUS_SUCCESS);
    EXPECT_EQ(wait(&mutex, 0), STATUS_SUCCESS);
    std::thread([&] { EXPECT_EQ(wait(&mutex, -millisecond), STATUS_TIMEOUT); }).join();
    EXPECT_NE(KeReleaseMutex(&mutex, FALSE), 0);
    std::thread([&] { EXPECT_EQ(wait(&mutex, 0), STATUS_TIMEOUT); }).join();
    EXPECT_EQ(KeReleaseMutex(&mutex, FALSE), 0);
    std::thread([&] {
        EXPECT_EQ(wait(&mutex, 0), STATUS_SUCCESS);
        KeReleaseMutex(&mutex, FALSE);
    }).join();
}

TEST_F(MutexTest, only_its_owner_releases_it) {
    KMUTEX mutex = {};
    EXPECT_STOP(KeReleaseMutex(&mutex, FALSE), 0xC4, 0x1002);
    KeInitializeMutex(&mutex, 0);
    EXPECT_STOP(KeReleaseMutex(&mutex, FALSE), 0xC4, 0x1007);
    wait(&mutex, 0);
    std::thread([&] { EXPECT_STOP(KeReleaseMutex(&mutex, FALSE), 0xC4, 0x1004); }).join();
    EXPECT_STOP_AT(HIGH_LEVEL, KeReleaseMutex(&mutex, FALSE), 0xC4, 0xE5);
    KeReleaseMutex(&mutex, FALSE);
}

TEST_F(ClockTest, clocks_go_on_and_delays_take_their_time) {
    LARGE_INTEGER frequency;
    const LARGE_INTEGER first = KeQueryPerformanceCounter(&frequency);
    EXPECT_GT(frequency.QuadPart, 0);
    const ULONGLONG begin = KeQueryInterruptTime();
    KeStallExecutionProcessor(200);
    EXPECT_GE(KeQueryInterruptTime() - begin, 2000u);
    LARGE_INTEGER interval = {};
    interval.QuadPart = -3 * millisecond;
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &interval), STATUS_SUCCESS);
    EXPECT_GE(KeQueryInterruptTime() - begin, 32000u);
    EXPECT_GT(KeQueryPerformanceCounter(nullptr).QuadPart, first.QuadPart);
    EXPECT_STOP_AT(DISPATCH_LEVEL, KeDelayExecutionThread(KernelMode, FALSE, &interval), 0xC4, 0xE5);
}

}  // namespace remap::kernel
