// SPDX-License-Identifier: MIT
#include "tools/export/frame_owners.h"

#include <gtest/gtest.h>

namespace remap::tools {
namespace {

using lab::Event;
using lab::Kind;

Event frames(std::uint64_t physical, std::uint64_t bytes, std::uint64_t object) {
    return {.kind = Kind::Frames, .address = physical, .length = bytes, .detail = object};
}

TEST(FrameOwners, MemoryBelongsToWhomItWasGivenLast) {
    FrameOwners known;
    known.note(frames(0x1000, 0x4000, 1));
    known.note(frames(0x2000, 0x1000, 2));
    EXPECT_EQ(known.owner_of(0xfff), 0u);
    EXPECT_EQ(known.owner_of(0x1fff), 1u);
    EXPECT_EQ(known.owner_of(0x2000), 2u);
    EXPECT_EQ(known.owner_of(0x3000), 1u);
    EXPECT_EQ(known.owner_of(0x4fff), 1u);
    EXPECT_EQ(known.owner_of(0x5000), 0u);
    known.note(frames(0x0, 0x10000, 3));
    for (const std::uint64_t address : {0x0, 0x2000, 0x4fff, 0xffff}) EXPECT_EQ(known.owner_of(address), 3u);
}

TEST(FrameOwners, AnObjectThatWasDestroyedIsRemembered) {
    FrameOwners known;
    known.note({.kind = Kind::Object, .detail = 1, .code = 4});
    known.note(frames(0x1000, 0x1000, 1));
    EXPECT_FALSE(known.is_gone(1));
    known.note({.kind = Kind::Object, .flags = lab::flag::ended, .detail = 1});
    EXPECT_TRUE(known.is_gone(1));
    EXPECT_EQ(known.owner_of(0x1000), 1u);
    EXPECT_EQ(known.sort_of(1), 4u);
}

TEST(FrameOwners, ARunMayReachTheEndOfAllAddresses) {
    FrameOwners known;
    known.note(frames(~std::uint64_t{0} - 10, 4096, 1));
    known.note(frames(~std::uint64_t{0} - 5, ~std::uint64_t{0}, 2));
    EXPECT_EQ(known.owner_of(~std::uint64_t{0}), 2u);
    EXPECT_EQ(known.owner_of(~std::uint64_t{0} - 10), 1u);
}

}  // namespace
}  // namespace remap::tools
