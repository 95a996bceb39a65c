// SPDX-License-Identifier: MIT
#include "callbacks/core/frame_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace remap::callbacks {
namespace {

constexpr PhysicalPage low{256};
constexpr PhysicalPage high{std::uint64_t{1} << 28};  // 1 TiB
constexpr PhysicalPage anywhere{~std::uint64_t{0} >> page_shift};

struct TwoRanges : FramePool {
    TwoRanges() {
        EXPECT_TRUE(add(low, 4096));
        EXPECT_TRUE(add(high, 4096));
    }

    std::vector<PhysicalPage> take(const FrameRequest& request) {
        FrameList frames;
        const bool taken = allocate(request, frames);
        EXPECT_EQ(frames.size(), taken ? request.pages : 0);
        std::vector<PhysicalPage> pages;
        for (std::uint64_t i = 0; i < frames.size(); ++i) pages.push_back(frames[i]);
        return pages;
    }
};

FrameList list_of(const std::vector<PhysicalPage>& pages) {
    FrameList frames;
    for (const PhysicalPage page : pages) EXPECT_TRUE(frames.add({page, 1}));
    return frames;
}

std::uint64_t runs_of(const std::vector<PhysicalPage>& pages) { return list_of(pages).fragments(); }

TEST(FramePool, ScattersWhatNeedNotBeContiguousOverTheHighestMemory) {
    TwoRanges pool;
    const auto frames = pool.take({.pages = 512, .lowest = {0}, .highest = anywhere});
    ASSERT_EQ(frames.size(), 512u);
    EXPECT_EQ(std::set(frames.begin(), frames.end()).size(), 512u);
    EXPECT_GE(*std::ranges::min_element(frames), high);
    EXPECT_GT(runs_of(frames), 64u);
}

TEST(FramePool, UsesTheGapsBeforeItFails) {
    TwoRanges pool;
    const auto frames = pool.take({.pages = 4096, .lowest = high, .highest = anywhere});
    EXPECT_EQ(std::set(frames.begin(), frames.end()).size(), 4096u);
    EXPECT_TRUE(pool.take({.pages = 1, .lowest = high, .highest = anywhere}).empty());
}

TEST(FramePool, ARequestThatFailsLeavesThePoolAsItWas) {
    TwoRanges pool;
    EXPECT_TRUE(pool.take({.pages = 4097, .lowest = high, .highest = anywhere}).empty());
    EXPECT_EQ(pool.free_pages(), 8192u);
    EXPECT_TRUE(pool.take({.pages = 4097, .lowest = {0}, .highest = anywhere, .contiguous = true}).empty());
    EXPECT_TRUE(pool.take({.pages = 0}).empty());
    EXPECT_EQ(pool.free_pages(), 8192u);
}

TEST(FramePool, KeepsToLimitsAndBoundary) {
    TwoRanges pool;
    const auto frames =
        pool.take({.pages = 16, .lowest = {1000}, .highest = {1100}, .boundary = 64, .contiguous = true});
    ASSERT_EQ(frames.size(), 16u);
    EXPECT_GE(frames.front().number, 1000u);
    EXPECT_LE(frames.back().number, 1100u);
    EXPECT_EQ(frames.front().number / 64, frames.back().number / 64);
    for (const PhysicalPage frame : pool.take({.pages = 30, .lowest = {1000}, .highest = {1100}})) {
        EXPECT_GE(frame.number, 1000u);
        EXPECT_LE(frame.number, 1100u);
    }
}

TEST(FramePool, WithheldPagesAreInstalledButNeverGiven) {
    TwoRanges pool;
    ASSERT_TRUE(pool.withhold(high, 4096));
    EXPECT_EQ(pool.highest_installed(), high + 4095);
    EXPECT_TRUE(pool.overlaps_memory(high + 10, 1));
    EXPECT_TRUE(pool.take({.pages = 1, .lowest = high, .highest = anywhere}).empty());
    EXPECT_EQ(pool.free_pages(), 4096u);
}

TEST(FramePool, FreeingTwiceIsFound) {
    TwoRanges pool;
    const auto frames = pool.take({.pages = 100, .lowest = {0}, .highest = anywhere});
    EXPECT_TRUE(pool.free(list_of(frames)));
    EXPECT_EQ(pool.free_pages(), 8192u);
    EXPECT_FALSE(pool.free(list_of(frames)));
    const PhysicalPage foreign{5};
    EXPECT_FALSE(pool.free(list_of({foreign})));
}

TEST(FramePool, OverlapLooksAtWholeRangesUpToTheEndOfTheNumbers) {
    TwoRanges pool;
    EXPECT_FALSE(pool.overlaps_memory({0}, 256));
    EXPECT_TRUE(pool.overlaps_memory({0}, 257));
    EXPECT_FALSE(pool.overlaps_memory(low + 4096, 1));
    EXPECT_TRUE(pool.overlaps_memory({300}, ~std::uint64_t{0}));
    EXPECT_FALSE(pool.overlaps_memory(low, 0));
    EXPECT_FALSE(pool.add(low + 4095, 2));
}

// A terabyte in pages of 4 KiB would take gigabytes of tables.
TEST(FramePool, GivesVeryMuchMemoryInLargePages) {
    FramePool pool;
    constexpr std::uint64_t tib = std::uint64_t{1} << 28;
    ASSERT_TRUE(pool.add({tib}, 2 * tib));
    FrameList frames;
    ASSERT_TRUE(pool.allocate({.pages = tib, .lowest = {0}, .highest = anywhere}, frames));
    EXPECT_EQ(frames.size(), tib);
    EXPECT_GT(frames.fragments(), 100u);
    EXPECT_LT(frames.fragments(), 2000u);
    std::uint64_t index = 0;
    frames.for_each_run([&](FrameRun run) {
        EXPECT_EQ(run.first.number % 512, 0u);
        EXPECT_EQ(index % 512, 0u);
        index += run.pages;
        return true;
    });
    EXPECT_TRUE(pool.free(frames));
    EXPECT_EQ(pool.free_pages(), 2 * tib);
}

TEST(FramePool, GivesTheSamePlacesInEveryRun) {
    TwoRanges one;
    TwoRanges two;
    const FrameRequest request{.pages = 64, .lowest = {0}, .highest = anywhere};
    EXPECT_EQ(one.take(request), two.take(request));
}

}  // namespace
}  // namespace remap::callbacks
