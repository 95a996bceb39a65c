// SPDX-License-Identifier: MIT
#include "iommu/lab/suggestion.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remap::lab {
namespace {

const std::vector<std::string_view> known = {"probability", "after", "address", "access", "nth"};

TEST(Suggestion, IsTheNearestName) {
    EXPECT_EQ(closest("probabilty", known), "probability");  // left out
    EXPECT_EQ(closest("aftter", known), "after");            // added
    EXPECT_EQ(closest("addrass", known), "address");         // changed
    EXPECT_EQ(closest("acecss", known), "access");           // swapped
    EXPECT_EQ(closest("nht", known), "nth");                 // one swap, not two changes
    EXPECT_EQ(closest("after", known), "after");
}

TEST(Suggestion, IsNoneWhenNothingIsNear) {
    EXPECT_EQ(closest("times", known), "");
    EXPECT_EQ(closest("abc", known), "");
    EXPECT_EQ(closest("", known), "");
    EXPECT_EQ(closest("nth", {}), "");
}

TEST(Suggestion, OfAnyLengthIsBounded) {
    EXPECT_EQ(closest(std::string(100'000, 'a'), known), "");
    const std::string longest(32, 'a'), longer(33, 'a');
    const std::vector<std::string_view> names = {longer, longest};
    EXPECT_EQ(closest(longest, names), longest);
    EXPECT_EQ(closest(longer, names), "");
}

}  // namespace
}  // namespace remap::lab
