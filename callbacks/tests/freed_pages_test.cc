// SPDX-License-Identifier: MIT
#include "callbacks/core/freed_pages.h"

#include <gtest/gtest.h>

namespace remap::callbacks {
namespace {

FreedPages::Entry entry(std::uint64_t first, std::uint64_t count, std::uint64_t handle) {
    return {{first, count}, {handle, 0}, {Callback::FreeAdl, nullptr}};
}

TEST(FreedPages, FindsThePagesOfARunAndNoOthers) {
    FreedPages freed;
    EXPECT_EQ(freed.find(0), nullptr);
    EXPECT_FALSE(freed.add(entry(10, 5, 1)));
    EXPECT_EQ(freed.find(9), nullptr);
    EXPECT_EQ(freed.find(15), nullptr);
    for (const std::uint64_t page : {10, 14}) {
        ASSERT_NE(freed.find(page), nullptr);
        EXPECT_EQ(freed.find(page)->subject.handle, 1u);
    }
}

TEST(FreedPages, TheNewestOwnerOfAPageIsToBlame) {
    FreedPages freed;
    freed.add(entry(10, 10, 1));
    freed.add(entry(15, 10, 2));
    EXPECT_EQ(freed.find(14)->subject.handle, 1u);
    EXPECT_EQ(freed.find(15)->subject.handle, 2u);
    freed.add(entry(12, 1, 3));
    EXPECT_EQ(freed.find(12)->subject.handle, 3u);
}

TEST(FreedPages, TheOldestRunMakesRoomAndIsHandedBack) {
    static_assert(FreedPages::most == 64);
    FreedPages freed;
    for (std::uint64_t i = 0; i < 64; ++i) EXPECT_FALSE(freed.add(entry(100 * i, 10, i)));
    for (std::uint64_t i = 64; i < 200; ++i) {
        const auto pushed = freed.add(entry(100 * i, 10, i));
        ASSERT_TRUE(pushed);
        EXPECT_EQ(pushed->first, 100 * (i - 64));
        EXPECT_EQ(pushed->count, 10u);
        EXPECT_EQ(freed.find(100 * (i - 64)), nullptr);
        EXPECT_NE(freed.find(100 * (i - 63)), nullptr);
        EXPECT_NE(freed.find(100 * i + 9), nullptr);
    }
}

TEST(FreedPages, ArePoppedInTheOrderInWhichTheyCame) {
    FreedPages freed;
    for (std::uint64_t i = 0; i < 70; ++i) freed.add(entry(1 + i, 1, i));
    for (std::uint64_t i = 6; i < 70; ++i) {
        const auto run = freed.pop();
        ASSERT_TRUE(run);
        EXPECT_EQ(run->first, 1 + i);
        EXPECT_EQ(freed.find(1 + i), nullptr);
    }
    EXPECT_FALSE(freed.pop());
    EXPECT_FALSE(freed.add(entry(5, 1, 5)));
    EXPECT_EQ(freed.pop()->first, 5u);
}

}  // namespace
}  // namespace remap::callbacks
