// SPDX-License-Identifier: MIT
// AllocateAdl and FreeAdl, with and without remapping.
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace remap::callbacks::tests {
namespace {

class AdlTest : public testing::Test {
protected:
    void make(World& world, DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args) {
        ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
        object = args.hPhysicalMemoryObject;
        opened = args.hAdapterMemoryObject;
    }
    // Every page of the list leads to the frame of its page in the object, for the device and in our own book.
    void expect_leads_to_frames(World& world, HANDLE adapter, const DXGK_ADL& list, std::uint64_t first_page) {
        const auto pages = pages_in(list);
        for (std::uint64_t i = 0; i < pages.size(); ++i) {
            const PhysicalPage frame = world.dxgkrnl->frame(object, first_page + i);
            EXPECT_NE(pages[i], 0u);
            EXPECT_EQ(world.dma.table.at(pages[i]), frame.number);
            EXPECT_EQ(*world.dxgkrnl->frame_behind(adapter, pages[i]), frame);
        }
    }

    HANDLE object = nullptr;
    HANDLE opened = nullptr;
    DXGK_ADL* adl = nullptr;
};

using RemappedAdl = AdlTest;
using PhysicalAdl = AdlTest;
using AnyAdl = AdlTest;

TEST_F(RemappedAdl, ScatteredPagesGetOneLogicalRange) {
    World world;
    const HANDLE adapter = world.start_remapping();
    make(world, mdl_of(64 * KiB, adapter));
    ASSERT_NE(world.dxgkrnl->frame(object, 0) + 1, world.dxgkrnl->frame(object, 1)) << "the fake scatters frames";
    ASSERT_EQ(world.allocate_adl(opened, 0, 64 * KiB, prefer_contiguous, &adl), STATUS_SUCCESS);
    EXPECT_EQ(adl->PageCount, 16u);
    EXPECT_EQ(adl->Flags.Value, 1u);
    expect_leads_to_frames(world, adapter, *adl, 0);
    world.free_adl(opened, adl);
    EXPECT_TRUE(world.dma.table.empty());
    world.destroy(object, opened);
}

TEST_F(RemappedAdl, WithoutAFlagTheListIsAnArray) {
    World world;
    const HANDLE adapter = world.start_remapping();
    make(world, mdl_of(64 * KiB, adapter));
    ASSERT_EQ(world.allocate_adl(opened, 0, 64 * KiB, 0, &adl), STATUS_SUCCESS);
    EXPECT_EQ(adl->PageCount, 16u);
    EXPECT_EQ(adl->Flags.Value, 0u);
    for (unsigned i = 1; i < 16; ++i) EXPECT_EQ(adl->Pages[i], adl->Pages[0] + i);
    expect_leads_to_frames(world, adapter, *adl, 0);
    world.free_adl(opened, adl);
    world.destroy(object, opened);
}

TEST_F(RemappedAdl, ShowsAPartOfTheObject) {
    World world;
    const HANDLE adapter = world.start_remapping();
    make(world, mdl_of(64 * KiB, adapter));
    ASSERT_EQ(world.allocate_adl(opened, 0x3000, 0x5000, prefer_contiguous, &adl), STATUS_SUCCESS);
    EXPECT_EQ(adl->PageCount, 5u);
    EXPECT_EQ(world.dma.table.size(), 5u);
    expect_leads_to_frames(world, adapter, *adl, 3);
    world.free_adl(opened, adl);
    world.destroy(object, opened);
}

TEST_F(RemappedAdl, OnePageMayHaveTwoLogicalAddresses) {
    World world;
    const HANDLE adapter = world.start_remapping();
    make(world, mdl_of(8 * KiB, adapter));
    DXGK_ADL* second = nullptr;
    ASSERT_EQ(world.allocate_adl(opened, 0, 8 * KiB, prefer_contiguous, &adl), STATUS_SUCCESS);
    ASSERT_EQ(world.allocate_adl(opened, 4 * KiB, 4 * KiB, prefer_contiguous, &second), STATUS_SUCCESS);
    expect_leads_to_frames(world, adapter, *adl, 0);
    expect_leads_to_frames(world, adapter, *second, 1);
    world.free_adl(opened, adl);
    expect_leads_to_frames(world, adapter, *second, 1);
    world.free_adl(opened, second);
    world.destroy(object, opened);
}

// 40 bits of GPU address and memory from 1 TiB up: the GPU reaches all of it through logical addresses below 1 TiB.
TEST_F(RemappedAdl, LogicalPagesLieBelowTheHighestVisibleAddress) {
    World world({{1, 15}, {(1 * TiB) >> 12, 1 * GiB >> 12}});
    const HANDLE adapter = world.start((1ull << 40) - 1, true);
    make(world, contiguous_of(64 * MiB, adapter));
    ASSERT_GE(world.dxgkrnl->frame(object, 0).number, 1ull << 28);
    ASSERT_EQ(world.allocate_adl(opened, 0, 64 * MiB, require_contiguous, &adl), STATUS_SUCCESS);
    EXPECT_EQ(adl->Flags.Contiguous, 1u);
    EXPECT_LE(adl->BasePageNumber + adl->PageCount, 1ull << 28);
    expect_leads_to_frames(world, adapter, *adl, 0);
    world.free_adl(opened, adl);
    world.destroy(object, opened);
}

TEST_F(RemappedAdl, LogicalPagesStayInsideTheDomainsWidth) {
    World world({{0, 0x4000}}, 39);
    make(world, mdl_of(4 * KiB, world.start(~0ull, true)));
    ASSERT_EQ(world.allocate_adl(opened, 0, 4096, prefer_contiguous, &adl), STATUS_SUCCESS);
    EXPECT_LT(adl->BasePageNumber, 1ull << 27);
    world.free_adl(opened, adl);
    world.destroy(object, opened);
}

TEST_F(RemappedAdl, FragmentedLogicalSpaceGivesSeveralRunsWithoutPageZero) {
    World world;
    const HANDLE adapter = world.start(16 * 4096 - 1, true);  // logical pages 1 to 15
    make(world, contiguous_of(15 * 4096, adapter));
    std::vector<DXGK_ADL*> single(15);
    for (auto& list : single) ASSERT_EQ(world.allocate_adl(opened, 0, 4096, prefer_contiguous, &list), STATUS_SUCCESS);
    EXPECT_EQ(world.allocate_adl(opened, 0, 4096, prefer_contiguous, &adl), STATUS_INSUFFICIENT_RESOURCES)
        << "all are in use";
    std::sort(single.begin(), single.end(),
              [](const DXGK_ADL* a, const DXGK_ADL* b) { return a->BasePageNumber < b->BasePageNumber; });
    EXPECT_EQ(single[0]->BasePageNumber, 1u);
    EXPECT_EQ(single[14]->BasePageNumber, 15u);
    for (unsigned i : {1u, 4u, 5u, 9u}) world.free_adl(opened, single[i]);  // pages 2, 5, 6, 10

    EXPECT_EQ(world.allocate_adl(opened, 0, 4 * 4096, require_contiguous, &adl), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(world.allocate_adl(opened, 0, 5 * 4096, 0, &adl), STATUS_INSUFFICIENT_RESOURCES);
    ASSERT_EQ(world.allocate_adl(opened, 0, 4 * 4096, prefer_contiguous, &adl), STATUS_SUCCESS);
    EXPECT_EQ(adl->Flags.Contiguous, 0u) << "PreferContiguous is a hint";
    EXPECT_EQ(adl->PageCount, 4u);
    auto pages = pages_in(*adl);
    expect_leads_to_frames(world, adapter, *adl, 0);
    std::sort(pages.begin(), pages.end());
    EXPECT_EQ(pages, (std::vector<std::uint64_t>{2, 5, 6, 10}));

    world.free_adl(opened, adl);
    for (unsigned i : {0u, 2u, 3u, 6u, 7u, 8u, 10u, 11u, 12u, 13u, 14u}) world.free_adl(opened, single[i]);
    ASSERT_EQ(world.allocate_adl(opened, 0, 15 * 4096, require_contiguous, &adl), STATUS_SUCCESS) << "all came back";
    world.free_adl(opened, adl);
    world.destroy(object, opened);
}

TEST_F(PhysicalAdl, ShowsFrames) {
    World world;
    const HANDLE adapter = world.start_physical();
    EXPECT_FALSE(world.dxgkrnl->remaps(adapter));
    make(world, mdl_of(64 * KiB, adapter));
    ASSERT_EQ(world.allocate_adl(opened, 0x1000, 0x4000, prefer_contiguous, &adl), STATUS_SUCCESS);
    EXPECT_EQ(adl->Flags.Value, 0u) << "the frames are scattered";
    EXPECT_EQ(adl->PageCount, 4u);
    for (unsigned i = 0; i < 4; ++i) {
        EXPECT_EQ(adl->Pages[i], world.dxgkrnl->frame(object, i + 1).number);
        EXPECT_EQ(world.dxgkrnl->frame_behind(adapter, adl->Pages[i])->number, adl->Pages[i]);
    }
    EXPECT_FALSE(world.dxgkrnl->frame_behind(adapter, world.dxgkrnl->frame(object, 0).number).ok());
    EXPECT_TRUE(world.dma.table.empty());
    world.free_adl(opened, adl);
    world.destroy(object, opened);
}

TEST_F(PhysicalAdl, ContiguousFramesHaveABasePage) {
    World world;
    make(world, contiguous_of(64 * KiB, world.start_physical()));
    for (const UINT32 flags : {require_contiguous, prefer_contiguous, require_contiguous | prefer_contiguous}) {
        ASSERT_EQ(world.allocate_adl(opened, 0x2000, 0x8000, flags, &adl), STATUS_SUCCESS);
        EXPECT_EQ(adl->Flags.Value, 1u);
        EXPECT_EQ(adl->PageCount, 8u);
        EXPECT_EQ(adl->BasePageNumber, world.dxgkrnl->frame(object, 2).number);
        world.free_adl(opened, adl);
    }
    world.destroy(object, opened);
}

TEST_F(PhysicalAdl, NothingBeyondTheHighestVisibleAddressIsShown) {
    World world;
    const HANDLE adapter = world.start((1ull << 32) - 1, false);
    make(world, io_space_of((1ull << 32) - 4096, 8192, adapter));
    EXPECT_EQ(world.allocate_adl(opened, 0, 8192, 0, &adl), STATUS_INVALID_ADDRESS);
    EXPECT_EQ(world.allocate_adl(opened, 4096, 4096, 0, &adl), STATUS_INVALID_ADDRESS);
    ASSERT_EQ(world.allocate_adl(opened, 0, 4096, 0, &adl), STATUS_SUCCESS);
    world.free_adl(opened, adl);
    world.destroy(object, opened);
}

TEST_F(PhysicalAdl, PageZeroIsNeverShown) {
    World world({{16, 16}});
    make(world, io_space_of(0, 8192, world.start_physical()));
    EXPECT_EQ(world.allocate_adl(opened, 0, 8192, prefer_contiguous, &adl), STATUS_INVALID_ADDRESS);
    world.destroy(object, opened);
}

TEST_F(AnyAdl, RefusesUnalignedEmptyAndOverlongRanges) {
    World world;
    make(world, contiguous_of(16 * KiB, world.start_remapping()));
    const struct {
        std::uint64_t offset, size;
    } ranges[] = {{0, 0},           {0, 1},           {1, 0x1000},         {0x800, 0x800},      {0, 0x5000},
                  {0x4000, 0x1000}, {0x3000, 0x2000}, {0x1000, ~0xfffull}, {~0xfffull, 0x2000}, {~0xfffull, ~0xfffull}};
    for (const auto& range : ranges)
        EXPECT_EQ(world.allocate_adl(opened, range.offset, range.size, 0, &adl), STATUS_INVALID_PARAMETER)
            << range.offset << " " << range.size;
    for (const UINT32 flags : {4u, 0x80000000u, 0xffffffffu}) {
        EXPECT_EQ(world.allocate_adl(opened, 0, 4096, flags, &adl), STATUS_INVALID_PARAMETER);
        EXPECT_TRUE(world.reported(Check::ReservedBits));
    }
    EXPECT_EQ(world.allocate_adl(object, 0, 4096, 0, &adl), STATUS_INVALID_HANDLE) << "the other kind of handle";
    EXPECT_TRUE(world.reported(Check::InvalidObjectType));
    EXPECT_EQ(world.allocate_adl(nullptr, 0, 4096, 0, &adl), STATUS_INVALID_HANDLE);
    EXPECT_EQ(world.dxgkrnl->allocate_adl(nullptr), STATUS_INVALID_PARAMETER);
    world.destroy(object, opened);
}

TEST_F(AnyAdl, RequireContiguousIsForContiguousMemoryAndIoSpace) {
    const auto status_for = [&](DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args, bool remapping) {
        World world;
        args.hAdapter = remapping ? world.start_remapping() : world.start_physical();
        make(world, args);
        const NTSTATUS status = world.allocate_adl(opened, 0, 4096, require_contiguous, &adl);
        if (NT_SUCCESS(status)) world.free_adl(opened, adl);
        world.destroy(object, opened);
        return status;
    };
    for (const bool remapping : {false, true}) {
        EXPECT_EQ(status_for(mdl_of(8192), remapping), STATUS_INVALID_PARAMETER);
        EXPECT_EQ(status_for(section_of(8192), remapping), STATUS_INVALID_PARAMETER);
        EXPECT_EQ(status_for(contiguous_of(8192), remapping), STATUS_SUCCESS);
        EXPECT_EQ(status_for(io_space_of(0xe000'0000, 8192), remapping), STATUS_SUCCESS);
    }
}

TEST_F(AnyAdl, AListTooLongToWriteOutIsRefused) {
    World world;
    make(world, io_space_of(1 * TiB, 8 * TiB, world.start(~0ull, true)));
    EXPECT_EQ(world.allocate_adl(opened, 0, 8 * TiB, 0, &adl), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_TRUE(world.dma.table.empty());
    world.destroy(object, opened);
}

TEST_F(AnyAdl, FreeFindsOnlyListsOfItsAdapterMemoryObject) {
    World world;
    const HANDLE adapter = world.start_remapping();
    make(world, mdl_of(8 * KiB, adapter));
    const HANDLE first_object = object;
    const HANDLE first = opened;
    make(world, mdl_of(8 * KiB, adapter));
    ASSERT_EQ(world.allocate_adl(first, 0, 4096, prefer_contiguous, &adl), STATUS_SUCCESS);

    world.free_adl(opened, adl);
    EXPECT_TRUE(world.reported(Check::ForeignAdl)) << "of another object";
    DXGK_ADL copy = *adl;
    world.free_adl(first, &copy);
    EXPECT_TRUE(world.reported(Check::UnknownAdl)) << "a copy is not what was handed out";
    world.free_adl(first, nullptr);
    EXPECT_TRUE(world.reported(Check::UnknownAdl));
    world.free_adl(first, reinterpret_cast<DXGK_ADL*>(0x10));
    EXPECT_TRUE(world.reported(Check::UnknownAdl)) << "it is not read through";
    world.free_adl(first_object, adl);
    EXPECT_TRUE(world.reported(Check::InvalidObjectType));
    world.dxgkrnl->free_adl(nullptr);
    EXPECT_TRUE(world.reported(Check::NullArgument));
    EXPECT_EQ(world.dma.table.size(), 1u) << "and the list lives";

    world.free_adl(first, adl);
    EXPECT_TRUE(world.dma.table.empty());
    world.free_adl(first, adl);
    EXPECT_TRUE(world.reported(Check::UnknownAdl)) << "freed twice";
    world.destroy(first_object, first);
    world.destroy(object, opened);
}

TEST_F(AnyAdl, AListTheDriverChangedIsFreedAsItWasHandedOut) {
    World world;
    make(world, mdl_of(16 * KiB, world.start_remapping()));
    const auto change_and_free = [&](UINT32 flags, auto change) {
        ASSERT_EQ(world.allocate_adl(opened, 0, 16 * KiB, flags, &adl), STATUS_SUCCESS);
        change(*adl);
        world.free_adl(opened, adl);
        EXPECT_TRUE(world.reported(Check::ChangedAdl));
        EXPECT_TRUE(world.dma.table.empty());
    };
    change_and_free(prefer_contiguous, [](DXGK_ADL& list) { list.BasePageNumber += 1; });
    change_and_free(prefer_contiguous, [](DXGK_ADL& list) { list.PageCount = 0xffffffff; });
    change_and_free(prefer_contiguous, [](DXGK_ADL& list) { list.Flags.Contiguous = 0; });
    change_and_free(0, [](DXGK_ADL& list) { list.Pages = nullptr; });
    change_and_free(0, [](DXGK_ADL& list) { const_cast<DXGK_PAGE_NUMBER*>(list.Pages)[3] = 77; });
    world.destroy(object, opened);
}

}  // namespace
}  // namespace remap::callbacks::tests
