// SPDX-License-Identifier: MIT
#include "tools/export/address_ranges.h"

#include <gtest/gtest.h>

namespace remap::tools {
namespace {

AddressRange use(std::uint64_t first, std::uint64_t bytes, std::uint64_t physical, std::uint64_t object = 0) {
    return {.first = first, .last = first + bytes - 1, .physical = physical, .object = object, .uses = 1, .read = true};
}

TEST(AddressRanges, UsesOfOnePageAreOneRange) {
    const auto ranges = compact({use(0x1010, 16, 0x7010), use(0x1800, 4, 0x7800), use(0x1000, 4096, 0x7000)}, 10);
    ASSERT_EQ(ranges.size(), 1u);
    EXPECT_EQ(ranges[0], (AddressRange{.first = 0x1000, .last = 0x1fff, .physical = 0x7000, .uses = 3, .read = true}));
}

TEST(AddressRanges, NeighboursJoinWhereTheirMemoryDoes) {
    EXPECT_EQ(compact({use(0x2000, 4096, 0x8000), use(0x1000, 4096, 0x7000)}, 10).size(), 1u);
    EXPECT_EQ(compact({use(0x2000, 4096, 0x9000), use(0x1000, 4096, 0x7000)}, 10).size(), 2u);
    EXPECT_EQ(compact({use(0x2000, 4096, 0x8000, 1), use(0x1000, 4096, 0x7000, 2)}, 10).size(), 2u);
}

TEST(AddressRanges, APageThatLedToTwoPlacesIsTwoRanges) {
    const auto ranges = compact({use(0x1000, 4096, 0x7000), use(0x1000, 4096, 0x9000)}, 10);
    ASSERT_EQ(ranges.size(), 2u);
    EXPECT_EQ(ranges[0].physical, 0x7000u);
    EXPECT_EQ(ranges[1].physical, 0x9000u);
}

TEST(AddressRanges, ObjectsThatUsedTheSameMemoryInTurnAreTheLastOfThem) {
    auto later = use(0x1000, 4096, 0x7000, 4), earlier = use(0x1000, 4096, 0x7000, 9);
    later.when = 2;
    earlier.when = 1;
    const auto ranges = compact({later, earlier}, 10);
    ASSERT_EQ(ranges.size(), 1u);
    EXPECT_EQ(ranges[0].object, 4u);
    EXPECT_EQ(ranges[0].owners, 2u);
    EXPECT_EQ(ranges[0].uses, 2u);
}

TEST(AddressRanges, TooManyJoinOverTheSmallestGaps) {
    std::vector<AddressRange> many;
    const std::uint64_t far = std::uint64_t{1} << 40;
    for (std::uint64_t i = 0; i < 100; ++i) many.push_back(use(far + i * 0x10000, 4096, 0x7000, 1));
    many.push_back(use(0, 4096, 0x9000, 2));
    const auto ranges = compact(many, 2);
    ASSERT_EQ(ranges.size(), 2u);
    EXPECT_EQ(ranges[0].parts, 1u);
    EXPECT_EQ(ranges[0].object, 2u);
    EXPECT_EQ(ranges[1].parts, 100u);
    EXPECT_EQ(ranges[1].uses, 100u);
    EXPECT_EQ(ranges[1].last, far + 99 * 0x10000 + 0xfff);
}

TEST(AddressRanges, TheLastPageHasNoNeighbour) {
    const std::uint64_t top = ~std::uint64_t{0};
    const auto ranges = compact({{.first = top, .last = top, .physical = top}, use(0, 1, 0)}, 10);
    ASSERT_EQ(ranges.size(), 2u);
    EXPECT_EQ(ranges[1].last, top);
    EXPECT_EQ(compact({use(top - 0x1fff, 0x2000, 0x7000), use(top - 0xfff, 0x1000, 0x8000)}, 10).size(), 1u);
}

}  // namespace
}  // namespace remap::tools
