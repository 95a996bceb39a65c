// SPDX-License-Identifier: MIT
#include "callbacks/core/frame_list.h"

#include "callbacks/tests/failing_memory.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace remap::callbacks::tests {
namespace {

using Numbers = std::vector<std::uint64_t>;

Numbers numbers_of(const FrameList& list) {
    Numbers numbers;
    list.for_each_run([&](FrameRun run) {
        for (std::uint64_t i = 0; i < run.pages; ++i) numbers.push_back(run.first.number + i);
        return true;
    });
    return numbers;
}

TEST(FrameList, NeighboursBecomeOneFragment) {
    FrameList list;
    EXPECT_TRUE(list.empty());
    EXPECT_TRUE(list.add({{10}, 5}));
    EXPECT_TRUE(list.add({{15}, 5}));
    EXPECT_TRUE(list.add({{30}, 0}));  // nothing
    EXPECT_EQ(list.fragments(), 1u);
    EXPECT_TRUE(list.add({{9}, 1}));  // before, not behind
    EXPECT_EQ(list.fragments(), 2u);
    EXPECT_EQ(list.size(), 11u);
    EXPECT_EQ(list[9].number, 19u);
    EXPECT_EQ(list[10].number, 9u);
    EXPECT_EQ(list.run_at(3, 100).pages, 7u);
    EXPECT_EQ(list.run_at(3, 2).pages, 2u);
}

TEST(FrameList, ATerabyteInOneRunCostsOneFragment) {
    FrameList list;
    EXPECT_TRUE(list.add({{1}, std::uint64_t{1} << 28}));
    EXPECT_EQ(list.fragments(), 1u);
    EXPECT_EQ(list[(std::uint64_t{1} << 28) - 1].number, std::uint64_t{1} << 28);
}

TEST(FrameList, AgreesWithAVectorWhenMemoryRunsOut) {
    std::mt19937_64 random(1);
    for (unsigned round = 0; round < 300; ++round) {
        FrameList list;
        Numbers numbers;
        for (unsigned step = 0; step < 60; ++step) {
            const std::int64_t fails = random() % 4 == 0 ? 0 : 1'000;
            if (random() % 8 == 0) {
                const std::uint64_t pages = random() % (numbers.size() + 2);
                list.shorten(pages);
                if (pages < numbers.size()) numbers.resize(pages);
            } else if (random() % 4 == 0 && !numbers.empty()) {
                FrameList other;
                ASSERT_TRUE(other.add(list, 0, list.size()));
                const std::uint64_t first = random() % numbers.size();
                const std::uint64_t pages = random() % (numbers.size() - first + 1);
                const FailingMemory memory(fails);
                if (list.add(other, first, pages)) {
                    const Numbers before = numbers;
                    numbers.insert(numbers.end(), before.begin() + static_cast<std::ptrdiff_t>(first),
                                   before.begin() + static_cast<std::ptrdiff_t>(first + pages));
                } else {
                    ASSERT_TRUE(memory.failed());
                }
            } else {
                const FrameRun run{{random() % 4 == 0 && !numbers.empty() ? numbers.back() + 1 : 1 + random() % 1000},
                                   random() % 6};
                const FailingMemory memory(fails);
                if (list.add(run)) {
                    for (std::uint64_t i = 0; i < run.pages; ++i) numbers.push_back(run.first.number + i);
                } else {
                    ASSERT_TRUE(memory.failed());
                }
            }
            ASSERT_EQ(list.size(), numbers.size());
            ASSERT_EQ(numbers_of(list), numbers);
            if (numbers.empty()) continue;
            const std::uint64_t at = random() % numbers.size();
            ASSERT_EQ(list[at].number, numbers[at]);
        }
    }
}

TEST(FrameList, MovesTakeEverythingAlong) {
    FrameList list;
    ASSERT_TRUE(list.add({{10}, 5}));
    FrameList other(std::move(list));
    EXPECT_EQ(other.size(), 5u);
    FrameList third;
    third = std::move(other);
    EXPECT_EQ(numbers_of(third), (Numbers{10, 11, 12, 13, 14}));
}

}  // namespace
}  // namespace remap::callbacks::tests
