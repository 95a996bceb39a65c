// SPDX-License-Identifier: MIT
// The pages of an isolated adapter, against a map of counts.
#include "callbacks/core/identity_map.h"

#include "callbacks/tests/failing_memory.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>
#include <vector>

namespace remap::callbacks::tests {
namespace {

using Counts = std::map<std::uint64_t, std::uint64_t>;

void count(Counts& counts, const PageRun& run, int by) {
    for (std::uint64_t page = run.first; page < run.first + run.count; ++page)
        if ((counts[page] += static_cast<std::uint64_t>(by)) == 0) counts.erase(page);
}

bool maps_exactly(const FakeDma& dma, const Counts& counts) {
    return std::ranges::equal(dma.table, counts, [](const auto& entry, const auto& count) {
        return entry.first == count.first && entry.second == entry.first;
    });
}

TEST(IdentityMap, APageStaysUntilItsLastRunEnds) {
    Fuse fuse;
    FakeDma dma(fuse, 48);
    IdentityMap map;
    EXPECT_TRUE(map.add(dma, {10, 10}));
    EXPECT_TRUE(map.add(dma, {15, 10}));
    EXPECT_TRUE(map.add(dma, {10, 10}));
    EXPECT_EQ(dma.table.size(), 15u);
    map.remove(dma, {10, 10});
    EXPECT_EQ(dma.table.size(), 15u);
    map.remove(dma, {10, 10});
    EXPECT_EQ(dma.table.size(), 10u);
    EXPECT_EQ(dma.table.begin()->first, 15u);
    map.remove(dma, {15, 10});
    EXPECT_TRUE(dma.table.empty());
    EXPECT_TRUE(map.empty());
}

TEST(IdentityMap, RandomRunsAgreeWithCountsWhenMemoryAndTablesRunOut) {
    Fuse fuse;
    FakeDma dma(fuse, 48);
    IdentityMap map;
    Counts counts;
    std::vector<PageRun> live;
    std::mt19937_64 random(1);
    unsigned failures = 0;
    for (unsigned step = 0; step < 20'000; ++step) {
        if (live.size() < 40 && random() % 2 == 0) {
            const PageRun run{1 + random() % 100, 1 + random() % 30};
            const bool memory_fails = random() % 4 == 0;
            fuse = {.calls = 0, .at = random() % 4 == 0 ? static_cast<std::int64_t>(random() % 3) : -1};
            const FailingMemory failing(memory_fails ? static_cast<std::int64_t>(random() % 3) : 1'000);
            const bool added = map.add(dma, run);
            const bool blew = failing.failed() || (fuse.at >= 0 && fuse.calls > fuse.at);
            ASSERT_EQ(added, !blew) << "step " << step;
            failures += !added;
            if (added) live.push_back(run), count(counts, run, 1);
        } else if (!live.empty()) {
            std::swap(live[random() % live.size()], live.back());
            fuse = {};
            const FailingMemory none(0);
            map.remove(dma, live.back());
            ASSERT_FALSE(none.failed()) << "taking a run back needs no memory";
            count(counts, live.back(), -1);
            live.pop_back();
        }
        ASSERT_TRUE(maps_exactly(dma, counts)) << "step " << step;
    }
    EXPECT_GT(failures, 1'000u);
    for (const PageRun& run : live) map.remove(dma, run);
    EXPECT_TRUE(map.empty());
    EXPECT_TRUE(dma.table.empty());
}

// A port that only counts, for many pages.
class CountingDma final : public DmaPort {
public:
    bool map(LogicalPage, PhysicalPage, std::uint64_t pages) override { return mapped += pages, true; }
    void unmap(LogicalPage, std::uint64_t pages) override { mapped -= pages; }
    unsigned address_width() const override { return 48; }
    bool attach(Attachment) override { return true; }
    std::optional<DmaFault> take_fault() override { return std::nullopt; }
    std::uint64_t mapped = 0;
};

// Runs behind each other, over each other, and one over all: seconds if a call took time for each live run.
TEST(IdentityMap, ManyLiveRunsAreNotSlow) {
    constexpr std::uint64_t many = 100'000;
    CountingDma dma;
    IdentityMap map;
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < many; ++i) ASSERT_TRUE(map.add(dma, {1 + i * 4, 4}));
    EXPECT_EQ(dma.mapped, 4 * many);
    for (std::uint64_t i = 0; i < many; ++i) ASSERT_TRUE(map.add(dma, {1 + i, 4 * many - i}));
    for (std::uint64_t i = 0; i < many; ++i) map.remove(dma, {1 + i * 4, 4});
    EXPECT_EQ(dma.mapped, 4 * many);
    for (std::uint64_t i = 0; i < many; ++i) map.remove(dma, {1 + i, 4 * many - i});
    EXPECT_EQ(dma.mapped, 0u);
    EXPECT_TRUE(map.empty());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(IdentityMap, RunsOfTerabytesCostNoMoreThanSmallOnes) {
    CountingDma dma;
    IdentityMap map;
    const PageRun all{1, (std::uint64_t{1} << 36) - 1};
    EXPECT_TRUE(map.add(dma, all));
    EXPECT_TRUE(map.add(dma, {1 << 20, 1}));
    map.remove(dma, all);
    EXPECT_EQ(dma.mapped, 1u);
    map.remove(dma, {1 << 20, 1});
    EXPECT_TRUE(map.empty());
}

}  // namespace
}  // namespace remap::callbacks::tests
