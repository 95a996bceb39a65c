// SPDX-License-Identifier: MIT
// The ten callbacks of WDDM 2.4: memory, MDLs and the frame buffer's save area under isolation.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"
#include "callbacks/rules/older_calls.h"

#include <utility>

namespace remap::rules {

using callbacks::DmaMode;

namespace {

constexpr std::uint64_t save_area[] = {4 * page_size, 2 * page_size};

AdapterWish saving(Bench& bench, unsigned chain = 1) {
    AdapterWish wish = bench.wish(DmaMode::Isolation);
    wish.chain = chain;
    wish.frame_buffer_save = {save_area, chain};
    return wish;
}

LogicalAddress address_of(PFN_NUMBER frame) { return {frame << page_shift}; }

}  // namespace

RULE(older_callbacks_are_deprecated_with_remapping,
     "With linear remapping the ten older callbacks are deprecated and must not be used.", "IOMMU DMA remapping") {
    AdapterWish wish = bench.wish();
    wish.frame_buffer_save = {save_area, 1};
    Adapter& adapter = bench.start(wish);
    for (unsigned i = 0; i < older_callbacks; ++i) {
        const auto stop = bench.stop_in([&] { call_older(adapter, i); });
        REQUIRE(stop.has_value());
        EXPECT(stop->check == callbacks::Check::DeprecatedCallback);
        EXPECT_EQ(static_cast<unsigned>(stop->callback), older_callback(i));
    }
}

RULE(allocate_contiguous_maps_for_cpu_and_gpu,
     "AllocateContiguousMemory gives contiguous memory with a kernel view, reachable by the GPU while it lives.",
     "DXGKCB_ALLOCATECONTIGUOUSMEMORY") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    const std::uint64_t before = bench.free_frames();
    // Limits that leave one place only, so that it is known where the memory is.
    auto memory = contiguous_memory(4 * page_size);
    memory.LowestAcceptableAddress = at(0xc80'0000);
    memory.HighestAcceptableAddress = at(0xc80'0000 + 4 * page_size - 1);
    memory.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    REQUIRE_EQ(adapter->DxgkCbAllocateContiguousMemory(adapter.handle(), &memory), STATUS_SUCCESS);
    EXPECT_EQ(bench.machine().view_at(memory.pMemory)->cache, callbacks::CacheType::WriteCombined);
    const LogicalAddress last{0xc80'3000};
    EXPECT(adapter.gpu().write(last, 0x4d));
    EXPECT_EQ(static_cast<volatile std::uint8_t*>(memory.pMemory)[3 * page_size], 0x4d);
    const DXGKARGCB_FREECONTIGUOUSMEMORY end{memory.hMemoryHandle};
    EXPECT_EQ(adapter->DxgkCbFreeContiguousMemory(adapter.handle(), &end), STATUS_SUCCESS);
    EXPECT(bench.refuses(adapter, last));
    EXPECT(!bench.machine().view_at(memory.pMemory).has_value());
    adapter.stop_gpus();
    EXPECT_EQ(bench.free_frames(), before);
}

RULE(allocate_contiguous_keeps_to_its_limits,
     "AllocateContiguousMemory takes Size, limits and boundary as MmAllocateContiguousMemorySpecifyCache does.",
     "DXGKARGCB_ALLOCATECONTIGUOUSMEMORY") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    const auto status = [&](DXGKARGCB_ALLOCATECONTIGUOUSMEMORY memory) {
        const NTSTATUS result = adapter->DxgkCbAllocateContiguousMemory(adapter.handle(), &memory);
        EXPECT_EQ(memory.hMemoryHandle, nullptr);
        EXPECT_EQ(memory.pMemory, nullptr);
        return result;
    };
    auto memory = contiguous_memory(0);
    EXPECT_EQ(status(memory), STATUS_INVALID_PARAMETER);
    memory = contiguous_memory(page_size);
    memory.BoundaryAddressMultiple = at(3 * page_size);
    EXPECT_EQ(status(memory), STATUS_INVALID_PARAMETER);
    memory = contiguous_memory(std::uint64_t{64} << 20);
    memory.HighestAcceptableAddress = at((48 << 20) - 1);
    EXPECT_EQ(status(memory), STATUS_NO_MEMORY);
    EXPECT_EQ(adapter->DxgkCbAllocateContiguousMemory(adapter.handle(), nullptr), STATUS_INVALID_PARAMETER);
}

RULE(allocate_pages_describes_them_in_an_mdl,
     "AllocatePagesForMdl gives locked pages described by an MDL, reachable by the GPU while they live.",
     "DXGKCB_ALLOCATEPAGESFORMDL") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    auto pages = pages_for_mdl(5 * page_size);
    REQUIRE_EQ(adapter->DxgkCbAllocatePagesForMdl(adapter.handle(), &pages), STATUS_SUCCESS);
    REQUIRE(pages.pMdl != nullptr);
    EXPECT_EQ(MmGetMdlByteCount(pages.pMdl), 5 * page_size);
    EXPECT(pages.pMdl->MdlFlags & MDL_PAGES_LOCKED);
    PFN_NUMBER frames[5];
    for (unsigned i = 0; i < 5; ++i) {
        frames[i] = MmGetMdlPfnArray(pages.pMdl)[i];
        EXPECT(adapter.gpu().write(address_of(frames[i]), static_cast<std::uint8_t>(i + 1)));
        EXPECT_EQ(bench.machine().peek({frames[i]}), i + 1);
    }
    const DXGKARGCB_FREEPAGESFROMMDL end{pages.hMemoryHandle};
    EXPECT_EQ(adapter->DxgkCbFreePagesFromMdl(adapter.handle(), &end), STATUS_SUCCESS);
    for (const PFN_NUMBER frame : frames) EXPECT(bench.refuses(adapter, address_of(frame)));
}

RULE(allocate_pages_is_all_or_nothing, "AllocatePagesForMdl gives all pages or none, and at most 4 GiB minus a page.",
     "DXGKCB_ALLOCATEPAGESFORMDL") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    const std::uint64_t before = bench.free_frames();
    auto pages = pages_for_mdl(2 << 20);
    pages.LowAddress = at(0xc00'0000);
    pages.HighAddress = at(0xc00'0000 + (1 << 20) - 1);
    EXPECT_EQ(adapter->DxgkCbAllocatePagesForMdl(adapter.handle(), &pages), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(pages.pMdl, nullptr);
    pages = pages_for_mdl(std::uint64_t{1} << 32);
    EXPECT_EQ(adapter->DxgkCbAllocatePagesForMdl(adapter.handle(), &pages), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(bench.free_frames(), before);
}

RULE(map_mdl_gives_the_gpu_the_drivers_pages,
     "MapMdlToIoMmu lets the GPU reach the pages of the driver's MDL until UnmapMdlFromIoMmu.",
     "DXGKCB_MAPMDLTOIOMMU") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    CreateArgs object = mdl(adapter, 2 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    DriversMdl driver(bench, object.hPhysicalMemoryObject, 2);
    EXPECT(bench.refuses(adapter, address_of(driver.frames[1])));
    DXGKARGCB_MAPMDLTOIOMMU args{&driver.mdl, nullptr};
    REQUIRE_EQ(adapter->DxgkCbMapMdlToIoMmu(adapter.handle(), &args), STATUS_SUCCESS);
    EXPECT(adapter.gpu().write(address_of(driver.frames[1]), 0x29));
    const DXGKARGCB_UNMAPMDLFROMIOMMU end{args.hMemoryHandle};
    adapter->DxgkCbUnmapMdlFromIoMmu(adapter.handle(), &end);
    EXPECT(bench.refuses(adapter, address_of(driver.frames[1])));
    destroy(adapter, object);
}

RULE(map_mdl_wants_locked_pages, "The pages of an MDL are locked before it is mapped to the IOMMU.",
     "DXGKARGCB_MAPMDLTOIOMMU") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    DriversMdl driver(bench, object.hPhysicalMemoryObject, 1);
    driver.mdl.MdlFlags = 0;
    DXGKARGCB_MAPMDLTOIOMMU args{&driver.mdl, nullptr};
    const auto stop = bench.stop_in([&] { (void)adapter->DxgkCbMapMdlToIoMmu(adapter.handle(), &args); });
    EXPECT_STOP(stop, UnlockedMdl, MapMdlToIoMmu);
    driver.mdl.MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL;
    REQUIRE_EQ(adapter->DxgkCbMapMdlToIoMmu(adapter.handle(), &args), STATUS_SUCCESS);
    const DXGKARGCB_UNMAPMDLFROMIOMMU end{args.hMemoryHandle};
    adapter->DxgkCbUnmapMdlFromIoMmu(adapter.handle(), &end);
    destroy(adapter, object);
}

RULE(the_driver_keeps_a_mapped_mdl, "The driver keeps the MDL as it is until UnmapMdlFromIoMmu.",
     "DXGKCB_MAPMDLTOIOMMU") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    CreateArgs object = mdl(adapter, 2 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    DriversMdl driver(bench, object.hPhysicalMemoryObject, 2);
    DXGKARGCB_MAPMDLTOIOMMU args{&driver.mdl, nullptr};
    REQUIRE_EQ(adapter->DxgkCbMapMdlToIoMmu(adapter.handle(), &args), STATUS_SUCCESS);
    driver.frames[1] = driver.frames[0];
    const DXGKARGCB_UNMAPMDLFROMIOMMU end{args.hMemoryHandle};
    const auto stop = bench.stop_in([&] { adapter->DxgkCbUnmapMdlFromIoMmu(adapter.handle(), &end); });
    EXPECT_STOP(stop, ChangedMdl, UnmapMdlFromIoMmu);
    destroy(adapter, object);
}

RULE(unmap_mdl_reports_its_mistakes,
     "UnmapMdlFromIoMmu has no status: a null argument and a handle of nothing are "
     "reported.",
     "ours: no page says what happens") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    const auto null = bench.stop_in([&] { adapter->DxgkCbUnmapMdlFromIoMmu(adapter.handle(), nullptr); });
    EXPECT_STOP(null, NullArgument, UnmapMdlFromIoMmu);
    const DXGKARGCB_UNMAPMDLFROMIOMMU args{reinterpret_cast<HANDLE>(std::uintptr_t{0x5550})};
    const auto handle = bench.stop_in([&] { adapter->DxgkCbUnmapMdlFromIoMmu(adapter.handle(), &args); });
    EXPECT_STOP(handle, UnknownHandle, UnmapMdlFromIoMmu);
    const auto on = bench.stop_in([&] { adapter->DxgkCbUnmapMdlFromIoMmu(args.hMemoryHandle, &args); });
    EXPECT_STOP(on, UnknownHandle, UnmapMdlFromIoMmu);
}

RULE(each_free_takes_the_handle_of_its_allocation, "Each free takes the tracking handle of its own allocation, once.",
     "DXGKARGCB_FREECONTIGUOUSMEMORY; DXGKARGCB_FREEPAGESFROMMDL") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    auto memory = contiguous_memory(page_size);
    auto pages = pages_for_mdl(page_size);
    REQUIRE_EQ(adapter->DxgkCbAllocateContiguousMemory(adapter.handle(), &memory), STATUS_SUCCESS);
    REQUIRE_EQ(adapter->DxgkCbAllocatePagesForMdl(adapter.handle(), &pages), STATUS_SUCCESS);
    const DXGKARGCB_FREECONTIGUOUSMEMORY wrong_memory{pages.hMemoryHandle};
    const DXGKARGCB_FREEPAGESFROMMDL wrong_pages{memory.hMemoryHandle};
    const auto one = bench.stop_in([&] { (void)adapter->DxgkCbFreeContiguousMemory(adapter.handle(), &wrong_memory); });
    EXPECT_STOP(one, InvalidObjectType, FreeContiguousMemory);
    const auto two = bench.stop_in([&] { (void)adapter->DxgkCbFreePagesFromMdl(adapter.handle(), &wrong_pages); });
    EXPECT_STOP(two, InvalidObjectType, FreePagesFromMdl);
    const DXGKARGCB_FREECONTIGUOUSMEMORY right_memory{memory.hMemoryHandle};
    const DXGKARGCB_FREEPAGESFROMMDL right_pages{pages.hMemoryHandle};
    EXPECT_EQ(adapter->DxgkCbFreeContiguousMemory(adapter.handle(), &right_memory), STATUS_SUCCESS);
    EXPECT_EQ(adapter->DxgkCbFreePagesFromMdl(adapter.handle(), &right_pages), STATUS_SUCCESS);
    const auto again = bench.stop_in([&] { (void)adapter->DxgkCbFreePagesFromMdl(adapter.handle(), &right_pages); });
    EXPECT_STOP(again, UseAfterClose, FreePagesFromMdl);
}

RULE(memory_of_older_callbacks_is_freed_before_stop, "What the older callbacks gave is freed before the adapter stops.",
     "IOMMU-based GPU isolation; ours: the check") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    const std::uint64_t before = bench.free_frames();
    auto memory = contiguous_memory(page_size);
    REQUIRE_EQ(adapter->DxgkCbAllocateContiguousMemory(adapter.handle(), &memory), STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { bench.stop(adapter); });
    EXPECT_STOP(stop, TrackingLeaked, StopAdapter);
    EXPECT(bench.free_frames() >= before);
}

RULE(a_pinned_save_area_is_reached_by_the_gpu,
     "PinFrameBufferForSave locks the save area and lets the GPU reach it until the unpin.",
     "DXGKCB_PINFRAMEBUFFERFORSAVE") {
    Adapter& adapter = bench.start(saving(bench));
    DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{0, 3 * page_size, nullptr};
    REQUIRE_EQ(adapter->DxgkCbPinFrameBufferForSave(adapter.handle(), &pin), STATUS_SUCCESS);
    EXPECT_EQ(MmGetMdlByteCount(pin.pMdl), 3 * page_size);
    const PFN_NUMBER frame = MmGetMdlPfnArray(pin.pMdl)[2];
    EXPECT(adapter.gpu().write(address_of(frame), 0x3a));
    DXGKARGCB_PINFRAMEBUFFERFORSAVE again = pin;
    EXPECT_EQ(adapter->DxgkCbPinFrameBufferForSave(adapter.handle(), &again), STATUS_INVALID_DEVICE_STATE);
    const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE unpin{0};
    EXPECT_EQ(adapter->DxgkCbUnpinFrameBufferForSave(adapter.handle(), &unpin), STATUS_SUCCESS);
    EXPECT(bench.refuses(adapter, address_of(frame)));
    const auto twice = bench.stop_in([&] { (void)adapter->DxgkCbUnpinFrameBufferForSave(adapter.handle(), &unpin); });
    EXPECT_STOP(twice, UnknownView, UnpinFrameBufferForSave);
}

RULE_IN_EACH_MODE(
    a_save_area_is_pinned_as_a_list_in_each_mode,
    "PinFrameBufferForSave2 pins a save area as an ADL, with remapping too, until UnpinFrameBufferForSave.",
    "DXGKCB_PINFRAMEBUFFERFORSAVE2") {
    AdapterWish wish = bench.wish();
    wish.frame_buffer_save = {save_area, 1};
    Adapter& adapter = bench.start(wish);
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 pin{};
    pin.CommitSize = 4 * page_size;
    REQUIRE_EQ(adapter->DxgkCbPinFrameBufferForSave2(adapter.handle(), &pin), STATUS_SUCCESS);
    EXPECT_EQ(pin.pAdl->PageCount, 4);
    const Listed listed{STATUS_SUCCESS, pin.pAdl};
    const LogicalAddress last = listed[3];
    EXPECT(last.value != 0);
    EXPECT(adapter.gpu().write(last, 0x52));
    EXPECT_EQ(adapter.gpu().read(last), std::optional<std::uint8_t>{0x52});
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 again = pin;
    EXPECT_EQ(adapter->DxgkCbPinFrameBufferForSave2(adapter.handle(), &again), STATUS_INVALID_DEVICE_STATE);
    const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE unpin{0};
    EXPECT_EQ(adapter->DxgkCbUnpinFrameBufferForSave(adapter.handle(), &unpin), STATUS_SUCCESS);
    EXPECT_EQ(bench.refuses(adapter, last), bench.guarded());
    pin.Flags.Value = 2;
    const auto stop = bench.stop_in([&] { (void)adapter->DxgkCbPinFrameBufferForSave2(adapter.handle(), &pin); });
    EXPECT_STOP(stop, ReservedBits, PinFrameBufferForSave2);
}

RULE(a_save_area_pinned_as_a_list_is_isolated_too,
     "A save area that is pinned as an ADL stays reachable when isolation "
     "turns on.",
     "IOMMU-based GPU isolation; DXGKCB_PINFRAMEBUFFERFORSAVE2") {
    AdapterWish wish = bench.wish(DmaMode::Physical);
    wish.caps.IommuIsolationSupported = 1;
    wish.frame_buffer_save = {save_area, 1};
    Adapter& adapter = bench.start(wish);
    DXGKARGCB_PINFRAMEBUFFERFORSAVE2 pin{};
    pin.CommitSize = 2 * page_size;
    REQUIRE_EQ(adapter->DxgkCbPinFrameBufferForSave2(adapter.handle(), &pin), STATUS_SUCCESS);
    const LogicalAddress last = Listed{STATUS_SUCCESS, pin.pAdl}[1];
    REQUIRE_EQ(bench.dxgkrnl().switch_domain(adapter.handle()), STATUS_SUCCESS);
    EXPECT(adapter.gpu().write(last, 0x53));
    const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE unpin{0};
    EXPECT_EQ(adapter->DxgkCbUnpinFrameBufferForSave(adapter.handle(), &unpin), STATUS_SUCCESS);
    EXPECT(bench.refuses(adapter, last));
}

RULE(the_save_area_keeps_what_was_saved, "What the GPU wrote to a pinned save area is found at the pointer to it.",
     "DXGKCB_MAPFRAMEBUFFERPOINTER") {
    Adapter& adapter = bench.start(saving(bench));
    DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{0, 4 * page_size, nullptr};
    REQUIRE_EQ(adapter->DxgkCbPinFrameBufferForSave(adapter.handle(), &pin), STATUS_SUCCESS);
    EXPECT(adapter.gpu().write(address_of(MmGetMdlPfnArray(pin.pMdl)[3]), 0x3b));
    const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE unpin{0};
    EXPECT_EQ(adapter->DxgkCbUnpinFrameBufferForSave(adapter.handle(), &unpin), STATUS_SUCCESS);
    DXGKARGCB_MAPFRAMEBUFFERPOINTER view{0, page_size, 3 * page_size, nullptr};
    REQUIRE_EQ(adapter->DxgkCbMapFrameBufferPointer(adapter.handle(), &view), STATUS_SUCCESS);
    EXPECT_EQ(static_cast<volatile std::uint8_t*>(view.pBaseAddress)[view.Offset], 0x3b);
    const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER end{0, view.pBaseAddress};
    EXPECT_EQ(adapter->DxgkCbUnmapFrameBufferPointer(adapter.handle(), &end), STATUS_SUCCESS);
    const auto twice = bench.stop_in([&] { (void)adapter->DxgkCbUnmapFrameBufferPointer(adapter.handle(), &end); });
    EXPECT_STOP(twice, UnknownView, UnmapFrameBufferPointer);
}

RULE(save_areas_have_the_size_that_was_reported,
     "Pinned and mapped parts of a save area lie in it, and are whole pages.",
     "DXGKARGCB_PINFRAMEBUFFERFORSAVE; DXGKARGCB_MAPFRAMEBUFFERPOINTER") {
    Adapter& adapter = bench.start(saving(bench));
    for (const SIZE_T size : {SIZE_T{0}, SIZE_T{page_size + 1}, SIZE_T{5 * page_size}}) {
        DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{0, size, nullptr};
        EXPECT_EQ(adapter->DxgkCbPinFrameBufferForSave(adapter.handle(), &pin), STATUS_INVALID_PARAMETER);
        EXPECT_EQ(pin.pMdl, nullptr);
    }
    DXGKARGCB_MAPFRAMEBUFFERPOINTER view{0, 2 * page_size, 3 * page_size, nullptr};
    EXPECT_EQ(adapter->DxgkCbMapFrameBufferPointer(adapter.handle(), &view), STATUS_INVALID_PARAMETER);
    for (const auto& [size, offset] : {std::pair<SIZE_T, SIZE_T>{page_size + 1, 0}, {page_size, 1}, {0, 0}}) {
        view = {0, size, offset, nullptr};
        EXPECT_EQ(adapter->DxgkCbMapFrameBufferPointer(adapter.handle(), &view), STATUS_INVALID_PARAMETER);
    }
    view = {1, page_size, 0, nullptr};  // there is no second physical adapter
    EXPECT_EQ(adapter->DxgkCbMapFrameBufferPointer(adapter.handle(), &view), STATUS_INVALID_PARAMETER);
}

RULE(save_areas_are_named_at_the_lead_adapter,
     "For the frame buffer hAdapter is the lead adapter of the chain, and PhysicalAdapterIndex says which is meant.",
     "DXGKARGCB_PINFRAMEBUFFERFORSAVE") {
    Adapter& adapter = bench.start(saving(bench, 2));
    DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{1, 2 * page_size, nullptr};
    const auto stop = bench.stop_in([&] { (void)adapter->DxgkCbPinFrameBufferForSave(adapter.handle(1), &pin); });
    EXPECT_STOP(stop, NotLeadAdapter, PinFrameBufferForSave);
    pin.CommitSize = 3 * page_size;  // as much as the first one has
    EXPECT_EQ(adapter->DxgkCbPinFrameBufferForSave(adapter.handle(0), &pin), STATUS_INVALID_PARAMETER);
    pin.CommitSize = 2 * page_size;
    REQUIRE_EQ(adapter->DxgkCbPinFrameBufferForSave(adapter.handle(0), &pin), STATUS_SUCCESS);
    const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE unpin{1};
    EXPECT_EQ(adapter->DxgkCbUnpinFrameBufferForSave(adapter.handle(0), &unpin), STATUS_SUCCESS);
}

RULE(save_areas_are_charged_when_the_adapter_starts,
     "Memory for the save areas is taken when the adapter starts, so that a pin cannot fail for want of it.",
     "IOMMU-based GPU isolation, Frame buffer reservation") {
    const std::uint64_t before = bench.free_frames();
    Adapter& adapter = bench.start(saving(bench));
    EXPECT(bench.free_frames() + 4 <= before);
    bench.stop(adapter);
    const std::uint64_t odd[] = {page_size + 1};
    AdapterWish wish = saving(bench);
    wish.frame_buffer_save = odd;
    EXPECT_EQ(bench.try_start(wish), STATUS_INVALID_PARAMETER);
}

RULE(older_callbacks_work_without_an_iommu_mode,
     "In physical mode the older callbacks give memory as they do elsewhere.", "IOMMU-based GPU isolation") {
    AdapterWish wish = bench.wish(DmaMode::Physical);
    wish.frame_buffer_save = {save_area, 1};
    Adapter& adapter = bench.start(wish);
    auto pages = pages_for_mdl(2 * page_size);
    REQUIRE_EQ(adapter->DxgkCbAllocatePagesForMdl(adapter.handle(), &pages), STATUS_SUCCESS);
    const PFN_NUMBER frame = MmGetMdlPfnArray(pages.pMdl)[1];
    EXPECT(adapter.gpu().write(address_of(frame), 0x17));
    EXPECT_EQ(bench.machine().peek({frame}), 0x17);
    const DXGKARGCB_FREEPAGESFROMMDL end{pages.hMemoryHandle};
    EXPECT_EQ(adapter->DxgkCbFreePagesFromMdl(adapter.handle(), &end), STATUS_SUCCESS);
}

}  // namespace remap::rules
