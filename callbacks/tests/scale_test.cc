// SPDX-License-Identifier: MIT
// A million live objects: no operation takes longer for what else there is. The bounds are generous; an operation that
// looked at each live object would take hours.
#include "callbacks/core/frame_pool.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <random>

namespace remap::callbacks::tests {
namespace {

// Ports that only count.
class PooledFrames final : public FramePort {
public:
    explicit PooledFrames(std::uint64_t pages) : pages_(pages) { EXPECT_TRUE(pool_.add({0}, pages)); }
    bool allocate(const FrameRequest& request, FrameList& frames) override { return pool_.allocate(request, frames); }
    void free(const FrameList& frames) override { EXPECT_TRUE(pool_.free(frames)); }
    bool copy(const FrameList&, const FrameList&) override { return true; }
    PhysicalPage highest_installed() const override { return pool_.highest_installed(); }
    bool overlaps_memory(PhysicalPage first, std::uint64_t pages) const override {
        return pool_.overlaps_memory(first, pages);
    }
    std::uint64_t taken() const { return pages_ - pool_.free_pages(); }

private:
    const std::uint64_t pages_;
    FramePool pool_;
};

class CountedViews final : public CpuViewPort {
public:
    void* map(const ViewRequest& request) override {
        ++live;
        next_ += request.pages << page_shift;
        return reinterpret_cast<void*>(next_ - (request.pages << page_shift));
    }
    void unmap(void*, std::uint64_t, std::uint64_t) override { --live; }
    void hold(void*, std::uint64_t, std::uint64_t) override {}
    void show(void*, const ViewRequest&, std::uint64_t) override {}
    std::uint64_t live = 0;

private:
    std::uint64_t next_ = 0x7000'0000'0000;
};

class CountedDma final : public DmaPort {
public:
    bool map(LogicalPage, PhysicalPage, std::uint64_t pages) override { return mapped += pages, true; }
    void unmap(LogicalPage, std::uint64_t pages) override { mapped -= pages; }
    unsigned address_width() const override { return 48; }
    bool attach(Attachment) override { return true; }
    std::optional<DmaFault> take_fault() override { return std::nullopt; }
    std::uint64_t mapped = 0;
};

struct Machine {
    Machine() : dxgkrnl(Ports{frames, views, execution, reports}) {}

    HANDLE start(DmaMode mode, std::span<const std::uint64_t> save = {}) {
        const PhysicalAddress visible{~std::uint64_t{0}};
        AdapterDescription description{.highest_visible = {&visible, 1}};
        description.iommu.DmaRemappingSupported = 1;
        description.iommu.IommuIsolationSupported = 1;
        description.map_aperture2 = true;
        description.preferred = mode;
        description.frame_buffer_save = save;
        description.dma = &dma;
        HANDLE handle = nullptr;
        EXPECT_EQ(dxgkrnl.start_adapter(description, &handle), STATUS_SUCCESS);
        EXPECT_EQ(dxgkrnl.mode(handle), mode);
        return handle;
    }

    // Nothing is left, and nothing was reported.
    void expect_empty() {
        EXPECT_EQ(frames.taken(), 0u);
        EXPECT_EQ(views.live, 0u);
        EXPECT_EQ(dma.mapped, 0u);
        for (const auto& report : reports.kept) {
            ADD_FAILURE() << report.message;
            break;
        }
    }

    PooledFrames frames{std::uint64_t{1} << 24};
    CountedViews views;
    CountedDma dma;
    FakeExecution execution;
    FakeReports reports;
    Dxgkrnl dxgkrnl;
};

std::uint64_t resident_bytes() {
    rusage usage{};
    EXPECT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return static_cast<std::uint64_t>(usage.ru_maxrss) * KiB;
}

class Stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

private:
    const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t many = 100'000;
#else
constexpr std::uint64_t many = 1'000'000;
#endif
constexpr double most_seconds = 60;

// Of each type, as long as it may be; in every form of a list.
TEST(ScaleOfSize, ObjectsOfATerabyteCostNoMoreThanTheirPieces) {
    Machine machine;
    const std::uint64_t before = resident_bytes();
    PooledFrames frames(std::uint64_t{1} << 29);  // 2 TiB
    Dxgkrnl dxgkrnl(Ports{frames, machine.views, machine.execution, machine.reports});
    const PhysicalAddress visible{~std::uint64_t{0}};
    for (const DmaMode mode : {DmaMode::Physical, DmaMode::Isolation, DmaMode::Remapping}) {
        AdapterDescription description{.highest_visible = {&visible, 1}};
        description.iommu.DmaRemappingSupported = 1;
        description.iommu.IommuIsolationSupported = 1;
        description.map_aperture2 = true;
        description.preferred = mode;
        description.dma = &machine.dma;
        HANDLE adapter = nullptr;
        ASSERT_EQ(dxgkrnl.start_adapter(description, &adapter), STATUS_SUCCESS);
        for (auto args : {mdl_of(4 * GiB - 4096, adapter), contiguous_of(1 * TiB, adapter),
                          section_of(1 * TiB, adapter), io_space_of(4 * TiB, 1 * TiB, adapter)}) {
            const Stopwatch time;
            ASSERT_EQ(dxgkrnl.create(&args), STATUS_SUCCESS) << args.Type;
            DXGKARGCB_MAP_PHYSICAL_MEMORY map{args.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, args.Size,
                                              nullptr};
            ASSERT_EQ(dxgkrnl.map(&map), STATUS_SUCCESS);
            DXGKARGCB_ALLOCATE_ADL list{};
            list.hAdapterMemoryObject = args.hAdapterMemoryObject;
            list.Size = args.Size;
            const bool together = mode == DmaMode::Remapping ||
                                  args.Type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY ||
                                  args.Type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
            if (together) {
                list.Flags.Value = prefer_contiguous;
                ASSERT_EQ(dxgkrnl.allocate_adl(&list), STATUS_SUCCESS);
                EXPECT_EQ(list.pAdl->PageCount, args.Size >> page_shift);
                EXPECT_EQ(list.pAdl->Flags.Contiguous, 1u);
                EXPECT_NE(list.pAdl->BasePageNumber, 0u);
                const DXGKARGCB_FREE_ADL free{args.hAdapterMemoryObject, list.pAdl};
                dxgkrnl.free_adl(&free);
            }
            const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{args.hPhysicalMemoryObject, map.pMappedAddress, map.Size};
            dxgkrnl.unmap(&unmap);
            const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{args.hPhysicalMemoryObject,
                                                                   args.hAdapterMemoryObject};
            dxgkrnl.destroy(&destroy);
            EXPECT_LT(time.seconds(), 2) << args.Type;
        }
        dxgkrnl.stop_adapter(adapter);
    }
    EXPECT_LT(resident_bytes() - before, 64 * MiB);
    EXPECT_EQ(frames.taken(), 0u);
    machine.expect_empty();
}

struct Live {
    HANDLE object = nullptr;
    HANDLE opened = nullptr;
    DXGK_ADL* adl = nullptr;
    void* view = nullptr;
};

// Objects of every type by turns; every sixteenth has a view.
Live make(Machine& machine, HANDLE adapter, std::uint64_t i) {
    auto args = i % 4 == 0   ? mdl_of(8 * KiB)
                : i % 4 == 1 ? contiguous_of(4 * KiB)
                : i % 4 == 2 ? section_of(4 * KiB)
                             : io_space_of((std::uint64_t{1} << 40) + i % 100'000 * 4096, 4096);
    EXPECT_EQ(machine.dxgkrnl.create(&args), STATUS_SUCCESS);
    Live live{.object = args.hPhysicalMemoryObject};
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT open{live.object, adapter, nullptr};
    EXPECT_EQ(machine.dxgkrnl.open(&open), STATUS_SUCCESS);
    live.opened = open.hAdapterMemoryObject;
    DXGKARGCB_ALLOCATE_ADL list{};
    list.hAdapterMemoryObject = live.opened;
    list.Size = pages_of(args.Size) << page_shift;
    list.Flags.Value = i % 3 == 0 ? 0 : prefer_contiguous;
    EXPECT_EQ(machine.dxgkrnl.allocate_adl(&list), STATUS_SUCCESS);
    live.adl = list.pAdl;
    if (i % 16 != 0) return live;
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{live.object, DXGK_ACCESS_MODE_KERNEL_MODE, 0, 4 * KiB, nullptr};
    EXPECT_EQ(machine.dxgkrnl.map(&map), STATUS_SUCCESS);
    live.view = map.pMappedAddress;
    return live;
}

void end(Machine& machine, const Live& live) {
    if (live.view != nullptr) {
        const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{live.object, live.view, 4 * KiB};
        machine.dxgkrnl.unmap(&unmap);
    }
    const DXGKARGCB_FREE_ADL free{live.opened, live.adl};
    machine.dxgkrnl.free_adl(&free);
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{live.object, live.opened};
    machine.dxgkrnl.destroy(&destroy);
}

class Scale : public testing::TestWithParam<DmaMode> {};

TEST_P(Scale, AMillionObjectsLiveAtOnceAndEndInAnyOrder) {
    const std::uint64_t count = GetParam() == DmaMode::Remapping ? many : many / 4;
    const std::uint64_t before = resident_bytes();
    const Stopwatch time;
    Machine machine;
    const HANDLE adapter = machine.start(GetParam());
    std::vector<Live> objects;
    for (std::uint64_t i = 0; i < count; ++i) objects.push_back(make(machine, adapter, i));
    EXPECT_EQ(machine.frames.taken(), count);
    EXPECT_EQ(machine.views.live, (count + 15) / 16);  // the first of each sixteen

    // The machine is as quick as it was when it was empty, give or take a lot.
    std::mt19937_64 random(1);
    for (unsigned i = 0; i < 10'000; ++i) end(machine, make(machine, adapter, i));
    std::ranges::shuffle(objects, random);
    for (const Live& live : objects) end(machine, live);
    EXPECT_LT(time.seconds(), most_seconds);
    EXPECT_LT(resident_bytes() - before, many * 1'500) << "bytes of book-keeping for each object";
    machine.dxgkrnl.stop_adapter(adapter);
    machine.expect_empty();
}

INSTANTIATE_TEST_SUITE_P(Modes, Scale, testing::Values(DmaMode::Remapping, DmaMode::Isolation),
                         [](const auto& info) { return info.param == DmaMode::Isolation ? "Isolation" : "Remapping"; });

TEST(ScaleOfOneObject, ManyListsAndViewsEndInAnyOrder) {
    const Stopwatch time;
    Machine machine;
    const HANDLE adapter = machine.start(DmaMode::Isolation);
    auto args = contiguous_of(1 * GiB, adapter);
    ASSERT_EQ(machine.dxgkrnl.create(&args), STATUS_SUCCESS);
    std::mt19937_64 random(2);
    std::vector<DXGK_ADL*> lists;
    std::vector<DXGKARGCB_MAP_PHYSICAL_MEMORY> views;
    for (std::uint64_t i = 0; i < many / 5; ++i) {
        DXGKARGCB_ALLOCATE_ADL list{};
        list.hAdapterMemoryObject = args.hAdapterMemoryObject;
        list.Offset = random() % 1000 * 64 * KiB;
        list.Size = (1 + random() % 5000) * 4096;
        list.Flags.Value = prefer_contiguous;
        ASSERT_EQ(machine.dxgkrnl.allocate_adl(&list), STATUS_SUCCESS);
        lists.push_back(list.pAdl);
        DXGKARGCB_MAP_PHYSICAL_MEMORY map{args.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 4096, 4096,
                                          nullptr};
        ASSERT_EQ(machine.dxgkrnl.map(&map), STATUS_SUCCESS);
        views.push_back(map);
    }
    std::ranges::shuffle(lists, random);
    std::ranges::shuffle(views, random);
    for (DXGK_ADL* list : lists) {
        const DXGKARGCB_FREE_ADL free{args.hAdapterMemoryObject, list};
        machine.dxgkrnl.free_adl(&free);
    }
    for (const auto& view : views) {
        const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{args.hPhysicalMemoryObject, view.pMappedAddress, view.Size};
        machine.dxgkrnl.unmap(&unmap);
    }
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{args.hPhysicalMemoryObject, args.hAdapterMemoryObject};
    machine.dxgkrnl.destroy(&destroy);
    machine.dxgkrnl.stop_adapter(adapter);
    EXPECT_LT(time.seconds(), most_seconds);
    machine.expect_empty();
}

TEST(ScaleOfOlderCallbacks, ManyAllocationsAndSaveAreaViewsEndInAnyOrder) {
    const Stopwatch time;
    Machine machine;
    const std::uint64_t save = 64 * KiB;
    const HANDLE adapter = machine.start(DmaMode::Isolation, {&save, 1});
    std::vector<HANDLE> tracked;
    std::vector<PVOID> views;
    for (std::uint64_t i = 0; i < many / 5; ++i) {
        DXGKARGCB_ALLOCATEPAGESFORMDL pages{};
        pages.TotalBytes = 4096;
        pages.HighAddress.QuadPart = -1;
        pages.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
        ASSERT_EQ(machine.dxgkrnl.allocate_pages(adapter, &pages), STATUS_SUCCESS);
        tracked.push_back(pages.hMemoryHandle);
        DXGKARGCB_MAPFRAMEBUFFERPOINTER view{0, 4096, 4096, nullptr};
        ASSERT_EQ(machine.dxgkrnl.map_frame_buffer(adapter, &view), STATUS_SUCCESS);
        views.push_back(view.pBaseAddress);
        DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{0, 4096, nullptr};
        ASSERT_EQ(machine.dxgkrnl.pin_frame_buffer(adapter, &pin), STATUS_SUCCESS);
        ASSERT_EQ(machine.dxgkrnl.end_frame_buffer(Callback::UnpinFrameBufferForSave, adapter, 0, nullptr),
                  STATUS_SUCCESS);
    }
    std::mt19937_64 random(3);
    std::ranges::shuffle(tracked, random);
    std::ranges::shuffle(views, random);
    for (const HANDLE handle : tracked)
        ASSERT_EQ(machine.dxgkrnl.free_older(Callback::FreePagesFromMdl, adapter, &handle), STATUS_SUCCESS);
    for (const PVOID view : views)
        ASSERT_EQ(machine.dxgkrnl.end_frame_buffer(Callback::UnmapFrameBufferPointer, adapter, 0, view),
                  STATUS_SUCCESS);
    machine.dxgkrnl.stop_adapter(adapter);
    EXPECT_LT(time.seconds(), most_seconds);
    machine.expect_empty();
}

}  // namespace
}  // namespace remap::callbacks::tests
