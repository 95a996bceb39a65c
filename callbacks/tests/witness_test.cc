// SPDX-License-Identifier: MIT
// What a witness is told of a driver's calls, in order, with numbers that match.
#include "callbacks/core/witness.h"

#include "callbacks/dxgkcb.h"
#include "callbacks/names/names.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace remap::callbacks::tests {
namespace {

using Lines = std::vector<std::string>;

template <typename... Values>
std::string line(const char* format, Values... values) {
    char text[200];
    std::snprintf(text, sizeof text, format, values...);
    return text;
}

std::string runs_of(const FrameList& frames, std::uint64_t pages) {
    std::string text;
    frames.for_each_run(0, pages, [&](FrameRun run) {
        text += line(" %llx+%llx", static_cast<unsigned long long>(run.first.number),
                     static_cast<unsigned long long>(run.pages));
        return true;
    });
    return text;
}

// Keeps what it is told as lines of text, and who reaches what.
class KeptWitness final : public Witness {
public:
    void call_began(const Caller& caller) override {
        lines.push_back(line("> %s", name_of(caller.callback)));
        callers.push_back(caller.address);
    }
    void call_ended(const Caller& caller, NTSTATUS status, std::uint64_t object) override {
        lines.push_back(line("< %s %x, %u", name_of(caller.callback), static_cast<unsigned>(status), u(object)));
    }
    void object_made(const WitnessedObject& object, const FrameList& frames) override {
        add("made", object, runs_of(frames, object.pages));
    }
    void object_moved(const WitnessedObject& object, const FrameList& left, const FrameList& frames) override {
        add("moved", object, runs_of(left, left.size()) + " to" + runs_of(frames, object.pages));
    }
    void object_ended(const WitnessedObject& object) override { add("ended", object, ""); }
    void mapped(const WitnessedReach& reach) override {
        for (const std::uint16_t source : reach.sources)
            lines.push_back(
                line("map %x %x -> %x, %u", source, u(reach.first.number), u(reach.to.number), u(reach.object)) +
                line("+%x", u(reach.pages)));
    }
    void unmapped(const WitnessedReach& reach) override {
        for (const std::uint16_t source : reach.sources)
            lines.push_back(line("unmap %x %x+%x, %u", source, u(reach.first.number), u(reach.pages), u(reach.object)));
    }
    void view_made(const LiveView& view, const FrameList& frames, std::uint64_t first) override {
        lines.push_back(
            line("view %u pages of %x, %u", u(view.pages), u(frames[first].number), u(view.origin.object.number)));
    }
    void view_ended(const LiveView& view) override {
        lines.push_back(line("view ended, %u", u(view.origin.object.number)));
    }

    Lines take() {
        callers.clear();
        return std::exchange(lines, {});
    }

    Lines lines;
    std::vector<const void*> callers;

private:
    static unsigned u(std::uint64_t number) { return static_cast<unsigned>(number); }
    void add(const char* what, const WitnessedObject& object, const std::string& runs) {
        EXPECT_NE(object.subject.handle, 0u);
        EXPECT_NE(object.subject.number, 0u);
        lines.push_back(line("%s %u %s, %u pages, context %x", what, u(object.subject.number), name_of(object.sort),
                             u(object.pages), u(object.subject.context)) +
                        runs);
    }
};

struct Witnessed : testing::Test {
    Witnessed() { begin({}); }

    void begin(const VerifierOptions& verifier) {
        world.frames.scatters = false;
        world.dxgkrnl = std::make_unique<Dxgkrnl>(
            Ports{world.frames, world.views, world.execution, world.reports, &witness}, verifier);
        world.views.audit.set_witness(&witness);
    }
    ~Witnessed() override { world.dxgkrnl.reset(); }

    NTSTATUS create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args) {
        const NTSTATUS status = world.dxgkrnl->create(&args);
        object = args.hPhysicalMemoryObject;
        opened = args.hAdapterMemoryObject;
        return status;
    }

    KeptWitness witness;  // outlives the world
    World world;
    HANDLE object = nullptr;
    HANDLE opened = nullptr;
};

TEST_F(Witnessed, SessionIsToldInOrderWithNumbersThatMatch) {
    const HANDLE adapter = world.start_remapping();
    EXPECT_EQ(witness.take(), (Lines{"> adapter start", "< adapter start 0, 0"}));

    ASSERT_EQ(create(contiguous_of(3 * 4096, adapter)), STATUS_SUCCESS);
    const unsigned frame = static_cast<unsigned>(world.dxgkrnl->frame(object, 0).number);
    const std::string runs = line(" %x+3", frame);
    EXPECT_EQ(witness.take(),
              (Lines{"> DxgkCbCreatePhysicalMemoryObject", "made 1 contiguous memory, 3 pages, context c0ffee" + runs,
                     "< DxgkCbCreatePhysicalMemoryObject 0, 1"}));

    DXGKARGCB_MAP_PHYSICAL_MEMORY mapped{};
    ASSERT_EQ(world.map(object, 4096, 8192, &mapped), STATUS_SUCCESS);
    EXPECT_EQ(witness.take(), (Lines{"> DxgkCbMapPhysicalMemory", line("view 2 pages of %x, 1", frame + 1),
                                     "< DxgkCbMapPhysicalMemory 0, 1"}));

    DXGK_ADL* adl = nullptr;
    ASSERT_EQ(world.allocate_adl(opened, 0, 3 * 4096, prefer_contiguous, &adl), STATUS_SUCCESS);
    const unsigned page = static_cast<unsigned>(adl->BasePageNumber);
    EXPECT_EQ(witness.take(),
              (Lines{"> DxgkCbAllocateAdl", line("map 10 %x -> %x, 1+3", page, frame), "< DxgkCbAllocateAdl 0, 1"}));

    world.free_adl(opened, adl);
    world.unmap(object, mapped.pMappedAddress, mapped.Size);
    world.destroy(object, opened);
    EXPECT_EQ(
        witness.take(),
        (Lines{"> DxgkCbFreeAdl", line("unmap 10 %x+3, 1", page), "< DxgkCbFreeAdl 0, 1", "> DxgkCbUnmapPhysicalMemory",
               "view ended, 1", "< DxgkCbUnmapPhysicalMemory 0, 1", "> DxgkCbDestroyPhysicalMemoryObject",
               "ended 1 contiguous memory, 3 pages, context c0ffee", "< DxgkCbDestroyPhysicalMemoryObject 0, 1"}));
}

TEST_F(Witnessed, NumbersAreNotUsedTwice) {
    for (const char* number : {"made 1 ", "made 2 ", "made 3 "}) {
        ASSERT_EQ(create(contiguous_of(4096)), STATUS_SUCCESS);
        EXPECT_EQ(witness.lines.at(1).rfind(number, 0), 0u) << witness.lines.at(1);
        world.destroy(object, nullptr);
        witness.take();
    }
}

TEST_F(Witnessed, AllDevicesOfAChainReachWhatTheirAdapterReaches) {
    world.dma.devices = {0x10, 0x18};
    const HANDLE adapter = world.start((std::uint64_t{1} << 40) - 1, true, 2);
    ASSERT_EQ(create(contiguous_of(4096, adapter)), STATUS_SUCCESS);
    DXGK_ADL* adl = nullptr;
    witness.take();
    ASSERT_EQ(world.allocate_adl(opened, 0, 4096, prefer_contiguous, &adl), STATUS_SUCCESS);
    EXPECT_EQ(witness.lines.size(), 4u);
    EXPECT_EQ(witness.lines.at(1).rfind("map 10 ", 0), 0u);
    EXPECT_EQ(witness.lines.at(2).rfind("map 18 ", 0), 0u);
    world.free_adl(opened, adl);
    world.destroy(object, opened);
}

TEST_F(Witnessed, CallThatFailsAfterItMadeAnObjectTellsOfBoth) {
    const HANDLE adapter = world.start_isolated();
    witness.take();
    DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{0, 4096, nullptr};
    EXPECT_EQ(world.dxgkrnl->pin_frame_buffer(adapter, &pin), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(witness.take(), (Lines{"> DxgkCbPinFrameBufferForSave", "< DxgkCbPinFrameBufferForSave c000000d, 0"}));

    world.fuse.at = world.fuse.calls + 1;  // the second request: after the frames
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY allocate{};
    allocate.NumberOfBytes = 4096;
    allocate.HighestAcceptableAddress.QuadPart = -1;
    allocate.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    EXPECT_EQ(world.dxgkrnl->allocate_contiguous(adapter, &allocate), STATUS_INSUFFICIENT_RESOURCES);
    const Lines lines = witness.take();
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_EQ(lines[1].rfind("made 1 contiguous memory (older callback), 1 pages", 0), 0u);
    EXPECT_EQ(lines[2].rfind("ended 1 ", 0), 0u);
    EXPECT_EQ(lines[3], "< DxgkCbAllocateContiguousMemory c000009a, 1");
}

TEST_F(Witnessed, OlderMemoryIsAnObjectBeforeAnybodyReachesIt) {
    const HANDLE adapter = world.start_isolated();
    witness.take();
    DXGKARGCB_ALLOCATEPAGESFORMDL allocate{};
    allocate.TotalBytes = 4096;
    allocate.HighAddress.QuadPart = -1;
    allocate.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    ASSERT_EQ(world.dxgkrnl->allocate_pages(adapter, &allocate), STATUS_SUCCESS);
    Lines lines = witness.take();
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_EQ(lines[1].rfind("made 1 pages for an MDL (older callback), 1 pages, context 0", 0), 0u);
    EXPECT_EQ(lines[2].rfind("map 10 ", 0), 0u);
    EXPECT_EQ(lines[3], "< DxgkCbAllocatePagesForMdl 0, 1");

    const HANDLE memory = allocate.hMemoryHandle;
    EXPECT_EQ(world.dxgkrnl->free_older(Callback::FreePagesFromMdl, adapter, &memory), STATUS_SUCCESS);
    lines = witness.take();
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_EQ(lines[1].rfind("unmap 10 ", 0), 0u);
    EXPECT_EQ(lines[2].rfind("ended 1 ", 0), 0u);
    EXPECT_EQ(lines[3], "< DxgkCbFreePagesFromMdl 0, 1");
}

TEST_F(Witnessed, PagesOfTwoListsAreMappedOnceAndUnmappedWithTheLast) {
    const HANDLE adapter = world.start_isolated();
    ASSERT_EQ(create(contiguous_of(2 * 4096, adapter)), STATUS_SUCCESS);
    DXGK_ADL* both = nullptr;
    DXGK_ADL* second = nullptr;
    ASSERT_EQ(world.allocate_adl(opened, 0, 8192, 0, &both), STATUS_SUCCESS);
    witness.take();
    ASSERT_EQ(world.allocate_adl(opened, 4096, 4096, 0, &second), STATUS_SUCCESS);
    EXPECT_EQ(witness.take(), (Lines{"> DxgkCbAllocateAdl", "< DxgkCbAllocateAdl 0, 1"}));
    const unsigned frame = static_cast<unsigned>(world.dxgkrnl->frame(object, 0).number);
    world.free_adl(opened, both);
    EXPECT_EQ(witness.take(), (Lines{"> DxgkCbFreeAdl", line("unmap 10 %x+1, 1", frame), "< DxgkCbFreeAdl 0, 1"}));
    world.free_adl(opened, second);
    EXPECT_EQ(witness.take(), (Lines{"> DxgkCbFreeAdl", line("unmap 10 %x+1, 1", frame + 1), "< DxgkCbFreeAdl 0, 1"}));
    world.destroy(object, opened);
}

TEST_F(Witnessed, IsolationThatIsTurnedOnMapsEachListForItsObject) {
    const HANDLE adapter = world.start(world.describe(DmaMode::Physical));
    HANDLE objects[2];
    HANDLE adapter_objects[2];
    DXGK_ADL* lists[2];
    for (unsigned i = 0; i < 2; ++i) {
        ASSERT_EQ(create(contiguous_of(4096, adapter)), STATUS_SUCCESS);
        objects[i] = object;
        adapter_objects[i] = opened;
        ASSERT_EQ(world.allocate_adl(opened, 0, 4096, 0, &lists[i]), STATUS_SUCCESS);
    }
    witness.take();
    ASSERT_EQ(world.dxgkrnl->switch_domain(adapter), STATUS_SUCCESS);
    Lines wanted{"> domain switch"};
    for (unsigned i = 0; i < 2; ++i) {
        const unsigned frame = static_cast<unsigned>(world.dxgkrnl->frame(objects[i], 0).number);
        wanted.push_back(line("map 10 %x -> %x, %u+1", frame, frame, i + 1));
    }
    wanted.push_back("< domain switch 0, 0");
    Lines told = witness.take();
    std::sort(told.begin(), told.end());
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(told, wanted);
    for (unsigned i = 0; i < 2; ++i) {
        world.free_adl(adapter_objects[i], lists[i]);
        world.destroy(objects[i], adapter_objects[i]);
    }
}

TEST_F(Witnessed, ReservedRangesAreNobodysObject) {
    const ReservedRange reserved[] = {{{256 * MiB}, 8192}};
    AdapterDescription description = world.describe();
    description.reserved = reserved;
    const HANDLE adapter = world.start(description);
    EXPECT_EQ(witness.take(), (Lines{"> adapter start", "map 10 10000 -> 10000, 0+2", "< adapter start 0, 0"}));
    world.dxgkrnl->stop_adapter(adapter);
    EXPECT_EQ(witness.take(), (Lines{"> adapter stop", "unmap 10 10000+2, 0", "< adapter stop 0, 0"}));
}

TEST_F(Witnessed, MovedSectionHasOtherFrames) {
    ASSERT_EQ(create(section_of(4096)), STATUS_SUCCESS);
    const unsigned before = static_cast<unsigned>(world.dxgkrnl->frame(object, 0).number);
    DXGKARGCB_MAP_PHYSICAL_MEMORY mapped{};
    ASSERT_EQ(world.map(object, 0, 4096, &mapped), STATUS_SUCCESS);
    witness.take();
    ASSERT_EQ(world.dxgkrnl->move_pages(object), STATUS_SUCCESS);
    const unsigned frame = static_cast<unsigned>(world.dxgkrnl->frame(object, 0).number);
    EXPECT_EQ(witness.take(), (Lines{"moved 1 section, 1 pages, context c0ffee" + line(" %x+1 to %x+1", before, frame),
                                     line("view 1 pages of %x, 1", frame)}));
    world.unmap(object, mapped.pMappedAddress, mapped.Size);
    world.destroy(object, nullptr);
}

TEST_F(Witnessed, ObjectsOfATerabyteAreAsManyRunsAsTheyHave) {
    std::vector<ExtentPool::Range> memory{{1, (TiB + GiB) / 4096}};
    World large(memory);
    large.frames.scatters = false;
    large.dxgkrnl =
        std::make_unique<Dxgkrnl>(Ports{large.frames, large.views, large.execution, large.reports, &witness});
    auto args = io_space_of(4 * TiB, TiB);
    ASSERT_EQ(large.dxgkrnl->create(&args), STATUS_SUCCESS);
    EXPECT_EQ(witness.lines.at(1), "made 1 IO space, 268435456 pages, context c0ffee 40000000+10000000");
    large.destroy(args.hPhysicalMemoryObject, nullptr);
}

// A call that the machine turns down before it looks at anything is a call all the same.
TEST_F(Witnessed, EachCallbackIsToldOfWithItsCallerWhateverItIsGiven) {
    const HANDLE device = world.start_isolated();
    DXGKRNL_INTERFACE table{};
    ASSERT_EQ(bind(*world.dxgkrnl, device, DXGKDDI_INTERFACE_VERSION_WDDM3_0, &table), STATUS_SUCCESS);
    witness.take();
    table.DxgkCbCreatePhysicalMemoryObject(nullptr);
    table.DxgkCbDestroyPhysicalMemoryObject(nullptr);
    table.DxgkCbMapPhysicalMemory(nullptr);
    table.DxgkCbUnmapPhysicalMemory(nullptr);
    table.DxgkCbAllocateAdl(nullptr);
    table.DxgkCbFreeAdl(nullptr);
    table.DxgkCbOpenPhysicalMemoryObject(nullptr);
    table.DxgkCbClosePhysicalMemoryObject(nullptr);
    table.DxgkCbAllocateContiguousMemory(device, nullptr);
    table.DxgkCbFreeContiguousMemory(device, nullptr);
    table.DxgkCbAllocatePagesForMdl(device, nullptr);
    table.DxgkCbFreePagesFromMdl(device, nullptr);
    table.DxgkCbMapMdlToIoMmu(device, nullptr);
    table.DxgkCbUnmapMdlFromIoMmu(device, nullptr);
    table.DxgkCbPinFrameBufferForSave(device, nullptr);
    table.DxgkCbUnpinFrameBufferForSave(device, nullptr);
    table.DxgkCbMapFrameBufferPointer(device, nullptr);
    table.DxgkCbUnmapFrameBufferPointer(device, nullptr);
    table.DxgkCbPinFrameBufferForSave2(device, nullptr);
    world.reports.kept.clear();
    release(*world.dxgkrnl);

    ASSERT_EQ(witness.lines.size(), 2 * callback_count);
    for (unsigned i = 0; i < callback_count; ++i) {
        const char* name = name_of(static_cast<Callback>(i));
        EXPECT_EQ(witness.lines[2 * i], line("> %s", name));
        EXPECT_EQ(witness.lines[2 * i + 1], line("< %s c000000d, 0", name));
        EXPECT_NE(witness.callers[i], nullptr);
    }
}

TEST_F(Witnessed, ArgumentsThatMakeNoSenseAreACallThatWasRefused) {
    EXPECT_EQ(create(mdl_of(0)), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(witness.take(),
              (Lines{"> DxgkCbCreatePhysicalMemoryObject", "< DxgkCbCreatePhysicalMemoryObject c000000d, 0"}));
}

TEST_F(Witnessed, LookForRefusedAccessesIsNoCall) {
    const HANDLE adapter = world.start_remapping();
    witness.take();
    world.dxgkrnl->check_dma(adapter);
    EXPECT_EQ(witness.take(), Lines());
}

TEST_F(Witnessed, WhatADriverLeftEndsWithTheMachine) {
    const HANDLE adapter = world.start_remapping();
    ASSERT_EQ(create(contiguous_of(4096, adapter)), STATUS_SUCCESS);
    DXGK_ADL* adl = nullptr;
    ASSERT_EQ(world.allocate_adl(opened, 0, 4096, prefer_contiguous, &adl), STATUS_SUCCESS);
    const unsigned page = static_cast<unsigned>(adl->BasePageNumber);
    witness.take();
    world.dxgkrnl.reset();
    world.reports.kept.clear();
    EXPECT_EQ(witness.take(),
              (Lines{line("unmap 10 %x+1, 1", page), "ended 1 contiguous memory, 1 pages, context c0ffee"}));
}

// ---- names ---------------------------------------------------------------------------------------------------------

TEST(Names, NumbersOfTracesStayWhatTheyAre) {
    EXPECT_STREQ(name_of_callback(0), "DxgkCbCreatePhysicalMemoryObject");
    EXPECT_STREQ(name_of_callback(4), "DxgkCbAllocateAdl");
    EXPECT_STREQ(name_of_callback(18), "DxgkCbPinFrameBufferForSave2");
    EXPECT_STREQ(name_of_callback(64), "adapter start");
    EXPECT_STREQ(name_of_sort(1), "MDL");
    EXPECT_STREQ(name_of_sort(19), "frame buffer save area");
}

TEST(Names, AnyNumberIsWelcome) {
    for (const std::uint64_t number : {19ull, 63ull, 200ull, 256ull, ~0ull}) {
        EXPECT_STREQ(name_of_callback(number), "?");
        EXPECT_STREQ(name_of_sort(number), number == 19 ? "frame buffer save area" : "?");
    }
    for (unsigned i = 0; i < callback_count; ++i) EXPECT_STRNE(name_of_callback(i), "?");
}

}  // namespace
}  // namespace remap::callbacks::tests
