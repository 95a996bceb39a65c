// SPDX-License-Identifier: MIT
// Create: what each type of object is made of, and what is refused.
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

namespace remap::callbacks::tests {
namespace {

using Args = DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT;

NTSTATUS create(World& world, Args& args) {
    args.hPhysicalMemoryObject = reinterpret_cast<HANDLE>(0x1234);
    args.hAdapterMemoryObject = reinterpret_cast<HANDLE>(0x1234);
    const NTSTATUS status = world.dxgkrnl->create(&args);
    EXPECT_EQ(args.hPhysicalMemoryObject != nullptr, NT_SUCCESS(status));
    if (!NT_SUCCESS(status)) {
        EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
        EXPECT_TRUE(world.nothing_taken());
    }
    return status;
}

NTSTATUS create_once(Args args) {
    World world;
    const NTSTATUS status = create(world, args);
    if (NT_SUCCESS(status)) world.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
    return status;
}

LARGE_INTEGER at(std::uint64_t value) {
    LARGE_INTEGER integer;
    integer.QuadPart = static_cast<LONGLONG>(value);
    return integer;
}

TEST(Create, WithoutAnAdapterGivesNoAdapterMemoryObject) {
    World world;
    Args args = mdl_of(8 * KiB);
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    EXPECT_EQ(args.hAdapterMemoryObject, nullptr);
    EXPECT_EQ(world.dxgkrnl->page_count(args.hPhysicalMemoryObject), 2u);
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

TEST(Create, WithAnAdapterGivesBothHandles) {
    World world;
    Args args = mdl_of(8 * KiB, world.start_remapping());
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    EXPECT_NE(args.hAdapterMemoryObject, nullptr);
    EXPECT_NE(args.hAdapterMemoryObject, args.hPhysicalMemoryObject);
    world.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
    EXPECT_TRUE(world.nothing_taken());
}

TEST(Create, RoundsTheSizeUpToPages) {
    World world;
    Args args = mdl_of(4097);
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    EXPECT_EQ(world.dxgkrnl->page_count(args.hPhysicalMemoryObject), 2u);
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

TEST(Create, ChangesOnlyTheHandlesOfItsArgument) {
    World world;
    Args args = section_of(4 * KiB);
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    Args expected = section_of(4 * KiB);
    EXPECT_EQ(std::memcmp(&args, &expected, 64), 0);
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

struct Refusal {
    const char* rule;
    NTSTATUS status;
    std::function<Args()> args;
};

template <typename Change>
std::function<Args()> changed(Args args, Change change) {
    return [args, change]() mutable {
        change(args);
        return args;
    };
}

TEST(Create, RefusesWhatTheDocumentationForbids) {
    const auto bad_type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(4);
    const auto bad_cache = static_cast<DXGK_MEMORY_CACHING_TYPE>(3);
    const NTSTATUS invalid = static_cast<NTSTATUS>(0xC000000D);
    const NTSTATUS protection = static_cast<NTSTATUS>(0xC0000045);
    const NTSTATUS handle = static_cast<NTSTATUS>(0xC0000008);
    const std::vector<Refusal> refusals = {
        {"size 0", invalid, changed(mdl_of(0), [](Args&) {})},
        {"size wraps when rounded", invalid, changed(mdl_of(~0ull), [](Args&) {})},
        {"type unknown", invalid, changed(mdl_of(4096), [=](Args& a) { a.Type = bad_type; })},
        {"type negative", invalid,
         changed(mdl_of(4096), [](Args& a) { a.Type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(-1); })},
        {"cache type unknown", invalid, changed(mdl_of(4096), [=](Args& a) { a.CacheType = bad_cache; })},
        {"adapter unknown", handle, changed(mdl_of(4096), [](Args& a) { a.hAdapter = &a; })},
        {"MDL of 4 GiB", invalid, changed(mdl_of(4 * GiB), [](Args&) {})},
        {"MDL flag unknown", invalid, changed(mdl_of(4096), [](Args& a) { a.Mdl.Flags = 0x200; })},
        {"MDL limits out of order", invalid,
         changed(mdl_of(4096), [](Args& a) { a.Mdl.LowAddress = at(8192), a.Mdl.HighAddress = at(4096); })},
        {"MDL window without a whole page", invalid,
         changed(mdl_of(4096), [](Args& a) { a.Mdl.LowAddress = at(4097), a.Mdl.HighAddress = at(8192 + 4094); })},
        {"MDL skip of half a page", invalid, changed(mdl_of(4096), [](Args& a) { a.Mdl.SkipBytes = at(2048); })},
        {"MDL chunk not a power of two", invalid,
         changed(mdl_of(3 * 12288),
                 [](Args& a) {
                     a.Mdl.SkipBytes = at(12288);
                     a.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
                 })},
        {"MDL chunk does not divide the size", invalid,
         changed(mdl_of(3 * 4096),
                 [](Args& a) {
                     a.Mdl.SkipBytes = at(8192);
                     a.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
                 })},
        {"boundary not a power of two", invalid,
         changed(contiguous_of(4096), [](Args& a) { a.ContiguousMemory.BoundaryAddressMultiple = at(12288); })},
        {"boundary below a page", invalid,
         changed(contiguous_of(4096), [](Args& a) { a.ContiguousMemory.BoundaryAddressMultiple = at(2048); })},
        {"contiguous limits out of order", invalid,
         changed(contiguous_of(4096), [](Args& a) { a.ContiguousMemory.LowestAcceptableAddress = at(~0ull); })},
        {"more pages than an ADL counts", invalid, changed(contiguous_of(16 * TiB), [](Args&) {})},
        {"section not cached", invalid,
         changed(section_of(4096), [](Args& a) { a.CacheType = DXGK_MEMORY_CACHING_TYPE_NON_CACHED; })},
        {"section reserved", invalid,
         changed(section_of(4096), [](Args& a) { a.Section.AllocationAttributes = 0x4000000; })},
        {"section with large pages", invalid,
         changed(section_of(4096), [](Args& a) { a.Section.AllocationAttributes = 0x88000000; })},
        {"section without protection", protection,
         changed(section_of(4096), [](Args& a) { a.Section.PageProtection = 0; })},
        {"section with a cache attribute", protection,
         changed(section_of(4096), [](Args& a) { a.Section.PageProtection = 0x4 | 0x400; })},
        {"section executable and writable", protection,
         changed(section_of(4096), [](Args& a) { a.Section.PageProtection = 0x40; })},
        {"IO base unaligned", invalid, changed(io_space_of(0xe000'0800, 4096), [](Args&) {})},
        {"IO range wraps", invalid, changed(io_space_of(~0ull << 12, 8192), [](Args&) {})},
        {"IO range ends in managed memory", invalid, changed(io_space_of(64 * MiB - 4096, 8192), [](Args&) {})},
    };
    for (const Refusal& refusal : refusals) EXPECT_EQ(create_once(refusal.args()), refusal.status) << refusal.rule;
    EXPECT_EQ(World().dxgkrnl->create(nullptr), invalid);
}

TEST(Create, TakesWhatDriversPassForNoLimit) {
    EXPECT_EQ(create_once(mdl_of(4096)), STATUS_SUCCESS);
    EXPECT_EQ(create_once(contiguous_of(4096)), STATUS_SUCCESS);
    Args section = section_of(4096);
    section.Section.AllocationAttributes = 0;
    EXPECT_EQ(create_once(section), STATUS_SUCCESS);
}

TEST(Create, AnswersNoMemoryWhenContiguousMemoryIsNotFoundAndInsufficientResourcesForTheOthers) {
    const NTSTATUS no_memory = static_cast<NTSTATUS>(0xC0000017);
    const NTSTATUS insufficient = static_cast<NTSTATUS>(0xC000009A);
    EXPECT_EQ(create_once(mdl_of(65 * MiB)), insufficient);
    EXPECT_EQ(create_once(contiguous_of(65 * MiB)), no_memory);
    EXPECT_EQ(create_once(section_of(1 * TiB)), insufficient);
    World world({{0, 8}, {16, 8}});
    Args args = contiguous_of(9 * 4096);
    EXPECT_EQ(create(world, args), no_memory);
    args = mdl_of(9 * 4096);
    EXPECT_EQ(create(world, args), STATUS_SUCCESS) << "scattered pages are enough for an MDL";
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

TEST(Create, NeverUsesFrameZero) {
    World world({{0, 4}});
    Args args = mdl_of(3 * 4096);
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    EXPECT_EQ(world.frames.owned, (std::set<std::uint64_t>{1, 2, 3}));
    world.destroy(args.hPhysicalMemoryObject, nullptr);
    args = mdl_of(4 * 4096);
    EXPECT_EQ(create(world, args), STATUS_INSUFFICIENT_RESOURCES);
}

TEST(CreateMdl, StaysInItsWindowOfWholePages) {
    World world;
    Args args = mdl_of(2 * 4096);
    args.Mdl.LowAddress = at(0x10001);
    args.Mdl.HighAddress = at(0x13000);  // the first byte of page 0x13: that page is not inside
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    EXPECT_EQ(world.frames.owned, (std::set<std::uint64_t>{0x11, 0x12}));
    world.destroy(args.hPhysicalMemoryObject, nullptr);
    args.Size = 3 * 4096;
    EXPECT_EQ(create(world, args), STATUS_INSUFFICIENT_RESOURCES) << "without SkipBytes there is no second window";
}

TEST(CreateMdl, GoesOnInWindowsSkipBytesApart) {
    World world({{0, 0x1000}});
    Args args = mdl_of(5 * 4096);
    args.Mdl.LowAddress = at(0x10000);
    args.Mdl.HighAddress = at(0x11fff);
    args.Mdl.SkipBytes = at(0x100000);
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    EXPECT_EQ(world.frames.owned.count(0x10) + world.frames.owned.count(0x11), 2u);
    EXPECT_EQ(world.frames.owned.count(0x110) + world.frames.owned.count(0x111), 2u);
    EXPECT_EQ(world.frames.owned.count(0x210) + world.frames.owned.count(0x211), 1u);
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

TEST(CreateMdl, GivesEverythingBackWhenAllWindowsAreNotEnough) {
    World world({{0, 0x1000}});
    Args args = mdl_of(100 * 4096);
    args.Mdl.LowAddress = at(0x10000);
    args.Mdl.HighAddress = at(0x11fff);
    args.Mdl.SkipBytes = at(0x100000);
    EXPECT_EQ(create(world, args), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(world.frames.pool.free_pages(), 0x1000u);
}

TEST(CreateMdl, SearchesABoundedNumberOfWindows) {
    World world({{0, 0x1000}, {1ull << 40, 1}});  // memory up to 4 PiB, nearly all of it hole
    Args args = mdl_of(0x1001 * 4096ull);
    args.Mdl.HighAddress = at(0xffff);
    args.Mdl.SkipBytes = at(0x20000);
    EXPECT_EQ(create(world, args), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_LT(world.frames.requests.size(), 20000u);
}

TEST(CreateMdl, AllocatesContiguousChunksThatAreAligned) {
    World world;
    Args args = mdl_of(8 * 16 * KiB);
    args.Mdl.SkipBytes = at(16 * KiB);
    args.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS | MM_ALLOCATE_FULLY_REQUIRED;
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    for (unsigned chunk = 0; chunk < 8; ++chunk) {
        const PhysicalPage first = world.dxgkrnl->frame(args.hPhysicalMemoryObject, chunk * 4);
        EXPECT_EQ(first.number % 4, 0u);
        for (unsigned i = 1; i < 4; ++i)
            EXPECT_EQ(world.dxgkrnl->frame(args.hPhysicalMemoryObject, chunk * 4 + i), first + i);
    }
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

TEST(CreateMdl, IsOneChunkWhenSkipBytesIsZero) {
    World world;
    Args args = mdl_of(5 * 4096);
    args.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    const PhysicalPage first = world.dxgkrnl->frame(args.hPhysicalMemoryObject, 0);
    EXPECT_EQ(world.dxgkrnl->frame(args.hPhysicalMemoryObject, 4), first + 4);
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

TEST(CreateMdl, MayHave4GiBMinusAPage) {
    World world({{0, 0x200000}});
    world.frames.scatters = false;
    Args args = mdl_of(4 * GiB - 4096);
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    EXPECT_EQ(world.dxgkrnl->page_count(args.hPhysicalMemoryObject), 0xfffffu);
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

TEST(CreateContiguous, KeepsLimitsAndBoundary) {
    World world;
    Args args = contiguous_of(64 * KiB);
    args.ContiguousMemory.LowestAcceptableAddress = at(1 * MiB);
    args.ContiguousMemory.HighestAcceptableAddress = at(2 * MiB - 1 - 8 * KiB);
    args.ContiguousMemory.BoundaryAddressMultiple = at(64 * KiB);
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    const std::uint64_t first = world.dxgkrnl->frame(args.hPhysicalMemoryObject, 0).number;
    EXPECT_EQ(first % 16, 0u);
    EXPECT_GE(first, 0x100u);
    EXPECT_LE(first + 15, 0x1fdu);
    for (unsigned i = 1; i < 16; ++i) EXPECT_EQ(world.dxgkrnl->frame(args.hPhysicalMemoryObject, i).number, first + i);
    world.destroy(args.hPhysicalMemoryObject, nullptr);
    args.Size = 68 * KiB;
    EXPECT_EQ(create(world, args), STATUS_NO_MEMORY) << "it would cross the boundary";
}

TEST(CreateIoSpace, WrapsTheRangeWithoutTakingFrames) {
    World world;
    Args args = io_space_of(0xe000'0000, 16 * MiB);
    ASSERT_EQ(create(world, args), STATUS_SUCCESS);
    EXPECT_TRUE(world.frames.owned.empty());
    EXPECT_EQ(world.dxgkrnl->page_count(args.hPhysicalMemoryObject), 4096u);
    EXPECT_EQ(world.dxgkrnl->frame(args.hPhysicalMemoryObject, 5).number, 0xe0005u);
    world.destroy(args.hPhysicalMemoryObject, nullptr);
}

TEST(CreateIoSpace, OverlapWithAnotherCacheTypeIsReported) {
    World world;
    Args first = io_space_of(0xe000'0000, 64 * KiB);
    Args same = io_space_of(0xe000'f000, 64 * KiB);
    Args apart = io_space_of(0xe002'0000, 64 * KiB);
    Args other = io_space_of(0xdfff'f000, 8 * KiB);
    apart.CacheType = other.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    ASSERT_EQ(create(world, first), STATUS_SUCCESS);
    ASSERT_EQ(world.dxgkrnl->create(&same), STATUS_SUCCESS);
    ASSERT_EQ(world.dxgkrnl->create(&apart), STATUS_SUCCESS);
    EXPECT_TRUE(world.reports.kept.empty());
    ASSERT_EQ(world.dxgkrnl->create(&other), STATUS_SUCCESS);
    EXPECT_TRUE(world.reported(Check::MixedCacheTypes));
    for (const Args* args : {&first, &same, &apart, &other}) world.destroy(args->hPhysicalMemoryObject, nullptr);
}

}  // namespace
}  // namespace remap::callbacks::tests
