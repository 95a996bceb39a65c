// SPDX-License-Identifier: MIT
#include "base/bits.h"
#include "base/address.h"

#include <gtest/gtest.h>

namespace remap {
namespace {

using Middle = Field<11, 4>;
using Top = Field<63, 60>;

TEST(Field, ReadsOnlyItsOwnBits) {
    EXPECT_EQ(Middle::get(0xfffff5afull), 0xfau ^ 0xa0u);
    EXPECT_EQ(Top::get(0x9fffffffffffffffull), 9u);
}

TEST(Field, SettingKeepsTheRestOfTheWord) {
    EXPECT_EQ(Middle::set(0xffffffffull, 0x12), 0xfffff12full);
    EXPECT_EQ(Top::set(1, 0xf), 0xf000000000000001ull);
}

TEST(Field, DropsWhatDoesNotFit) { EXPECT_EQ(Middle::of(0x1ff), 0xff0u); }

TEST(Flag, IsOneBit) {
    EXPECT_EQ(Flag<31>::mask, 0x80000000ull);
    EXPECT_TRUE(Flag<63>::get(0x8000000000000000ull));
    EXPECT_EQ(Flag<0>::set(7, false), 6u);
}

TEST(Pages, RoundUpWithoutOverflow) {
    EXPECT_EQ(pages_of(0), 0u);
    EXPECT_EQ(pages_of(1), 1u);
    EXPECT_EQ(pages_of(4096), 1u);
    EXPECT_EQ(pages_of(4097), 2u);
    EXPECT_EQ(pages_of(~0ull), 0x10000000000000ull);
}

}  // namespace
}  // namespace remap
