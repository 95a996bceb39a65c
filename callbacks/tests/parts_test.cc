// SPDX-License-Identifier: MIT
// The small parts by themselves: handles, logical pages, texts, the lock.
#include "callbacks/core/findings.h"
#include "callbacks/core/handle_table.h"
#include "callbacks/core/lock.h"
#include "callbacks/core/logical_space.h"
#include "callbacks/tests/layout.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace remap::callbacks {
namespace {

TEST(HandleTable, AHandleNamesItsTargetOnlyAsItsKind) {
    HandleTable table(1);
    int target = 0;
    const HANDLE handle = table.insert(HandleKind::Adapter, &target);
    ASSERT_NE(handle, nullptr);
    EXPECT_EQ(table.find(HandleKind::Adapter, handle), &target);
    EXPECT_EQ(table.find(HandleKind::PhysicalMemory, handle), nullptr);
    EXPECT_EQ(table.find(HandleKind::Adapter, nullptr), nullptr);
    for (std::uint64_t bit = 0; bit < 64; ++bit) {
        const auto other = reinterpret_cast<HANDLE>(reinterpret_cast<std::uintptr_t>(handle) ^ (1ull << bit));
        EXPECT_EQ(table.find(HandleKind::Adapter, other), nullptr) << "bit " << bit;
    }
    table.remove(handle);
    EXPECT_EQ(table.find(HandleKind::Adapter, handle), nullptr);
}

TEST(HandleTable, AHandleIsNeverGivenOutTwice) {
    HandleTable table(1);
    int target = 0;
    std::set<HANDLE> seen;
    for (int i = 0; i < 600000; ++i) {  // more than one slot has generations
        const HANDLE handle = table.insert(HandleKind::Adapter, &target);
        ASSERT_TRUE(seen.insert(handle).second) << i;
        table.remove(handle);
    }
}

TEST(HandleTable, TablesDoNotTakeEachOthersHandles) {
    HandleTable one(1);
    HandleTable two(2);
    int target = 0;
    const HANDLE handle = one.insert(HandleKind::Adapter, &target);
    (void)two.insert(HandleKind::Adapter, &target);
    EXPECT_EQ(two.find(HandleKind::Adapter, handle), nullptr);
}

TEST(HandleTable, ManyHandlesLiveAtOnce) {
    HandleTable table(1);
    std::vector<int> targets(5000);
    std::vector<HANDLE> handles;
    for (int& target : targets) handles.push_back(table.insert(HandleKind::PhysicalMemory, &target));
    for (std::size_t i = 0; i < targets.size(); i += 2) table.remove(handles[i]);
    for (std::size_t i = 0; i < targets.size(); ++i)
        EXPECT_EQ(table.find(HandleKind::PhysicalMemory, handles[i]), i % 2 ? &targets[i] : nullptr);
}

TEST(LogicalSpace, HasNoPageZero) {
    LogicalSpace space;
    ASSERT_TRUE(space.open({3}));
    PageRuns all;
    EXPECT_FALSE(space.take(4, false, all));
    ASSERT_TRUE(space.take(3, true, all));
    EXPECT_EQ(all[0].first, 1u);
    EXPECT_FALSE(space.whole());
    EXPECT_TRUE(space.give(all));
    EXPECT_TRUE(space.whole());
}

// VT-d section 3.14: writes of a device to 0xFEExxxxx are interrupt requests and not translated.
TEST(LogicalSpace, HasNoPagesOfTheInterruptRange) {
    for (const std::uint64_t highest : {0xfedffull, 0xfee00ull, 0xfeeffull, 0xfef00ull, 0xfffffull}) {
        LogicalSpace space;
        ASSERT_TRUE(space.open({highest}));
        for (;;) {
            PageRuns runs;
            if (!space.take(0x80, true, runs)) break;
            EXPECT_TRUE(runs[0].first + 0x7f < 0xfee00 || runs[0].first > 0xfeeff) << std::hex << runs[0].first;
            EXPECT_LE(runs[0].first + 0x7f, highest);
        }
        PageRuns runs;
        EXPECT_FALSE(space.take(0x101, true, runs));
    }
}

TEST(LogicalSpace, LongRunsFitLargePages) {
    LogicalSpace space;
    ASSERT_TRUE(space.open({(1ull << 28) - 1}));
    PageRuns one;
    PageRuns large;
    ASSERT_TRUE(space.take(1, true, one));
    ASSERT_TRUE(space.take(1000, true, large));
    EXPECT_EQ(large[0].first % 512, 0u);
    PageRuns huge;
    ASSERT_TRUE(space.take(300'000, true, huge));
    EXPECT_EQ(huge[0].first % (512 * 512), 0u);
    LogicalSpace small;
    ASSERT_TRUE(small.open({600}));
    PageRuns runs;
    EXPECT_TRUE(small.take(600, true, runs)) << "alignment is only a wish";
}

TEST(Text, CutsOffWhatDoesNotFit) {
    Text text;
    text.add("size ").add_hex(0x1f00).add(" of ").add_number(18446744073709551615u);
    EXPECT_STREQ(text.c_str(), "size 0x1f00 of 18446744073709551615");
    for (int i = 0; i < 100; ++i) text.add("0123456789");
    EXPECT_EQ(std::string(text.c_str()).size(), 319u);
}

TEST(Lock, AdmitsOneAtATime) {
    Lock lock;
    int count = 0;
    const auto work = [&] {
        for (int i = 0; i < 10000; ++i) {
            Guard guard(lock);
            ++count;
        }
    };
    std::thread other(work);
    work();
    other.join();
    EXPECT_EQ(count, 20000);
}

}  // namespace
}  // namespace remap::callbacks
