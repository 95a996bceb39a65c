// SPDX-License-Identifier: MIT
// A pool in a million pieces: no call looks at more than a few of them. Work is counted, not timed.
#include "base/extents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace remap {
namespace {

using From = ExtentPool::From;

constexpr std::uint64_t pieces = 1'000'000;

// A balanced tree of so many nodes is at most 29 high (1.44 times the binary logarithm), and a call goes down five
// times at most: to both neighbours, and to what it removes, changes and inserts.
constexpr std::uint64_t most_visits = 5 * 29;

class ExtentsAtScale : public testing::Test {
protected:
    // Makes one call and returns the number of ranges that it looked at.
    template <typename Call>
    std::uint64_t visits_of(Call call) {
        const std::uint64_t before = pool.visited();
        call();
        return pool.visited() - before;
    }

    // Every other page, a million in all.
    void shatter() {
        std::mt19937_64 random(1);
        std::vector<std::uint64_t> order(pieces);
        for (std::uint64_t i = 0; i < pieces; ++i) order[i] = 2 * i + 1;
        std::shuffle(order.begin(), order.end(), random);
        ASSERT_TRUE(pool.give({0, 2 * pieces}));
        std::uint64_t worst = 0;
        for (const std::uint64_t page : order) {
            worst = std::max(worst, visits_of([&] { ASSERT_TRUE(pool.take_exactly({page, 1})); }));
        }
        ASSERT_EQ(pool.extents(), pieces);
        EXPECT_LE(worst, most_visits);
    }

    ExtentPool pool;
};

TEST_F(ExtentsAtScale, PagesGivenAndTakenAtRandom) {
    shatter();
    std::mt19937_64 random(2);
    std::uint64_t worst = 0;
    for (unsigned i = 0; i < 100'000; ++i) {
        const std::uint64_t page = 2 * (random() % pieces) + 1;  // joins both neighbours
        worst = std::max(worst, visits_of([&] { ASSERT_TRUE(pool.give({page, 1})); }));
        worst = std::max(worst, visits_of([&] { ASSERT_TRUE(pool.take_exactly({page, 1})); }));
        const ExtentPool::Request only_this{.count = 1, .lowest = page, .highest = page};
        worst = std::max(worst, visits_of([&] { ASSERT_EQ(pool.take(only_this), std::nullopt); }));
        const ExtentPool::Request request{.count = 1,
                                          .lowest = random() % pieces,
                                          .highest = pieces + random() % pieces,
                                          .from = random() % 2 != 0 ? From::Bottom : From::Top};
        std::optional<std::uint64_t> taken;
        worst = std::max(worst, visits_of([&] { taken = pool.take(request); }));
        ASSERT_TRUE(taken);
        worst = std::max(worst, visits_of([&] { ASSERT_TRUE(pool.give({*taken, 1})); }));
    }
    EXPECT_LE(worst, most_visits);
    EXPECT_EQ(pool.free_pages(), pieces);
}

TEST_F(ExtentsAtScale, TheOneRangeThatIsLongEnough) {
    shatter();
    constexpr std::uint64_t middle = pieces;
    for (const std::uint64_t page : {middle + 1, middle + 3, middle + 5}) ASSERT_TRUE(pool.give({page, 1}));
    for (const From from : {From::Bottom, From::Top}) {
        ExtentPool::Range largest;
        EXPECT_LE(visits_of([&] { largest = pool.largest(0, 2 * pieces, from); }), most_visits);
        EXPECT_EQ(largest.first, middle);
        EXPECT_EQ(largest.count, 7u);
        EXPECT_LE(visits_of([&] { largest = pool.largest(1, middle - 1, from); }), most_visits);
        EXPECT_EQ(largest.first, from == From::Bottom ? 2u : middle - 2);
        EXPECT_LE(visits_of([&] { EXPECT_EQ(pool.take({.count = 7, .from = from}), middle); }), most_visits);
        EXPECT_LE(visits_of([&] { EXPECT_EQ(pool.take({.count = 7, .from = from}), std::nullopt); }), most_visits);
        ASSERT_TRUE(pool.give({middle, 7}));
    }
}

// What leaves a tree that is not kept in balance lopsided: upwards, downwards, and from both ends to the middle.
TEST_F(ExtentsAtScale, PagesGivenInOrder) {
    std::uint64_t worst = 0;
    const auto give = [&](std::uint64_t page) {
        worst = std::max(worst, visits_of([&] { ASSERT_TRUE(pool.give({page, 1})); }));
    };
    constexpr std::uint64_t third = pieces / 3;
    for (std::uint64_t i = 0; i < third; ++i) give(2 * i);
    for (std::uint64_t i = 0; i < third; ++i) give(2 * (3 * third - i));
    for (std::uint64_t i = 1; i < third / 2; ++i) {
        give(2 * (third + i));
        give(2 * (2 * third - i));
    }
    EXPECT_LE(worst, most_visits);
}

}  // namespace
}  // namespace remap
