// SPDX-License-Identifier: MIT
// Map and Unmap: what a view shows, and what is refused.
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

namespace remap::callbacks::tests {
namespace {

constexpr auto user = DXGK_ACCESS_MODE_USER_MODE;

class Map : public testing::Test {
protected:
    HANDLE make(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args) {
        EXPECT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
        return args.hPhysicalMemoryObject;
    }
    void unmap() { world.unmap(object, mapped.pMappedAddress, mapped.Size); }

    World world;
    HANDLE object = nullptr;
    DXGKARGCB_MAP_PHYSICAL_MEMORY mapped{};
};

TEST_F(Map, ShowsTheWholeObject) {
    object = make(mdl_of(16 * KiB));
    ASSERT_EQ(world.map(object, 0, 16 * KiB, &mapped), STATUS_SUCCESS);
    EXPECT_EQ(mapped.Offset, 0u);
    EXPECT_EQ(mapped.Size, 16 * KiB);
    const auto& view = world.views.live.at(mapped.pMappedAddress);
    ASSERT_EQ(view.frames.size(), 4u);
    for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(view.frames[i], world.dxgkrnl->frame(object, i));
    EXPECT_EQ(view.mode, AccessMode::Kernel);
    EXPECT_TRUE(view.writable);
    unmap();
    EXPECT_TRUE(world.views.live.empty());
    world.destroy(object, nullptr);
}

// Offset and Size are in/out: the view begins at the page and ends at a page.
TEST_F(Map, AnyByteRangeIsRoundedOutwards) {
    object = make(mdl_of(16 * KiB));
    ASSERT_EQ(world.map(object, 0x1ffe, 4, &mapped), STATUS_SUCCESS);
    EXPECT_EQ(mapped.Offset, 0xffeu);
    EXPECT_EQ(mapped.Size, 0x2000u);
    const auto& view = world.views.live.at(mapped.pMappedAddress);
    EXPECT_EQ(view.frames[0], world.dxgkrnl->frame(object, 1));
    EXPECT_EQ(view.frames[1], world.dxgkrnl->frame(object, 2));
    unmap();
    ASSERT_EQ(world.map(object, 0x3fff, 1, &mapped), STATUS_SUCCESS);
    EXPECT_EQ(mapped.Offset, 0xfffu);
    EXPECT_EQ(mapped.Size, 0x1000u);
    unmap();
    world.destroy(object, nullptr);
}

TEST_F(Map, RefusesWhatIsNotInsideTheObject) {
    object = make(mdl_of(16 * KiB));
    const struct {
        std::uint64_t offset, size;
    } ranges[] = {{0, 0},     {0, 0x4001}, {0x4000, 1},    {0x3fff, 2},
                  {~0ull, 1}, {1, ~0ull},  {~0ull, ~0ull}, {0x1000, ~0ull - 0xfff}};
    for (const auto& range : ranges) {
        EXPECT_EQ(world.map(object, range.offset, range.size, &mapped), STATUS_INVALID_PARAMETER);
        EXPECT_EQ(mapped.Offset, range.offset) << "a refused call keeps what was asked";
        EXPECT_EQ(mapped.Size, range.size);
    }
    EXPECT_EQ(world.map(object, 0, 1, &mapped, static_cast<DXGK_ACCESS_MODE>(2)), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(world.map(nullptr, 0, 1, &mapped), STATUS_INVALID_HANDLE);
    EXPECT_EQ(world.dxgkrnl->map(nullptr), STATUS_INVALID_PARAMETER);
    world.destroy(object, nullptr);
    EXPECT_EQ(world.map(object, 0, 1, &mapped), STATUS_INVALID_HANDLE) << "a destroyed object's handle is stale";
    EXPECT_TRUE(world.reported(Check::UseAfterClose));
}

TEST_F(Map, HasTheCacheTypeOfTheObject) {
    const std::pair<DXGK_MEMORY_CACHING_TYPE, CacheType> types[] = {
        {DXGK_MEMORY_CACHING_TYPE_NON_CACHED, CacheType::Uncached},
        {DXGK_MEMORY_CACHING_TYPE_CACHED, CacheType::WriteBack},
        {DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED, CacheType::WriteCombined}};
    for (const auto& [asked, expected] : types) {
        auto args = contiguous_of(4096);
        args.CacheType = asked;
        object = make(args);
        ASSERT_EQ(world.map(object, 0, 4096, &mapped), STATUS_SUCCESS);
        EXPECT_EQ(world.views.live.at(mapped.pMappedAddress).cache, expected);
        unmap();
        world.destroy(object, nullptr);
    }
}

TEST_F(Map, SectionsAreWrittenOnlyWithReadWriteProtection) {
    const std::pair<ULONG, bool> protections[] = {{0x2, false}, {0x4, true}, {0x8, false}, {0x10, false}};
    for (const auto& [protection, writable] : protections) {
        auto args = section_of(4096);
        args.Section.PageProtection = protection;
        object = make(args);
        ASSERT_EQ(world.map(object, 0, 4096, &mapped, user), STATUS_SUCCESS);
        EXPECT_EQ(world.views.live.at(mapped.pMappedAddress).writable, writable);
        unmap();
        world.destroy(object, nullptr);
    }
}

TEST_F(Map, IoSpaceIsForKernelModeOnly) {
    object = make(io_space_of(0xe000'0000, 16 * KiB));
    EXPECT_EQ(world.map(object, 0, 4096, &mapped, user), STATUS_INVALID_PARAMETER);
    ASSERT_EQ(world.map(object, 4096, 8192, &mapped), STATUS_SUCCESS);
    const auto& view = world.views.live.at(mapped.pMappedAddress);
    EXPECT_EQ(view.frames[0].number, 0xe0001u);
    EXPECT_EQ(view.frames[1].number, 0xe0002u);
    unmap();
    world.destroy(object, nullptr);
}

TEST_F(Map, OneObjectHasSeveralViewsAtOnce) {
    object = make(section_of(16 * KiB));
    DXGKARGCB_MAP_PHYSICAL_MEMORY second{};
    ASSERT_EQ(world.map(object, 0, 4096, &mapped), STATUS_SUCCESS);
    world.execution.number = 7;
    ASSERT_EQ(world.map(object, 0, 8192, &second, user), STATUS_SUCCESS);
    EXPECT_EQ(world.views.live.size(), 2u);
    unmap();
    EXPECT_EQ(world.views.live.count(second.pMappedAddress), 1u);
    world.unmap(object, second.pMappedAddress, second.Size);
    world.destroy(object, nullptr);
}

TEST_F(Map, UnmapWantsTheBaseAndSizeThatMapReturned) {
    object = make(mdl_of(16 * KiB));
    ASSERT_EQ(world.map(object, 0x1ffe, 4, &mapped), STATUS_SUCCESS);
    world.unmap(object, mapped.pMappedAddress, 4);
    EXPECT_TRUE(world.reported(Check::WrongViewSize));
    world.unmap(object, static_cast<char*>(mapped.pMappedAddress) + mapped.Offset, mapped.Size);
    EXPECT_TRUE(world.reported(Check::UnknownView));
    world.unmap(nullptr, mapped.pMappedAddress, mapped.Size);
    EXPECT_TRUE(world.reported(Check::UnknownHandle));
    world.dxgkrnl->unmap(nullptr);
    EXPECT_TRUE(world.reported(Check::NullArgument));
    EXPECT_EQ(world.views.live.size(), 1u);
    unmap();
    unmap();
    EXPECT_TRUE(world.reported(Check::UnknownView));
    world.destroy(object, nullptr);
}

TEST_F(Map, AUserViewIsUnmappedInItsProcess) {
    object = make(mdl_of(4 * KiB));
    ASSERT_EQ(world.map(object, 0, 4096, &mapped, user), STATUS_SUCCESS);
    world.execution.number = 2;
    unmap();
    EXPECT_TRUE(world.reported(Check::WrongProcess));
    EXPECT_EQ(world.views.live.size(), 1u);
    world.execution.number = 1;
    unmap();
    world.destroy(object, nullptr);
}

TEST_F(Map, AKernelViewIsUnmappedInAnyProcess) {
    object = make(mdl_of(4 * KiB));
    ASSERT_EQ(world.map(object, 0, 4096, &mapped), STATUS_SUCCESS);
    world.execution.number = 2;
    unmap();
    EXPECT_TRUE(world.views.live.empty());
    world.destroy(object, nullptr);
}

TEST_F(Map, AViewOfOneObjectIsNotUnmappedThroughAnother) {
    object = make(mdl_of(4 * KiB));
    const HANDLE other = make(mdl_of(4 * KiB));
    ASSERT_EQ(world.map(object, 0, 4096, &mapped), STATUS_SUCCESS);
    world.unmap(other, mapped.pMappedAddress, mapped.Size);
    EXPECT_TRUE(world.reported(Check::UnknownView));
    unmap();
    world.destroy(object, nullptr);
    world.destroy(other, nullptr);
}

}  // namespace
}  // namespace remap::callbacks::tests
