// SPDX-License-Identifier: MIT
// A driver's usual sequence with each request to a port, and each allocation of memory, failing in turn: whatever was
// done is undone, and the machine goes on.
#include "callbacks/tests/failing_memory.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <optional>

namespace remap::callbacks::tests {
namespace {

struct Driver {
    HANDLE object = nullptr;
    HANDLE opened = nullptr;
    DXGK_ADL* adl = nullptr;
    DXGKARGCB_MAP_PHYSICAL_MEMORY mapped{};
};

// Create, AllocateAdl, Map. Stops at the first failure.
NTSTATUS take(World& world, DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args, UINT32 flags, Driver& driver) {
    NTSTATUS status = world.dxgkrnl->create(&args);
    driver.object = args.hPhysicalMemoryObject;
    driver.opened = args.hAdapterMemoryObject;
    if (NT_SUCCESS(status)) status = world.allocate_adl(driver.opened, 0, args.Size, flags, &driver.adl);
    if (NT_SUCCESS(status)) status = world.map(driver.object, 0, args.Size, &driver.mapped);
    return status;
}

// Unmap, FreeAdl, Destroy of what is there.
void give_back(World& world, Driver& driver) {
    if (driver.mapped.pMappedAddress != nullptr)
        world.unmap(driver.object, driver.mapped.pMappedAddress, driver.mapped.Size);
    if (driver.adl != nullptr) world.free_adl(driver.opened, driver.adl);
    if (driver.object != nullptr) world.destroy(driver.object, driver.opened);
    driver = {};
}

bool is_resource_failure(NTSTATUS status) {
    return status == STATUS_NO_MEMORY || status == STATUS_INSUFFICIENT_RESOURCES;
}

struct Sequence {
    const char* name;
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT (*args)(HANDLE adapter);
    UINT32 flags;
    DmaMode mode;
};

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT scattered(HANDLE adapter) { return mdl_of(64 * KiB, adapter); }
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT windows(HANDLE adapter) {
    auto args = mdl_of(64 * KiB, adapter);
    args.Mdl.LowAddress.QuadPart = 0x10000;
    args.Mdl.HighAddress.QuadPart = 0x14fff;
    args.Mdl.SkipBytes.QuadPart = 0x100000;
    return args;
}
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT chunks(HANDLE adapter) {
    auto args = mdl_of(64 * KiB, adapter);
    args.Mdl.SkipBytes.QuadPart = 0x4000;
    args.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
    return args;
}
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT contiguous(HANDLE adapter) { return contiguous_of(64 * KiB, adapter); }
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT section(HANDLE adapter) { return section_of(64 * KiB, adapter); }
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT io_space(HANDLE adapter) { return io_space_of(0xe000'0000, 64 * KiB, adapter); }

class Unwind : public testing::TestWithParam<Sequence> {
protected:
    HANDLE start(World& world) {
        const DmaMode mode = GetParam().mode;
        if (mode == DmaMode::Remapping) return world.start_remapping();
        return mode == DmaMode::Isolation ? world.start_isolated() : world.start_physical();
    }
};

TEST_P(Unwind, AnyRequestToAPortMayFail) {
    World world;
    const HANDLE adapter = start(world);
    bool succeeded = false;
    for (std::int64_t at = 0; !succeeded && at < 1000; ++at) {
        world.fuse = {.calls = 0, .at = at};
        Driver driver;
        const NTSTATUS status = take(world, GetParam().args(adapter), GetParam().flags, driver);
        succeeded = world.fuse.calls <= at;
        // An MDL of windows lives through a refusal by asking again.
        EXPECT_TRUE(NT_SUCCESS(status) || is_resource_failure(status)) << "request " << at;
        EXPECT_TRUE(!succeeded || NT_SUCCESS(status));
        give_back(world, driver);
        EXPECT_TRUE(world.nothing_taken()) << "request " << at;
        EXPECT_TRUE(world.reports.kept.empty()) << "request " << at;
    }
    EXPECT_TRUE(succeeded);
}

TEST_P(Unwind, AnyAllocationOfBookKeepingMayFail) {
    bool succeeded = false;
    int failures = 0;
    for (std::int64_t at = 0; !succeeded && at < 1000; ++at) {
        World world;
        const HANDLE adapter = start(world);
        Driver driver;
        NTSTATUS status = STATUS_SUCCESS;
        {
            const FailingMemory memory(at);
            status = take(world, GetParam().args(adapter), GetParam().flags, driver);
            succeeded = !memory.failed();
        }
        // One of the fake memory's own allocations is among them, and that one asks again.
        EXPECT_TRUE(NT_SUCCESS(status) || is_resource_failure(status)) << "allocation " << at;
        EXPECT_TRUE(!succeeded || NT_SUCCESS(status)) << "allocation " << at;
        failures += !NT_SUCCESS(status);
        give_back(world, driver);
        EXPECT_TRUE(world.nothing_taken()) << "allocation " << at;
        EXPECT_TRUE(world.reports.kept.empty()) << "allocation " << at;
    }
    EXPECT_TRUE(succeeded);
    EXPECT_GE(failures, 5) << "object, frames, opening, list, view each need memory";
}

INSTANTIATE_TEST_SUITE_P(
    Sequences, Unwind,
    testing::Values(Sequence{"ScatteredRemapped", scattered, prefer_contiguous, DmaMode::Remapping},
                    Sequence{"ScatteredRemappedAsArray", scattered, 0, DmaMode::Remapping},
                    Sequence{"ScatteredPhysical", scattered, 0, DmaMode::Physical},
                    Sequence{"WindowsRemapped", windows, 0, DmaMode::Remapping},
                    Sequence{"ChunksPhysical", chunks, 0, DmaMode::Physical},
                    Sequence{"ContiguousRemapped", contiguous, require_contiguous, DmaMode::Remapping},
                    Sequence{"ContiguousPhysical", contiguous, require_contiguous, DmaMode::Physical},
                    Sequence{"SectionRemapped", section, prefer_contiguous, DmaMode::Remapping},
                    Sequence{"IoSpaceRemapped", io_space, require_contiguous, DmaMode::Remapping},
                    Sequence{"ScatteredIsolated", scattered, 0, DmaMode::Isolation},
                    Sequence{"ContiguousIsolated", contiguous, require_contiguous, DmaMode::Isolation},
                    Sequence{"SectionIsolated", section, prefer_contiguous, DmaMode::Isolation},
                    Sequence{"IoSpaceIsolated", io_space, 0, DmaMode::Isolation}),
    [](const auto& info) { return info.param.name; });

// The logical space is full of holes, so that a list has several runs, and any request of the domain may fail.
TEST(UnwindAdl, AListOfSeveralRunsIsUndone) {
    World world;
    const HANDLE adapter = world.start(16 * 4096 - 1, true);
    auto args = contiguous_of(16 * 4096, adapter);
    ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
    const HANDLE opened = args.hAdapterMemoryObject;
    DXGK_ADL* single[15];
    for (auto& list : single) ASSERT_EQ(world.allocate_adl(opened, 0, 4096, prefer_contiguous, &list), STATUS_SUCCESS);
    for (unsigned i = 0; i < 15; i += 2) world.free_adl(opened, single[i]);
    for (std::int64_t at = 0; at < 8; ++at) {
        world.fuse = {.calls = 0, .at = at};
        DXGK_ADL* adl = nullptr;
        EXPECT_EQ(world.allocate_adl(opened, 0, 8 * 4096, 0, &adl), STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(world.dma.table.size(), 7u);
    }
    for (std::int64_t at = 0;; ++at) {
        DXGK_ADL* adl = nullptr;
        world.fuse = {};
        std::optional<FailingMemory> memory(at);
        const NTSTATUS status = world.allocate_adl(opened, 0, 8 * 4096, 0, &adl);
        const bool blew = memory->failed();
        memory.reset();
        // A request that finds no logical pages is made again when all that are kept out of use are back.
        EXPECT_TRUE(NT_SUCCESS(status) || blew);
        EXPECT_EQ(world.dma.table.size(), NT_SUCCESS(status) ? 15u : 7u);
        if (NT_SUCCESS(status)) world.free_adl(opened, adl);
        if (!blew) break;
    }
    for (unsigned i = 1; i < 15; i += 2) world.free_adl(opened, single[i]);
    world.destroy(args.hPhysicalMemoryObject, opened);
}

TEST(UnwindStart, AnAdapterThatCannotStartLeavesNothing) {
    World world;
    for (std::int64_t at = 0;; ++at) {
        const std::vector<PhysicalAddress> visible(8, PhysicalAddress{~0ull});
        AdapterDescription description = world.describe();
        description.highest_visible = visible;
        std::optional<FailingMemory> memory(at);
        const NTSTATUS status = world.dxgkrnl->start_adapter(description, world.handles);
        const bool blew = memory->failed();
        memory.reset();
        EXPECT_EQ(status, blew ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
        if (!blew) break;
    }
}

TEST(UnwindMachine, AMachineWithoutMemoryRefusesEverything) {
    Fuse fuse;
    FakeFrames frames(fuse, {{0, 16}});
    FakeExecution execution;
    FakeViews views(fuse, execution);
    FakeReports reports;
    std::optional<FailingMemory> memory(0);
    Dxgkrnl dxgkrnl(Ports{frames, views, execution, reports});
    memory.reset();
    auto create = mdl_of(4096);
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
    DXGKARGCB_ALLOCATE_ADL adl{};
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{};
    HANDLE handle = nullptr;
    EXPECT_EQ(dxgkrnl.start_adapter({}, &handle), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(dxgkrnl.create(&create), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(dxgkrnl.map(&map), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(dxgkrnl.allocate_adl(&adl), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(dxgkrnl.open(&open), STATUS_INSUFFICIENT_RESOURCES);
    dxgkrnl.destroy(nullptr);
    dxgkrnl.unmap(nullptr);
    dxgkrnl.free_adl(nullptr);
    dxgkrnl.close(nullptr);
    dxgkrnl.stop_adapter(nullptr);
    EXPECT_FALSE(dxgkrnl.remaps(nullptr));
    EXPECT_EQ(dxgkrnl.page_count(nullptr), 0u);
    EXPECT_EQ(dxgkrnl.frame(nullptr, 0).number, 0u);
    EXPECT_FALSE(dxgkrnl.frame_behind(nullptr, 0).ok());
}

}  // namespace
}  // namespace remap::callbacks::tests
