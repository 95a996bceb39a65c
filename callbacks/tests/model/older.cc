// SPDX-License-Identifier: MIT
// The ten callbacks of IOMMU isolation.
#include "callbacks/tests/model/actor.h"

namespace remap::callbacks::tests {

namespace {

constexpr std::size_t most_tracked = 24;

std::uint64_t number(HANDLE handle) { return reinterpret_cast<std::uintptr_t>(handle); }

std::vector<std::uint64_t> pages_of_mdl(const MDL& mdl) {
    const auto* numbers = reinterpret_cast<const PFN_NUMBER*>(&mdl + 1);
    return {numbers, numbers + (mdl.ByteOffset + std::uint64_t{mdl.ByteCount} + page_size - 1) / page_size};
}

}  // namespace

// Of a call whose arguments are in order.
NTSTATUS Actor::older_status(Adapter& adapter, HANDLE handle, bool lead, Reports& reports) const {
    if (adapter.mode == DmaMode::Remapping) {
        reports = {{Check::DeprecatedCallback, 0}};
        return STATUS_NOT_SUPPORTED;
    }
    if (lead && handle != adapter.handles[0]) {
        reports = {{Check::NotLeadAdapter, 0}};
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

void Actor::give_access(Tracked& tracked) {
    if (tracked.adapter->mode != DmaMode::Isolation) return;
    for (const std::uint64_t frame : tracked.frames) ++tracked.adapter->reasons[frame];
}

void Actor::take_access(const Tracked& tracked) {
    if (tracked.adapter->mode != DmaMode::Isolation) return;
    auto& reasons = tracked.adapter->reasons;
    for (const std::uint64_t frame : tracked.frames)
        if (--reasons[frame] == 0) reasons.erase(frame);
}

// The adapter's devices reach the memory.
bool Actor::touch(const Tracked& tracked) {
    if (!tracked.adapter->iommu) return true;
    for (const std::uint64_t frame : tracked.frames) {
        const std::uint64_t value = (std::uint64_t{options_.index + 1} << 48) + next_word_++;
        expect(platform_.dma_write(tracked.adapter->slot, frame, value), "the GPU reaches memory of an older callback");
        expect(platform_.dma_read(tracked.adapter->slot, frame) == value, "and finds there what it wrote");
        if (tracked.object == nullptr) continue;
        for (std::uint64_t page = 0; page < tracked.object->pages(); ++page)
            if (tracked.object->frames[page] == frame) tracked.object->words[page] = value;
    }
    return !failed_;
}

// ---- memory --------------------------------------------------------------------------------------------------------

bool Actor::allocate_contiguous() {
    Adapter* adapter = any_adapter();
    if (adapter == nullptr) return true;
    if (tracked_.size() >= most_tracked) return free_older();
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY args{};
    args.NumberOfBytes = 1 + below(4 * page_size);
    args.HighestAcceptableAddress.QuadPart = -1;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.hMemoryHandle = args.pMemory = reinterpret_cast<void*>(0x1234);
    HANDLE handle = any_handle(*adapter);
    Reports reports;
    NTSTATUS expected = older_status(*adapter, handle, false, reports);
    if (chance(60)) {
        expected = STATUS_INVALID_PARAMETER;
        reports = {};
        switch (below(3)) {
            case 0: args.NumberOfBytes = 0; break;
            case 1: args.BoundaryAddressMultiple.QuadPart = 3 * 4096; break;
            case 2: args.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(3); break;
        }
    } else if (chance(60) && NT_SUCCESS(expected)) {
        args.NumberOfBytes = SIZE_T{1} << 43;
        expected = STATUS_NO_MEMORY;
    } else if (chance(30)) {
        const BadHandle bad = bad_handle(Kind::Adapter);
        handle = bad.handle;
        reports = bad.reports;
        expected = STATUS_INVALID_HANDLE;
    }
    begin("AllocateContiguousMemory", handle, args.NumberOfBytes);
    arm(40);
    const NTSTATUS status = platform_.dxgkrnl().allocate_contiguous(handle, &args);
    const bool was_refused = refused(status);
    expect((args.hMemoryHandle != nullptr) == NT_SUCCESS(status), "a handle comes back when there is memory");
    expect((args.pMemory != nullptr) == NT_SUCCESS(status), "a pointer comes back when there is memory");
    if (was_refused) return expect_reports({});
    if (!end(status, expected, reports) || !NT_SUCCESS(status)) return !failed_;
    Tracked& tracked = tracked_.emplace_back();
    tracked.kind = Tracked::Kind::Contiguous;
    tracked.adapter = adapter;
    tracked.handle = args.hMemoryHandle;
    tracked.view = args.pMemory;
    platform_.cpu_write(tracked.view, number(tracked.handle));
    return expect(platform_.cpu_read(tracked.view) == number(tracked.handle), "the memory can be used");
}

bool Actor::allocate_pages() {
    Adapter* adapter = any_adapter();
    if (adapter == nullptr) return true;
    if (tracked_.size() >= most_tracked) return free_older();
    DXGKARGCB_ALLOCATEPAGESFORMDL args{};
    args.TotalBytes = 1 + below(8 * page_size);
    args.HighAddress.QuadPart = -1;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.hMemoryHandle = args.pMdl = reinterpret_cast<PMDL>(0x1234);
    const HANDLE handle = any_handle(*adapter);
    const std::uint64_t pages = pages_of(args.TotalBytes);
    Reports reports;
    NTSTATUS expected = older_status(*adapter, handle, false, reports);
    if (chance(60)) {
        expected = STATUS_INVALID_PARAMETER;
        reports = {};
        switch (below(3)) {
            case 0: args.TotalBytes = 0; break;
            case 1: args.Flags = 0x1000; break;
            case 2: args.TotalBytes = SIZE_T{1} << 32; break;
        }
    }
    begin("AllocatePagesForMdl", handle, args.TotalBytes);
    arm(40);
    const NTSTATUS status = platform_.dxgkrnl().allocate_pages(handle, &args);
    const bool was_refused = refused(status);
    expect((args.hMemoryHandle != nullptr) == NT_SUCCESS(status), "a handle comes back when there is memory");
    expect((args.pMdl != nullptr) == NT_SUCCESS(status), "an MDL comes back when there is memory");
    if (was_refused) return expect(status != STATUS_NO_MEMORY, "STATUS_NO_MEMORY") && expect_reports({});
    if (!end(status, expected, reports) || !NT_SUCCESS(status)) return !failed_;
    Tracked& tracked = tracked_.emplace_back();
    tracked.kind = Tracked::Kind::Pages;
    tracked.adapter = adapter;
    tracked.handle = args.hMemoryHandle;
    tracked.frames = pages_of_mdl(*args.pMdl);
    expect(tracked.frames.size() == pages, "an MDL describes all that was asked for");
    expect((args.pMdl->MdlFlags & MDL_PAGES_LOCKED) != 0, "an MDL of locked pages");
    give_access(tracked);
    return touch(tracked);
}

bool Actor::map_mdl() {
    Adapter* adapter = any_adapter();
    Object* object = any_object();
    if (adapter == nullptr || object == nullptr) return true;
    if (object->type != DXGK_PHYSICAL_MEMORY_TYPE_MDL && object->type != DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY)
        return true;
    if (tracked_.size() >= most_tracked) return free_older();
    Tracked tracked;
    tracked.kind = Tracked::Kind::Mdl;
    tracked.adapter = adapter;
    tracked.object = object;
    tracked.frames = object->frames;
    tracked.own_mdl = std::make_unique<std::uint64_t[]>(sizeof(MDL) / 8 + object->pages());
    MDL& mdl = *new (tracked.own_mdl.get()) MDL{};
    mdl.MdlFlags = MDL_PAGES_LOCKED;
    mdl.ByteOffset = static_cast<ULONG>(below(page_size));
    mdl.ByteCount = static_cast<ULONG>((object->pages() << page_shift) - mdl.ByteOffset);
    std::ranges::copy(object->frames, reinterpret_cast<PFN_NUMBER*>(&mdl + 1));
    const HANDLE handle = any_handle(*adapter);
    DXGKARGCB_MAPMDLTOIOMMU args{&mdl, reinterpret_cast<HANDLE>(0x1234)};
    Reports reports;
    NTSTATUS expected = older_status(*adapter, handle, false, reports);
    if (NT_SUCCESS(expected) && chance(60)) {
        expected = STATUS_INVALID_PARAMETER;
        switch (below(3)) {
            case 0: args.pMdl = nullptr; break;
            case 1: mdl.ByteCount = 0; break;
            case 2: mdl.MdlFlags = 0, reports = {{Check::UnlockedMdl, 0}}; break;
        }
    }
    begin("MapMdlToIoMmu", handle, object->pages());
    arm(40);
    const NTSTATUS status = platform_.dxgkrnl().map_mdl(handle, &args);
    const bool was_refused = refused(status);
    expect((args.hMemoryHandle != nullptr) == NT_SUCCESS(status), "a handle comes back when the MDL is mapped");
    if (was_refused) return expect(status != STATUS_NO_MEMORY, "STATUS_NO_MEMORY") && expect_reports({});
    if (!end(status, expected, reports) || !NT_SUCCESS(status)) return !failed_;
    tracked.handle = args.hMemoryHandle;
    ++object->mdls;
    give_access(tracked);
    tracked_.push_back(std::move(tracked));
    return touch(tracked_.back());
}

bool Actor::free_older() {
    using enum Tracked::Kind;
    const auto callback_of = [](Tracked::Kind kind) {
        return kind == Contiguous ? Callback::FreeContiguousMemory
               : kind == Pages    ? Callback::FreePagesFromMdl
                                  : Callback::UnmapMdlFromIoMmu;
    };
    Dxgkrnl& dxgkrnl = platform_.dxgkrnl();
    Adapter* adapter = any_adapter();
    if (adapter != nullptr && chance(60)) {
        const BadHandle bad = bad_handle(Kind::Tracked);
        Reports reports;
        const NTSTATUS expected = older_status(*adapter, adapter->handles[0], false, reports);
        begin("free of an older callback, bad handle", adapter->handles[0], number(bad.handle));
        const NTSTATUS status = dxgkrnl.free_older(Callback::FreePagesFromMdl, adapter->handles[0], &bad.handle);
        return NT_SUCCESS(expected) ? end(status, STATUS_INVALID_HANDLE, strict(bad)) : end(status, expected, reports);
    }
    if (tracked_.empty()) return true;
    const auto tracked = std::next(tracked_.begin(), static_cast<std::ptrdiff_t>(below(tracked_.size())));
    if (tracked->kind == SaveArea || tracked->kind == SaveAreaView) return true;
    const HANDLE handle = any_handle(*tracked->adapter);
    if (chance(60)) {
        const Callback wrong = callback_of(tracked->kind == Contiguous ? Pages : Contiguous);
        begin("free of an older callback, the wrong one", handle, number(tracked->handle));
        return end(dxgkrnl.free_older(wrong, handle, &tracked->handle), STATUS_INVALID_HANDLE,
                   {{Check::InvalidObjectType, 0}});
    }
    Reports reports;
    if (tracked->kind == Mdl && chance(60)) {
        reinterpret_cast<PFN_NUMBER*>(reinterpret_cast<MDL*>(tracked->own_mdl.get()) + 1)[0] ^= 1;
        reports = {{Check::ChangedMdl, 0}};
    }
    begin("free of an older callback", handle, number(tracked->handle), static_cast<unsigned>(tracked->kind));
    if (!end(dxgkrnl.free_older(callback_of(tracked->kind), handle, &tracked->handle), STATUS_SUCCESS, reports))
        return false;
    take_access(*tracked);
    if (tracked->object != nullptr) --tracked->object->mdls;
    bury(Kind::Tracked, tracked->handle);
    const Tracked gone = std::move(*tracked);
    tracked_.erase(tracked);
    if (gone.adapter->shared || !gone.adapter->has_domain() || gone.frames.empty() || !chance(300)) return true;
    const std::uint64_t page = gone.frames[below(gone.frames.size())];
    if (gone.adapter->reaches(page)) return true;
    begin("GPU access to freed memory of an older callback", gone.handle, page);
    if (!expect(!platform_.dma_read(gone.adapter->slot, page), "freed memory is refused")) return false;
    dxgkrnl.check_dma(gone.adapter->handles[0]);
    return expect_reports({{Check::UsedFreedPages, number(gone.handle)}});
}

// ---- the frame buffer's save area ----------------------------------------------------------------------------------

bool Actor::frame_buffer() {
    using enum Tracked::Kind;
    Adapter* adapter = any_adapter(true);
    if (adapter == nullptr) return true;
    const bool pins = chance(500);
    const unsigned area = static_cast<unsigned>(below(adapter->handles.size() + 1));
    const std::uint64_t all = area < adapter->save_pages.size() ? adapter->save_pages[area] : 0;
    const HANDLE handle = chance(100) ? any_handle(*adapter) : adapter->handles[0];
    Reports reports;
    NTSTATUS expected = older_status(*adapter, handle, true, reports);
    const std::uint64_t pages = below(all + 2);
    const std::uint64_t first = pins ? 0 : below(all + 1);
    if (NT_SUCCESS(expected) && (pages == 0 || first + pages > all)) expected = STATUS_INVALID_PARAMETER;
    const auto same = [&](const Tracked& other) {
        return other.adapter == adapter && other.kind == SaveArea && other.area == area;
    };
    if (NT_SUCCESS(expected) && pins && std::ranges::any_of(tracked_, same)) expected = STATUS_INVALID_DEVICE_STATE;

    DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{area, pages << page_shift, reinterpret_cast<PMDL>(0x1234)};
    DXGKARGCB_MAPFRAMEBUFFERPOINTER map{area, pages << page_shift, first << page_shift,
                                        reinterpret_cast<PVOID>(0x1234)};
    begin(pins ? "PinFrameBufferForSave" : "MapFrameBufferPointer", handle, first, pages);
    const NTSTATUS status =
        pins ? platform_.dxgkrnl().pin_frame_buffer(handle, &pin) : platform_.dxgkrnl().map_frame_buffer(handle, &map);
    const bool was_refused = refused(status);
    expect((pins ? pin.pMdl != nullptr : map.pBaseAddress != nullptr) == NT_SUCCESS(status), "what comes back");
    if (was_refused) return expect_reports({});
    if (!end(status, expected, reports) || !NT_SUCCESS(status)) return !failed_;
    Tracked& tracked = tracked_.emplace_back();
    tracked.kind = pins ? SaveArea : SaveAreaView;
    tracked.adapter = adapter;
    tracked.area = area;
    if (pins) {
        tracked.frames = pages_of_mdl(*pin.pMdl);
        expect(tracked.frames.size() == pages, "a pinned area is as long as was asked for");
        give_access(tracked);
        return touch(tracked);
    }
    tracked.view = map.pBaseAddress;
    std::byte* const data = static_cast<std::byte*>(map.pBaseAddress) + map.Offset;
    platform_.cpu_write(data, pages);
    return expect(platform_.cpu_read(data + ((pages - 1) << page_shift)) != ~std::uint64_t{0}, "the area can be read");
}

bool Actor::end_frame_buffer() {
    using enum Tracked::Kind;
    Adapter* adapter = any_adapter(true);
    if (adapter == nullptr) return true;
    Dxgkrnl& dxgkrnl = platform_.dxgkrnl();
    for (auto tracked = tracked_.begin(); tracked != tracked_.end(); ++tracked) {
        if (tracked->adapter != adapter || (tracked->kind != SaveArea && tracked->kind != SaveAreaView)) continue;
        const bool pinned = tracked->kind == SaveArea;
        begin(pinned ? "UnpinFrameBufferForSave" : "UnmapFrameBufferPointer", adapter->handles[0], tracked->area);
        const auto callback = pinned ? Callback::UnpinFrameBufferForSave : Callback::UnmapFrameBufferPointer;
        if (!end(dxgkrnl.end_frame_buffer(callback, adapter->handles[0], tracked->area, tracked->view), STATUS_SUCCESS))
            return false;
        take_access(*tracked);
        tracked_.erase(tracked);
        return true;
    }
    Reports reports;
    const NTSTATUS expected = older_status(*adapter, adapter->handles[0], true, reports);
    begin("UnpinFrameBufferForSave, not pinned", adapter->handles[0]);
    const NTSTATUS status =
        dxgkrnl.end_frame_buffer(Callback::UnpinFrameBufferForSave, adapter->handles[0], 0, nullptr);
    return NT_SUCCESS(expected) ? end(status, STATUS_INVALID_DEVICE_STATE, {{Check::UnknownView, 0}})
                                : end(status, expected, reports);
}

}  // namespace remap::callbacks::tests
