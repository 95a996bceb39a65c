// SPDX-License-Identifier: MIT
#include "callbacks/kernel/tests/fixture.h"

#include <string>
#include <vector>

namespace remap::kernel {

using RuntimeTest = KernelTest;

namespace {

std::vector<WCHAR> wide(const char* text) {
    std::vector<WCHAR> result(text, text + std::string(text).size());
    result.push_back(0);
    return result;
}

}  // namespace

TEST_F(RuntimeTest, a_string_is_counted_in_bytes) {
    UNICODE_STRING string;
    const auto text = wide("hello");
    RtlInitUnicodeString(&string, text.data());
    EXPECT_EQ(string.Length, 10);
    EXPECT_EQ(string.MaximumLength, 12);
    EXPECT_EQ(string.Buffer, text.data());
    RtlInitUnicodeString(&string, nullptr);
    EXPECT_EQ(string.Length, 0);
    EXPECT_EQ(string.MaximumLength, 0);
    EXPECT_EQ(string.Buffer, nullptr);
    std::vector<WCHAR> longest(40000, 'x');
    longest.push_back(0);
    RtlInitUnicodeString(&string, longest.data());
    EXPECT_EQ(string.Length, 0xfffc);
    EXPECT_EQ(string.MaximumLength, 0xfffe);
}

TEST_F(RuntimeTest, strings_are_compared_with_or_without_case) {
    const auto lower = wide("driver"), mixed = wide("DriveR"), other = wide("driven");
    UNICODE_STRING a, b, c;
    RtlInitUnicodeString(&a, lower.data());
    RtlInitUnicodeString(&b, mixed.data());
    RtlInitUnicodeString(&c, other.data());
    EXPECT_TRUE(RtlEqualUnicodeString(&a, &b, TRUE));
    EXPECT_FALSE(RtlEqualUnicodeString(&a, &b, FALSE));
    EXPECT_FALSE(RtlEqualUnicodeString(&a, &c, TRUE));
    b.Length -= 2;
    EXPECT_FALSE(RtlEqualUnicodeString(&a, &b, TRUE));
}

TEST_F(RuntimeTest, a_copy_is_cut_to_the_room_there_is) {
    const auto text = wide("abc");
    UNICODE_STRING source;
    RtlInitUnicodeString(&source, text.data());
    WCHAR room[8];
    for (WCHAR& character : room) character = 'x';
    UNICODE_STRING copy = {0, 4, room};
    RtlCopyUnicodeString(&copy, &source);
    EXPECT_EQ(copy.Length, 4);
    EXPECT_EQ(room[1], 'b');
    EXPECT_EQ(room[2], 'x');
    copy.MaximumLength = sizeof room;
    RtlCopyUnicodeString(&copy, &source);
    EXPECT_EQ(copy.Length, 6);
    EXPECT_EQ(room[3], 0);  // there was room for the end
    EXPECT_EQ(room[4], 'x');
    RtlCopyUnicodeString(&copy, nullptr);
    EXPECT_EQ(copy.Length, 0);
}

TEST_F(RuntimeTest, memory_is_compared_to_the_first_difference) {
    EXPECT_EQ(RtlCompareMemory("abcdef", "abcxef", 6), 3u);
    EXPECT_EQ(RtlCompareMemory("abcdef", "abcdef", 6), 6u);
    EXPECT_EQ(RtlCompareMemory("a", "b", 1), 0u);
    EXPECT_TRUE(RtlEqualMemory("abc", "abd", 2));
    EXPECT_FALSE(RtlEqualMemory("abc", "abd", 3));
}

TEST_F(RuntimeTest, interlocked_operations_return_what_windows_returns) {
    LONG volatile value = 5;
    EXPECT_EQ(InterlockedIncrement(&value), 6);
    EXPECT_EQ(InterlockedDecrement(&value), 5);
    EXPECT_EQ(InterlockedExchange(&value, 9), 5);
    EXPECT_EQ(InterlockedExchangeAdd(&value, 2), 9);
    EXPECT_EQ(InterlockedAdd(&value, 2), 13);
    EXPECT_EQ(InterlockedCompareExchange(&value, 1, 99), 13);
    EXPECT_EQ(InterlockedCompareExchange(&value, 1, 13), 13);
    EXPECT_EQ(value, 1);
    EXPECT_EQ(InterlockedOr(&value, 6), 1);
    EXPECT_EQ(InterlockedAnd(&value, 5), 7);
    EXPECT_EQ(InterlockedXor(&value, 1), 5);
    EXPECT_EQ(value, 4);
    LONG64 volatile wide_value = 1ll << 40;
    EXPECT_EQ(InterlockedIncrement64(&wide_value), (1ll << 40) + 1);
    EXPECT_EQ(InterlockedCompareExchange64(&wide_value, 3, (1ll << 40) + 1), (1ll << 40) + 1);
    EXPECT_EQ(wide_value, 3);
    PVOID volatile pointer = nullptr;
    EXPECT_EQ(InterlockedExchangePointer(&pointer, &port), nullptr);
    EXPECT_EQ(InterlockedCompareExchangePointer(&pointer, nullptr, &port), &port);
    EXPECT_EQ(pointer, nullptr);
}

TEST_F(RuntimeTest, time_goes_on) {
    LARGE_INTEGER frequency = {};
    const LONGLONG first = KeQueryPerformanceCounter(&frequency).QuadPart;
    EXPECT_GT(frequency.QuadPart, 0);
    KeStallExecutionProcessor(20);
    const LONGLONG second = KeQueryPerformanceCounter(nullptr).QuadPart;
    EXPECT_GE((second - first) * 1000000 / frequency.QuadPart, 20);
    const ULONGLONG interrupt_time = KeQueryInterruptTime();
    LARGE_INTEGER wait = {};
    wait.QuadPart = -20000;  // 2 ms
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &wait), STATUS_SUCCESS);
    EXPECT_GE(KeQueryInterruptTime() - interrupt_time, 20000u);
    EXPECT_STOP_AT(DISPATCH_LEVEL, KeDelayExecutionThread(KernelMode, FALSE, &wait), 0xC4, 0xE5);
}

}  // namespace remap::kernel
