// SPDX-License-Identifier: MIT
// What is not part of a driver's usual sequence, with each request to a port, and each allocation of memory, failing in
// turn: the older callbacks, the start of adapters, the switch to isolation, sections that move.
#include "callbacks/tests/failing_memory.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <optional>

namespace remap::callbacks::tests {
namespace {

// What the machine has given, and what the adapter reaches.
struct Taken {
    explicit Taken(const World& world)
        : frames(world.frames.owned),
          views(world.views.live.size()),
          table(world.dma.table),
          attached(world.dma.attached) {}
    bool operator==(const Taken&) const = default;

    std::set<std::uint64_t> frames;
    std::size_t views;
    std::map<std::uint64_t, std::uint64_t> table;
    Attachment attached;
};

// Calls `act()` with its first request failing, then its second, until none fails any more; then the same with its
// allocations. A call that fails has changed nothing; `undo()` takes back what one has done that did not. How many
// failed.
template <typename Act, typename Undo>
unsigned fail_each(World& world, Act act, Undo undo, NTSTATUS expected = STATUS_INSUFFICIENT_RESOURCES) {
    unsigned failures = 0;
    for (const bool of_memory : {false, true}) {
        for (std::int64_t at = 0; at < 1000; ++at) {
            const Taken before(world);
            world.fuse = {.calls = 0, .at = of_memory ? -1 : at};
            std::optional<FailingMemory> memory(of_memory ? at : 1'000'000);
            const NTSTATUS status = act();
            const bool blew = of_memory ? memory->failed() : world.fuse.calls > at;
            memory.reset();
            world.fuse = {};
            EXPECT_TRUE(blew || status == STATUS_SUCCESS) << std::hex << status;
            if (NT_SUCCESS(status)) {
                undo();
            } else {
                ++failures;
                const bool allowed = status == STATUS_INSUFFICIENT_RESOURCES || status == expected;
                EXPECT_TRUE(allowed) << std::hex << status << (of_memory ? ", allocation " : ", request ") << at;
            }
            EXPECT_TRUE(Taken(world) == before) << (of_memory ? "allocation " : "request ") << at;
            EXPECT_TRUE(world.reports.kept.empty());
            world.reports.kept.clear();
            if (!blew) break;
        }
    }
    return failures;
}

// ---- the older callbacks, in both modes ----------------------------------------------------------------------------

class UnwindOlder : public testing::TestWithParam<DmaMode> {
protected:
    UnwindOlder() {
        AdapterDescription description = world.describe(GetParam());
        description.frame_buffer_save = {&save, 1};
        adapter = world.start(description);
    }
    bool isolated() const { return GetParam() == DmaMode::Isolation; }

    World world;
    const std::uint64_t save = 16 * page_size;
    HANDLE adapter = nullptr;
};

TEST_P(UnwindOlder, ContiguousMemory) {
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY args{};
    const auto act = [&] {
        args = {};
        args.NumberOfBytes = 8 * page_size;
        args.HighestAcceptableAddress.QuadPart = -1;
        args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
        const NTSTATUS status = world.dxgkrnl->allocate_contiguous(adapter, &args);
        EXPECT_EQ(args.hMemoryHandle != nullptr && args.pMemory != nullptr, NT_SUCCESS(status));
        return status;
    };
    const auto undo = [&] {
        EXPECT_EQ(world.dxgkrnl->free_older(Callback::FreeContiguousMemory, adapter, &args.hMemoryHandle),
                  STATUS_SUCCESS);
    };
    EXPECT_GE(fail_each(world, act, undo, STATUS_NO_MEMORY), isolated() ? 6u : 5u);
}

TEST_P(UnwindOlder, PagesForAnMdl) {
    DXGKARGCB_ALLOCATEPAGESFORMDL args{};
    const auto act = [&] {
        args = {};
        args.TotalBytes = 8 * page_size;
        args.HighAddress.QuadPart = -1;
        args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
        const NTSTATUS status = world.dxgkrnl->allocate_pages(adapter, &args);
        EXPECT_EQ(args.hMemoryHandle != nullptr && args.pMdl != nullptr, NT_SUCCESS(status));
        return status;
    };
    const auto undo = [&] {
        EXPECT_EQ(world.dxgkrnl->free_older(Callback::FreePagesFromMdl, adapter, &args.hMemoryHandle), STATUS_SUCCESS);
    };
    EXPECT_GE(fail_each(world, act, undo), isolated() ? 20u : 5u);  // scattered: each page is mapped by itself
}

TEST_P(UnwindOlder, AnMdlOfTheDriver) {
    auto create = mdl_of(8 * page_size);
    ASSERT_EQ(world.dxgkrnl->create(&create), STATUS_SUCCESS);
    struct {
        MDL mdl{};
        PFN_NUMBER pages[8];
    } list;
    list.mdl.MdlFlags = MDL_PAGES_LOCKED;
    list.mdl.ByteCount = 8 * page_size;
    for (unsigned i = 0; i < 8; ++i) list.pages[i] = world.dxgkrnl->frame(create.hPhysicalMemoryObject, i).number;
    DXGKARGCB_MAPMDLTOIOMMU args{};
    const auto act = [&] {
        args = {&list.mdl, nullptr};
        return world.dxgkrnl->map_mdl(adapter, &args);
    };
    const auto undo = [&] {
        EXPECT_EQ(world.dxgkrnl->free_older(Callback::UnmapMdlFromIoMmu, adapter, &args.hMemoryHandle), STATUS_SUCCESS);
    };
    EXPECT_GE(fail_each(world, act, undo), isolated() ? 18u : 3u);
    world.destroy(create.hPhysicalMemoryObject, nullptr);
}

TEST_P(UnwindOlder, ThePinnedSaveArea) {
    const auto act = [&] {
        DXGKARGCB_PINFRAMEBUFFERFORSAVE args{0, 8 * page_size, nullptr};
        return world.dxgkrnl->pin_frame_buffer(adapter, &args);
    };
    const auto undo = [&] {
        EXPECT_EQ(world.dxgkrnl->end_frame_buffer(Callback::UnpinFrameBufferForSave, adapter, 0, nullptr),
                  STATUS_SUCCESS);
    };
    EXPECT_GE(fail_each(world, act, undo), isolated() ? 18u : 4u);
}

TEST_P(UnwindOlder, AViewOfTheSaveArea) {
    DXGKARGCB_MAPFRAMEBUFFERPOINTER args{};
    const auto act = [&] {
        args = {0, 4 * page_size, 8 * page_size, nullptr};
        return world.dxgkrnl->map_frame_buffer(adapter, &args);
    };
    const auto undo = [&] {
        EXPECT_EQ(world.dxgkrnl->end_frame_buffer(Callback::UnmapFrameBufferPointer, adapter, 0, args.pBaseAddress),
                  STATUS_SUCCESS);
    };
    EXPECT_GE(fail_each(world, act, undo), 2u);
}

INSTANTIATE_TEST_SUITE_P(Modes, UnwindOlder, testing::Values(DmaMode::Physical, DmaMode::Isolation),
                         [](const auto& info) { return info.param == DmaMode::Physical ? "Physical" : "Isolation"; });

// ---- adapters ------------------------------------------------------------------------------------------------------

class UnwindModes : public testing::TestWithParam<DmaMode> {};

TEST_P(UnwindModes, AStartWithSaveAreasAndReservedRangesIsUndone) {
    World world;
    const std::vector<PhysicalAddress> visible(2, PhysicalAddress{~0ull});
    const std::vector<std::uint64_t> save{4 * page_size, 4 * page_size};
    const std::vector<ReservedRange> reserved{{{0xe000'0000}, 0x10000}, {{0xe100'0000}, 0x3000}};
    AdapterDescription description = world.describe(GetParam());
    description.highest_visible = visible;
    description.frame_buffer_save = save;
    description.reserved = reserved;
    const auto act = [&] { return world.dxgkrnl->start_adapter(description, world.handles); };
    const auto undo = [&] { world.dxgkrnl->stop_adapter(world.handles[0]); };
    world.dma.attached = Attachment::Nothing;
    EXPECT_GE(fail_each(world, act, undo), GetParam() == DmaMode::Physical ? 4u : 8u);
}

INSTANTIATE_TEST_SUITE_P(Modes, UnwindModes, testing::Values(DmaMode::Physical, DmaMode::Isolation, DmaMode::Remapping),
                         [](const auto& info) {
                             return info.param == DmaMode::Physical    ? "Physical"
                                    : info.param == DmaMode::Isolation ? "Isolation"
                                                                       : "Remapping";
                         });

class UnwindSwitch : public testing::TestWithParam<bool> {};

TEST_P(UnwindSwitch, AnAdapterWithManyListsIsAsItWas) {
    const bool of_memory = GetParam();
    World world;
    const std::vector<ReservedRange> reserved{{{0xe000'0000}, 0x10000}};
    AdapterDescription description = world.describe(DmaMode::Physical);
    description.reserved = reserved;
    const HANDLE adapter = world.start(description);
    auto args = contiguous_of(64 * page_size, adapter);
    ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
    std::vector<DXGK_ADL*> lists(30);
    for (std::uint64_t i = 0; i < lists.size(); ++i)
        ASSERT_EQ(world.allocate_adl(args.hAdapterMemoryObject, i * 2 * page_size, 3 * page_size, i % 3, &lists[i]),
                  STATUS_SUCCESS);
    DXGKARGCB_ALLOCATEPAGESFORMDL pages{};
    pages.TotalBytes = 8 * page_size;
    pages.HighAddress.QuadPart = -1;
    pages.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    ASSERT_EQ(world.dxgkrnl->allocate_pages(adapter, &pages), STATUS_SUCCESS);

    for (std::int64_t at = 0;; ++at) {
        world.fuse = {.calls = 0, .at = of_memory ? -1 : at};
        std::optional<FailingMemory> memory(of_memory ? at : 1'000'000);
        const NTSTATUS status = world.dxgkrnl->switch_domain(adapter);
        const bool blew = of_memory ? memory->failed() : world.fuse.calls > at;
        memory.reset();
        world.fuse = {};
        if (!blew) {
            EXPECT_EQ(status, STATUS_SUCCESS);
            EXPECT_GE(at, 30);
            break;
        }
        if (status == STATUS_DEVICE_CONFIGURATION_ERROR)
            EXPECT_TRUE(world.reported(Check::ReattachFailed));
        else
            EXPECT_EQ(status, STATUS_INSUFFICIENT_RESOURCES) << at;
        EXPECT_EQ(world.dxgkrnl->mode(adapter), DmaMode::Physical);
        EXPECT_EQ(world.dma.attached, Attachment::Untranslated);
        EXPECT_TRUE(world.dma.table.empty());
    }
    EXPECT_EQ(world.dxgkrnl->mode(adapter), DmaMode::Isolation);
    EXPECT_EQ(world.dma.table.size(), 61u + 8u + 16u);
    ASSERT_EQ(world.dxgkrnl->free_older(Callback::FreePagesFromMdl, adapter, &pages.hMemoryHandle), STATUS_SUCCESS);
    for (DXGK_ADL* list : lists) world.free_adl(args.hAdapterMemoryObject, list);
    EXPECT_EQ(world.dma.table.size(), 16u);
    world.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
}

INSTANTIATE_TEST_SUITE_P(Of, UnwindSwitch, testing::Bool(),
                         [](const auto& info) { return info.param ? "Allocations" : "Requests"; });

TEST(UnwindMoves, PagesThatCannotMoveStay) {
    World world;
    auto args = section_of(16 * page_size, world.start_remapping());
    ASSERT_EQ(world.dxgkrnl->create(&args), STATUS_SUCCESS);
    DXGK_ADL* adl = nullptr;
    ASSERT_EQ(world.allocate_adl(args.hAdapterMemoryObject, 4 * page_size, 4 * page_size, 0, &adl), STATUS_SUCCESS);
    DXGKARGCB_MAP_PHYSICAL_MEMORY view{};
    ASSERT_EQ(world.map(args.hPhysicalMemoryObject, 0, 16 * page_size, &view), STATUS_SUCCESS);
    const auto frames = [&] {
        std::vector<std::uint64_t> result;
        for (unsigned i = 0; i < 16; ++i) result.push_back(world.dxgkrnl->frame(args.hPhysicalMemoryObject, i).number);
        return result;
    };
    unsigned failures = 0;
    for (const bool of_memory : {false, true}) {
        for (std::int64_t at = 0;; ++at) {
            const auto before = frames();
            world.fuse = {.calls = 0, .at = of_memory ? -1 : at};
            std::optional<FailingMemory> memory(of_memory ? at : 1'000'000);
            const NTSTATUS status = world.dxgkrnl->move_pages(args.hPhysicalMemoryObject);
            const bool blew = of_memory ? memory->failed() : world.fuse.calls > at;
            memory.reset();
            world.fuse = {};
            failures += !NT_SUCCESS(status);
            EXPECT_EQ(frames() == before, !NT_SUCCESS(status));
            EXPECT_EQ(world.frames.owned.size(), 16u);
            const auto& shown = world.views.live.begin()->second;
            EXPECT_TRUE(shown.held.empty());
            for (unsigned i = 0; i < 16; ++i) EXPECT_EQ(shown.frames[i].number, frames()[i]);
            if (!blew) break;
        }
    }
    EXPECT_GE(failures, 4u) << "frames, their copy, two lists of them";
    world.unmap(args.hPhysicalMemoryObject, view.pMappedAddress, view.Size);
    world.free_adl(args.hAdapterMemoryObject, adl);
    world.destroy(args.hPhysicalMemoryObject, args.hAdapterMemoryObject);
}

}  // namespace
}  // namespace remap::callbacks::tests
