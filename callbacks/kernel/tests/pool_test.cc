// SPDX-License-Identifier: MIT
#include "callbacks/kernel/tests/fixture.h"

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace remap::kernel {

namespace {

using PoolTest = KernelTest;

UCHAR* allocate(SIZE_T bytes) { return static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, test_tag)); }

bool all(const UCHAR* bytes, SIZE_T count, UCHAR value) {
    for (SIZE_T index = 0; index < count; ++index)
        if (bytes[index] != value) return false;
    return true;
}

}  // namespace

TEST_F(PoolTest, memory_of_every_size_is_zeroed_aligned_and_apart) {
    std::vector<std::pair<UCHAR*, SIZE_T>> blocks;
    for (SIZE_T bytes = 1; bytes <= 20000; bytes += bytes < 100 ? 1 : bytes / 3) {
        UCHAR* const block = allocate(bytes);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0u);
        if (bytes >= PAGE_SIZE) {
            EXPECT_EQ(BYTE_OFFSET(block), 0u);
        }
        EXPECT_TRUE(all(block, bytes, 0));
        std::memset(block, static_cast<int>(bytes), bytes);
        blocks.emplace_back(block, bytes);
    }
    for (const auto& [block, bytes] : blocks) {
        EXPECT_TRUE(all(block, bytes, static_cast<UCHAR>(bytes))) << bytes;
        ExFreePoolWithTag(block, test_tag);
    }
    EXPECT_TRUE(port.stops().empty());
}

TEST_F(PoolTest, memory_that_is_not_to_be_zeroed_holds_a_pattern) {
    for (const SIZE_T bytes : {SIZE_T{40}, SIZE_T{5000}}) {
        auto* const uninitialized =
            static_cast<UCHAR*>(ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, bytes, test_tag));
        auto* const old_call = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPoolNx, bytes, test_tag));
        EXPECT_TRUE(all(uninitialized, bytes, 0x5A));
        EXPECT_TRUE(all(old_call, bytes, 0x5A));
        ExFreePool(uninitialized);
        ExFreePool(old_call);
    }
}

TEST_F(PoolTest, cache_aligned_memory_begins_with_a_line) {
    std::set<void*> blocks;
    for (int count = 0; count < 50; ++count) {
        void* const block = ExAllocatePoolWithTag(NonPagedPoolNxCacheAligned, 10, test_tag);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0u);
        blocks.insert(block);
    }
    EXPECT_EQ(blocks.size(), 50u);
    for (void* const block : blocks) ExFreePool(block);
}

TEST_F(PoolTest, flags_and_types_that_make_no_sense_get_no_memory) {
    EXPECT_EQ(ExAllocatePool2(0, 8, test_tag), nullptr);
    EXPECT_EQ(ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_NON_PAGED, 8, test_tag), nullptr);
    EXPECT_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED | 0x400, 8, test_tag), nullptr);
    EXPECT_EQ(ExAllocatePoolWithTag(DontUseThisType, 8, test_tag), nullptr);
    void* const optional = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_SPECIAL_POOL, 8, test_tag);
    EXPECT_NE(optional, nullptr);
    ExFreePool(optional);
}

TEST_F(PoolTest, more_than_there_is_gets_no_memory) {
    EXPECT_EQ(allocate(memory_pages * PAGE_SIZE), nullptr);
    EXPECT_EQ(allocate(~SIZE_T{0}), nullptr);
    EXPECT_EQ(allocate(SIZE_T{1} << 40), nullptr);
    EXPECT_TRUE(port.stops().empty());
}

TEST_F(PoolTest, an_allocation_of_no_bytes_stops_the_machine) { EXPECT_STOP(allocate(0), 0xC4, 0x00); }

TEST_F(PoolTest, a_tag_has_a_letter_or_a_digit) {
    EXPECT_STOP(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0), 0xC2, 0x9B);
    EXPECT_STOP(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0x2d2d2d2d), 0xC2, 0x9D);
    EXPECT_STOP(ExAllocatePoolWithTag(NonPagedPoolMustSucceed, 8, test_tag), 0xC2, 0x9A);
}

TEST_F(PoolTest, paged_pool_is_for_apc_level_and_below) {
    EXPECT_STOP_AT(DISPATCH_LEVEL, ExAllocatePool2(POOL_FLAG_PAGED, 8, test_tag), 0xC4, 0x01);
    EXPECT_STOP_AT(DISPATCH_LEVEL + 1, allocate(8), 0xC4, 0x02);
    void* const paged = ExAllocatePool2(POOL_FLAG_PAGED, 8, test_tag);
    void* const nonpaged = allocate(8);
    EXPECT_STOP_AT(DISPATCH_LEVEL, ExFreePool(paged), 0xC4, 0x11);
    EXPECT_STOP_AT(DISPATCH_LEVEL + 1, ExFreePool(nonpaged), 0xC4, 0x12);
    ExFreePool(paged);
    const KIRQL irql = KfRaiseIrql(DISPATCH_LEVEL);
    ExFreePool(nonpaged);
    KeLowerIrql(irql);
}

TEST_F(PoolTest, a_second_free_stops_the_machine_and_names_both_sides) {
    for (const SIZE_T bytes : {SIZE_T{24}, SIZE_T{9000}}) {
        void* const block = allocate(bytes);
        ExFreePool(block);
        EXPECT_STOP(ExFreePool(block), 0xC2, 0x07);
        EXPECT_NE(port.stops().back().message.find("freed before"), std::string::npos);
        EXPECT_NE(port.stops().back().message.find("'Test'"), std::string::npos);
    }
}

TEST_F(PoolTest, only_the_beginning_of_pool_can_be_freed) {
    int local = 0;
    UCHAR* const small = allocate(100);
    UCHAR* const large = allocate(10000);
    EXPECT_STOP(ExFreePool(&local), 0xC2, 0x46);
    EXPECT_STOP(ExFreePool(nullptr), 0xC2, 0x46);
    EXPECT_STOP(ExFreePool(small + 16), 0xC2, 0x46);
    EXPECT_STOP(ExFreePool(large + PAGE_SIZE), 0xC2, 0x46);
    ExFreePool(small);
    ExFreePool(large);
}

TEST_F(PoolTest, a_free_with_another_tag_stops_the_machine) {
    void* const block = allocate(8);
    EXPECT_STOP(ExFreePoolWithTag(block, 'x'), 0xC2, 0x0A);
    EXPECT_EQ(port.stops().back().parameters[2], test_tag);
    ExFreePoolWithTag(block, 0);
}

TEST_F(PoolTest, bytes_written_behind_an_allocation_are_found_at_the_free) {
    for (const SIZE_T bytes : {SIZE_T{20}, SIZE_T{2032}, SIZE_T{PAGE_SIZE}, SIZE_T{2 * PAGE_SIZE - 4}}) {
        UCHAR* const block = allocate(bytes);
        block[bytes + 2] = 1;
        EXPECT_STOP(ExFreePool(block), 0x19, 0x21);
        EXPECT_NE(port.stops().back().message.find("byte 3 behind its"), std::string::npos);
        block[bytes + 2] = 0xA5;
        ExFreePool(block);
    }
}

TEST_F(PoolTest, a_write_after_the_free_is_found_when_the_place_is_used_again) {
    UCHAR* const block = allocate(600);
    ExFreePool(block);
    block[5] = 7;
    const auto stopped = port.run([&] {
        for (int count = 0; count < 100; ++count) allocate(600);
    });
    ASSERT_TRUE(stopped.has_value());
    EXPECT_EQ(stopped->code, 0x19u);
    EXPECT_EQ(stopped->parameters[0], 0x0Du);
    unload("test");
}

TEST_F(PoolTest, threads_allocate_and_free_at_the_same_time) {
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < 4; ++number)
        threads.emplace_back([number] {
            std::vector<UCHAR*> blocks;
            for (unsigned round = 0; round < 2000; ++round) {
                const SIZE_T bytes = 1 + (round * 37 + number * 101) % 700;
                UCHAR* const block = allocate(bytes);
                block[0] = block[bytes - 1] = static_cast<UCHAR>(number);
                blocks.push_back(block);
                if (blocks.size() < 20) continue;
                for (UCHAR* const done : blocks) {
                    EXPECT_EQ(done[0], number);
                    ExFreePoolWithTag(done, test_tag);
                }
                blocks.clear();
            }
            for (UCHAR* const done : blocks) ExFreePoolWithTag(done, test_tag);
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(port.stops().empty());
}

TEST_F(PoolTest, without_run_a_bugcheck_is_kept_and_the_call_returns) {
    EXPECT_EQ(allocate(0), nullptr);
    void* const block = allocate(8);
    ExFreePool(block);
    ExFreePool(block);
    ASSERT_EQ(port.stops().size(), 2u);
    EXPECT_EQ(port.stops()[0].code, 0xC4u);
    EXPECT_EQ(port.stops()[1].code, 0xC2u);
}

}  // namespace remap::kernel
