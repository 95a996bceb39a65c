// SPDX-License-Identifier: MIT
#include "tools/export/range_history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <vector>

namespace remap::tools {
namespace {

constexpr std::uint64_t highest = ~std::uint64_t{0};
constexpr std::size_t many = 1000;

// So many pages from a page number on, as of a time.
AddressRange pages(std::uint64_t first, std::uint64_t count, std::uint64_t physical, std::uint64_t time,
                   std::uint64_t object = 0) {
    return {.first = first << 12,
            .last = ((first + count) << 12) - 1,
            .physical = physical << 12,
            .object = object,
            .since = time};
}

AddressRange use(std::uint64_t first, std::uint64_t count, std::uint64_t physical, std::uint64_t time) {
    AddressRange range = pages(first, count, physical, time);
    range.uses = 1;
    range.read = true;
    return range;
}

void unmap(SpaceHistory& space, std::uint64_t first, std::uint64_t count, std::uint64_t time) {
    space.unmap(first << 12, ((first + count) << 12) - 1, time);
}

// What a list of them says of where and until when.
struct Piece {
    std::uint64_t first, last, physical, until;
    friend bool operator==(const Piece&, const Piece&) = default;
};
Piece piece(std::uint64_t first, std::uint64_t count, std::uint64_t physical, std::uint64_t until = still_there) {
    const AddressRange range = pages(first, count, physical, 0);
    return {range.first, range.last, range.physical, until};
}
std::vector<Piece> pieces_of(const std::vector<AddressRange>& ranges) {
    std::vector<Piece> pieces;
    for (const AddressRange& one : ranges) pieces.push_back({one.first, one.last, one.physical, one.until});
    return pieces;
}

std::vector<AddressRange> ranges_of(const RangeHistory& history) { return history.summary(many, many).ranges; }

TEST(RangeHistory, WhatIsMappedIsThereUntilItIsUnmapped) {
    SpaceHistory space;
    space.map(pages(0x10, 4, 0x80, 100, 7));
    EXPECT_EQ(ranges_of(space.mapped()), std::vector{pages(0x10, 4, 0x80, 100, 7)});
    unmap(space, 0x10, 4, 250);
    const auto ranges = ranges_of(space.mapped());
    ASSERT_EQ(ranges.size(), 1u);
    EXPECT_EQ(ranges[0].since, 100u);
    EXPECT_EQ(ranges[0].until, 250u);
    EXPECT_EQ(ranges[0].ending, Ending::Unmapped);
}

TEST(RangeHistory, APartInTheMiddleLeavesBothEndsWhereTheyLed) {
    SpaceHistory space;
    space.map(pages(0x10, 8, 0x80, 1));
    unmap(space, 0x12, 3, 5);
    EXPECT_EQ(pieces_of(ranges_of(space.mapped())),
              (std::vector{piece(0x10, 2, 0x80), piece(0x15, 3, 0x85), piece(0x12, 3, 0x82, 5)}));
}

TEST(RangeHistory, OneUnmapEndsWhatSeveralMapsMade) {
    SpaceHistory space;
    space.map(pages(0x10, 2, 0x80, 1));
    space.map(pages(0x12, 2, 0x90, 2));
    space.map(pages(0x20, 2, 0xa0, 3));
    unmap(space, 0x11, 0x10, 9);
    const auto ranges = ranges_of(space.mapped());
    const auto ended = std::count_if(ranges.begin(), ranges.end(), [](const auto& range) { return range.until == 9; });
    EXPECT_EQ(ended, 3);
    EXPECT_EQ(ranges.size() - static_cast<std::size_t>(ended), 2u) << "the first page and the last";
}

TEST(RangeHistory, WhatWasUsedEndsWithItsMapping) {
    SpaceHistory space;
    space.map(pages(0x10, 4, 0x80, 1));
    for (std::uint64_t i = 0; i < 4; ++i) space.use(use(0x10 + i, 1, 0x80 + i, 2 + i));
    ASSERT_EQ(ranges_of(space.used()).size(), 1u) << "pages side by side are one range";
    unmap(space, 0x10, 2, 10);
    const auto ranges = ranges_of(space.used());
    EXPECT_EQ(pieces_of(ranges), (std::vector{piece(0x12, 2, 0x82), piece(0x10, 2, 0x80, 10)}));
    for (const AddressRange& range : ranges) {
        EXPECT_EQ(range.uses, 4u);
        EXPECT_TRUE(range.cut) << "four uses were of both";
    }
}

TEST(RangeHistory, UsesSideBySideAreOneRangeInAnyOrder) {
    for (const auto& order : {std::vector<std::uint64_t>{0, 1, 2}, {2, 1, 0}, {0, 2, 1}}) {
        SpaceHistory space;
        for (const std::uint64_t page : order) space.use(use(0x10 + page, 1, 0x80 + page, 1));
        const auto ranges = ranges_of(space.used());
        ASSERT_EQ(ranges.size(), 1u);
        EXPECT_EQ(ranges[0].first, 0x10000u);
        EXPECT_EQ(ranges[0].physical, 0x80000u);
        EXPECT_EQ(ranges[0].uses, 3u);
    }
}

TEST(RangeHistory, AUseOfWhatWasUnmappedIsSaidToBeOne) {
    SpaceHistory space;
    space.map(pages(0x10, 1, 0x80, 1));
    unmap(space, 0x10, 1, 2);
    space.use(use(0x10, 1, 0x80, 3));
    EXPECT_TRUE(ranges_of(space.used())[0].stray);
    space.map(pages(0x10, 1, 0x80, 4));
    space.use(use(0x10, 1, 0x80, 5));
    const auto ranges = ranges_of(space.used());
    ASSERT_EQ(ranges.size(), 2u);
    EXPECT_FALSE(ranges[0].stray);
    EXPECT_TRUE(ranges[1].stray);
    EXPECT_EQ(ranges[1].until, 4u);
}

TEST(RangeHistory, WhatLeadsElsewhereLaterHasReplacedWhatWasThere) {
    SpaceHistory space;
    space.use(use(0x10, 4, 0x80, 1));
    space.use(use(0x11, 1, 0x500, 6));
    const auto ranges = ranges_of(space.used());
    ASSERT_EQ(ranges.size(), 4u);
    EXPECT_EQ(ranges[1].physical, 0x500000u);
    EXPECT_EQ(ranges[3].first, 0x11000u);
    EXPECT_EQ(ranges[3].until, 6u);
    EXPECT_EQ(ranges[3].ending, Ending::Replaced);
}

TEST(RangeHistory, WhatIsMappedTwiceIsThereSinceTheFirstTime) {
    SpaceHistory space;
    space.map(pages(0x10, 4, 0x80, 1, 7));
    space.map(pages(0x11, 2, 0x81, 5, 7));
    EXPECT_EQ(ranges_of(space.mapped()), std::vector{pages(0x10, 4, 0x80, 1, 7)});
}

TEST(RangeHistory, AResetEndsEverything) {
    SpaceHistory space;
    space.map(pages(0x10, 4, 0x80, 1));
    space.use(use(0x1000, 1, 0x90, 2));
    space.reset(3);
    for (const RangeHistory* history : {&space.mapped(), &space.used()}) {
        EXPECT_EQ(ranges_of(*history).at(0).until, 3u);
        EXPECT_EQ(ranges_of(*history).at(0).ending, Ending::Reset);
    }
}

TEST(RangeHistory, AllAddressesAreARangeToo) {
    SpaceHistory space;
    space.unmap(0, highest, 0);
    space.map({.first = 0, .last = highest, .physical = 0x5000, .since = 1});
    space.use({.first = highest - 0xfff, .last = highest, .physical = 0x4000, .uses = 1, .since = 2});
    space.use({.first = 0, .last = 0xfff, .physical = 0x5000, .uses = 1, .since = 2});
    space.unmap(0x1000, highest - 0x1000, 3);
    EXPECT_EQ(ranges_of(space.mapped()).size(), 3u);
    space.unmap(0, highest, 4);
    for (const AddressRange& range : ranges_of(space.mapped())) EXPECT_NE(range.until, still_there);
    for (const AddressRange& range : ranges_of(space.used())) EXPECT_EQ(range.until, 4u);
}

TEST(RangeHistory, OfManyThatEndedTheLastAreListedAndTheOthersJoined) {
    SpaceHistory space;
    for (std::uint64_t i = 0; i < 100; ++i) {
        space.map(pages(i * 2, 1, 0x80 + i * 5, i * 10));
        unmap(space, i * 2, 1, i * 10 + 1);
    }
    const auto summary = space.mapped().summary(8, 20);
    EXPECT_EQ(summary.ranges.size(), 28u);
    EXPECT_EQ(summary.complete_from, 791u);
    EXPECT_EQ(std::count_if(summary.ranges.begin(), summary.ranges.end(),
                            [](const auto& range) { return range.ending == Ending::Joined; }),
              8);
    EXPECT_EQ(summary.ranges.back().until, 991u);
}

// Page by page, as slowly as can be, gives the same.
TEST(RangeHistory, EveryPageIsWhereTheLastWordPutIt) {
    std::mt19937_64 random(11);  // NOLINT: the same each time
    SpaceHistory space;
    std::vector<std::uint64_t> mapped(64, 0), unmapped_at(64, 0);
    for (std::uint64_t time = 1; time < 3000; ++time) {
        const std::uint64_t first = random() % 64, count = 1 + random() % (64 - first),
                            frame = 0x100 * (1 + random() % 9);
        const bool maps = random() % 2 == 0;
        maps ? space.map(pages(first, count, frame + first, time)) : unmap(space, first, count, time);
        for (std::uint64_t page = first; page < first + count; ++page) mapped[page] = maps ? frame + page : 0;
        for (std::uint64_t page = 0; page < 64; ++page) {
            const AddressRange* found = space.mapped().at(page << 12);
            ASSERT_EQ(found == nullptr ? 0 : (found->physical >> 12) + page - (found->first >> 12), mapped[page]);
        }
    }
    // Of each page, times do not overlap.
    auto ranges = space.mapped().summary(1 << 20, 1 << 20).ranges;
    std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.since < b.since; });
    for (std::uint64_t page = 0; page < 64; ++page) {
        std::uint64_t free = 0;
        for (const AddressRange& range : ranges) {
            if (page << 12 < range.first || page << 12 > range.last) continue;
            EXPECT_GE(range.since, free);
            free = range.until;
        }
    }
}

// Where work grew with the square, this would take hours.
TEST(RangeHistory, TwoHundredThousandWordsThatOverlapDoNotTakeLong) {
    SpaceHistory space;
    const std::clock_t begin = std::clock();
    for (std::uint64_t i = 0; i < 200'000; ++i) {
        const std::uint64_t time = i + 1;
        switch (i % 4) {
            case 0: space.map(pages(i * 3, 2, i * 7, time)); break;
            case 1: space.use(use(i * 3, 1, i * 5, time)); break;
            case 2: space.map({.first = 0x1000, .last = highest, .physical = i << 12, .since = time}); break;
            default: space.use({.first = 0, .last = highest, .physical = i % 8 << 12, .uses = 1, .since = time}); break;
        }
        if (i % 1000 == 999) space.unmap(0, highest, time);
    }
    EXPECT_LE(space.mapped().summary(256, 256).ranges.size(), 768u);
    EXPECT_LE(space.used().summary(256, 256).ranges.size(), 768u);
    EXPECT_LT((std::clock() - begin) / CLOCKS_PER_SEC, 30);
}

}  // namespace
}  // namespace remap::tools
