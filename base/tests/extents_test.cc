// SPDX-License-Identifier: MIT
#include "base/extents.h"

#include <gtest/gtest.h>

namespace remap {
namespace {

using From = ExtentPool::From;

TEST(ExtentPool, NeighboursJoinAgainWhenGivenBack) {
    ExtentPool pool;
    ASSERT_TRUE(pool.give({100, 10}));
    ASSERT_TRUE(pool.take_exactly({103, 4}));
    EXPECT_EQ(pool.extents(), 2u);
    ASSERT_TRUE(pool.give({103, 4}));
    EXPECT_EQ(pool.extents(), 1u);
    EXPECT_EQ(pool.free_pages(), 10u);
}

TEST(ExtentPool, RefusesPagesThatAreFreeAlready) {
    ExtentPool pool;
    ASSERT_TRUE(pool.give({100, 10}));
    EXPECT_FALSE(pool.give({109, 1}));
    EXPECT_FALSE(pool.give({95, 6}));
    EXPECT_FALSE(pool.give({0, 0}));
    EXPECT_FALSE(pool.give({~0ull, 2}));
    EXPECT_EQ(pool.free_pages(), 10u);
}

TEST(ExtentPool, TakesFromTheEndThatWasAsked) {
    ExtentPool pool;
    ASSERT_TRUE(pool.give({0, 1024}));
    EXPECT_EQ(pool.take({.count = 4, .from = From::Bottom}), 0u);
    EXPECT_EQ(pool.take({.count = 4, .from = From::Top}), 1020u);
    EXPECT_EQ(pool.take({.count = 4, .lowest = 512, .highest = 515, .from = From::Top}), 512u);
    EXPECT_EQ(pool.take({.count = 1, .lowest = 512, .highest = 515}), std::nullopt);
}

TEST(ExtentPool, KeepsAlignmentAndBoundary) {
    for (const From from : {From::Bottom, From::Top}) {
        ExtentPool pool;
        ASSERT_TRUE(pool.give({5, 100}));
        const auto aligned = pool.take({.count = 3, .alignment = 8, .from = from});
        ASSERT_TRUE(aligned);
        EXPECT_EQ(*aligned % 8, 0u);
        const auto bounded = pool.take({.count = 16, .boundary = 16, .from = from});
        ASSERT_TRUE(bounded);
        EXPECT_EQ(*bounded / 16, (*bounded + 15) / 16);
        EXPECT_EQ(pool.take({.count = 17, .boundary = 16, .from = from}), std::nullopt);
    }
}

TEST(ExtentPool, ManagesRangesUpToTheLastPageNumber) {
    ExtentPool pool;
    ASSERT_TRUE(pool.give({~0ull - 7, 8}));
    EXPECT_EQ(pool.take({.count = 1, .from = From::Top}), ~0ull);
    EXPECT_EQ(pool.take({.count = 8}), std::nullopt);
    EXPECT_EQ(pool.take({.count = 7}), ~0ull - 7);
}

TEST(ExtentPool, RefusesTheLastOfAllPageNumbers) {
    constexpr std::uint64_t half = std::uint64_t{1} << 63;
    ExtentPool pool;
    ASSERT_TRUE(pool.give({0, half}));
    EXPECT_FALSE(pool.give({half, half}));
    EXPECT_TRUE(pool.give({half, half - 1}));
    EXPECT_FALSE(pool.give({~0ull, 1}));
    EXPECT_EQ(pool.free_pages(), ~0ull);
    EXPECT_EQ(pool.take({.count = ~0ull}), 0u);
}

TEST(ExtentPool, LargestLooksOnlyInsideTheWindow) {
    ExtentPool pool;
    ASSERT_TRUE(pool.give({0, 10}));
    ASSERT_TRUE(pool.give({20, 30}));
    ASSERT_TRUE(pool.give({60, 30}));
    EXPECT_EQ(pool.largest(0, 100, From::Bottom).first, 20u);
    EXPECT_EQ(pool.largest(0, 100, From::Top).first, 60u);
    EXPECT_EQ(pool.largest(0, 25, From::Top).count, 10u);
    EXPECT_EQ(pool.largest(10, 19, From::Top).count, 0u);
    EXPECT_EQ(pool.largest(30, 20, From::Top).count, 0u);
}

}  // namespace
}  // namespace remap
