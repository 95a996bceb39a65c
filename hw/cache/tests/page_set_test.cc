// SPDX-License-Identifier: MIT
#include "hw/cache/page_set.h"

#include <gtest/gtest.h>
#include <random>
#include <set>

namespace remap::cache {
namespace {

TEST(PageSet, is_empty_at_first_and_takes_any_page) {
    PageSet set;
    for (const std::uint64_t page : {std::uint64_t{0}, std::uint64_t{0x12345}, PageSet::limit - 1}) {
        EXPECT_FALSE(set.has({page}));
        set.set({page}, 1, true);
        EXPECT_TRUE(set.has({page}));
        EXPECT_FALSE(set.has({page ^ 1}));
    }
    EXPECT_EQ(set.count(), 3u);
    EXPECT_FALSE(set.has({PageSet::limit}));
    EXPECT_FALSE(set.has({~std::uint64_t{0}}));
}

TEST(PageSet, pages_beyond_the_limit_are_left_out) {
    PageSet set;
    set.set({PageSet::limit - 2}, ~std::uint64_t{0}, true);
    set.set({PageSet::limit}, 7, true);
    set.set({~std::uint64_t{0}}, ~std::uint64_t{0}, true);
    EXPECT_EQ(set.count(), 2u);
}

TEST(PageSet, everything_is_one_call) {
    PageSet set;
    set.set({0}, PageSet::limit, true);
    EXPECT_EQ(set.count(), PageSet::limit);
    set.set({0x8'0001}, 1, false);
    EXPECT_EQ(set.count(), PageSet::limit - 1);
    EXPECT_FALSE(set.has({0x8'0001}));
    EXPECT_TRUE(set.has({0x8'0000}));
    set.set({0}, PageSet::limit, false);
    EXPECT_EQ(set.count(), 0u);
    EXPECT_FALSE(set.has({0x8'0000}));
}

TEST(PageSet, agrees_with_a_plain_set) {
    std::mt19937_64 random(1);
    PageSet set;
    std::set<std::uint64_t> plain;
    const std::uint64_t base = (std::uint64_t{1} << 28) - 40'000;  // over a border of the upper table
    for (unsigned round = 0; round < 300; ++round) {
        const std::uint64_t first = base + random() % 80'000;
        const std::uint64_t pages = round % 3 == 0 ? random() % 70'000 : random() % 100;
        const bool member = random() % 2 != 0;
        set.set({first}, pages, member);
        for (std::uint64_t page = first; page < first + pages; ++page) {
            if (member) {
                plain.insert(plain.end(), page);
            } else {
                plain.erase(page);
            }
        }
        ASSERT_EQ(set.count(), plain.size());
        for (unsigned probe = 0; probe < 1000; ++probe) {
            const std::uint64_t page = base - 100 + random() % 150'200;
            ASSERT_EQ(set.has({page}), plain.count(page) != 0) << page;
        }
        for (const std::uint64_t page : {first - 1, first, first + pages - 1, first + pages}) {
            ASSERT_EQ(set.has({page}), plain.count(page) != 0) << page;
        }
    }
}

}  // namespace
}  // namespace remap::cache
