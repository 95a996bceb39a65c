// SPDX-License-Identifier: MIT
// The ten callbacks of WDDM 2.4, for adapters without linear remapping: they hand out MDLs and pointers, and under
// isolation what they hand out is mapped one to one (WDK page "IOMMU-based GPU isolation").
#include "callbacks/core/backing.h"
#include "callbacks/core/parts.h"

namespace remap::callbacks {

namespace {

using Kind = TrackedMemory::Kind;

// The parts that an older callback's arguments share with Create's.
DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT as_object(const DXGKARGCB_ALLOCATECONTIGUOUSMEMORY& args) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT object{};
    object.Size = args.NumberOfBytes;
    object.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    object.CacheType = args.CacheType;
    object.ContiguousMemory.LowestAcceptableAddress = args.LowestAcceptableAddress;
    object.ContiguousMemory.HighestAcceptableAddress = args.HighestAcceptableAddress;
    object.ContiguousMemory.BoundaryAddressMultiple = args.BoundaryAddressMultiple;
    return object;
}

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT as_object(const DXGKARGCB_ALLOCATEPAGESFORMDL& args) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT object{};
    object.Size = args.TotalBytes;
    object.Type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
    object.CacheType = args.CacheType;
    object.Mdl.LowAddress = args.LowAddress;
    object.Mdl.HighAddress = args.HighAddress;
    object.Mdl.SkipBytes = args.SkipBytes;
    object.Mdl.Flags = args.Flags;
    return object;
}

NTSTATUS give_access(TrackedMemory& tracked) {
    return tracked.adapter.view.open(tracked.frames, 0, tracked.frames.size(), false, tracked.runs);
}

// Drops the numbers of an access that was refused, so that the end of the memory does not take it back.
NTSTATUS give_access_or_nothing(TrackedMemory& tracked) {
    const NTSTATUS status = give_access(tracked);
    if (!NT_SUCCESS(status)) tracked.runs = {};
    return status;
}

bool make_view(CpuViewPort& views, const ViewRequest& request, std::uint64_t process, TrackedMemory& tracked) {
    tracked.view = views.map(request);
    tracked.view_pages = request.pages;
    tracked.view_process = process;
    return tracked.view != nullptr;
}

std::uint64_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

TrackedMemory* find_pin(const Adapter& adapter, unsigned area) {
    return area < adapter.pinned.size() ? adapter.pinned[area] : nullptr;
}

TrackedMemory* find_save_view(const Adapter& adapter, unsigned area, const void* view) {
    return adapter.save_views.find(number(view), number(view), [&](const TrackedMemory& tracked) {
        return tracked.view == view && tracked.area == area;
    });
}

bool whole_pages(std::uint64_t bytes) { return (bytes & (page_size - 1)) == 0; }

}  // namespace

// The adapter that an older callback names, if it may use it.
Adapter* Dxgkrnl::Parts::find_for_older(HANDLE handle, bool lead, Findings& findings, NTSTATUS& status) const {
    Adapter* adapter = find_adapter(handle);
    status = STATUS_SUCCESS;
    if (adapter == nullptr) {
        report_handle(HandleKind::Adapter, handle, findings, false);
        status = STATUS_INVALID_HANDLE;
    } else if (adapter->view.mode() == DmaMode::Remapping) {
        findings.add(Check::DeprecatedCallback, Text{}.add("the adapter's DMA is remapped"));
        status = STATUS_NOT_SUPPORTED;
    } else if (lead && !adapter->is_lead(handle)) {
        findings.add(Check::NotLeadAdapter,
                     Text{}.add("hAdapter ").add_pointer(handle).add(" is not the lead adapter"));
        status = STATUS_INVALID_PARAMETER;
    }
    return NT_SUCCESS(status) ? adapter : nullptr;
}

// Tracks memory, and lets `fill(tracked)` do the rest; what that leaves half done is taken back.
template <typename Fill>
Result<TrackedMemory*, NTSTATUS> Dxgkrnl::Parts::track_filled(Adapter& adapter, TrackedMemory::Kind kind,
                                                              const Caller& caller, Fill fill) {
    const auto tracked = track(adapter, kind);
    if (!tracked) return tracked;
    const NTSTATUS status = fill(**tracked);
    if (NT_SUCCESS(status)) return tracked;
    end_tracked(**tracked, caller);
    return Failure{status};
}

NTSTATUS Dxgkrnl::Parts::take_tracked_frames(const CreateRequest& request, TrackedMemory& tracked) {
    auto frames = take_frames(ports.frames, request);
    if (!frames) return frames.error();
    tracked.frames = std::move(*frames);
    return STATUS_SUCCESS;
}

NTSTATUS Dxgkrnl::Parts::free_tracked(HANDLE adapter_handle, HANDLE handle, TrackedMemory::Kind kind,
                                      Findings& findings) {
    NTSTATUS status = STATUS_SUCCESS;
    Adapter* adapter = find_for_older(adapter_handle, false, findings, status);
    if (adapter == nullptr) return status;
    TrackedMemory* tracked = find_tracked(handle, findings);
    if (tracked == nullptr) return STATUS_INVALID_HANDLE;
    if (tracked->kind != kind || &tracked->adapter != adapter) {
        findings.add(Check::InvalidObjectType,
                     Text{}.add("hMemoryHandle ").add_pointer(handle).add(" is of another callback or adapter"));
        return STATUS_INVALID_HANDLE;
    }
    check_dma(*adapter, findings);
    if (kind == Kind::Mdl && !describes(*tracked->mdl, tracked->frames))
        findings.add(Check::ChangedMdl, Text{}.add("MDL ").add_pointer(tracked->mdl).add(" names other pages now"));
    end_tracked(*tracked, findings.caller());
    return STATUS_SUCCESS;
}

// ---- memory of ours ------------------------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::allocate_contiguous(HANDLE handle, DXGKARGCB_ALLOCATECONTIGUOUSMEMORY* args, const void* caller) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->hMemoryHandle = nullptr;
    args->pMemory = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const auto request = read_create_request(as_object(*args));
    if (!request) return request.error();
    return parts_->call(Callback::AllocateContiguousMemory, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, false, findings, status);
        if (adapter == nullptr) return status;
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            NTSTATUS filled = parts_->take_tracked_frames(*request, tracked);
            if (NT_SUCCESS(filled)) filled = give_access_or_nothing(tracked);
            if (!NT_SUCCESS(filled)) return filled;
            const ViewRequest view{tracked.frames, 0, request->pages, request->cache, AccessMode::Kernel, true};
            return make_view(parts_->ports.views, view, parts_->ports.execution.process(), tracked)
                       ? STATUS_SUCCESS
                       : STATUS_INSUFFICIENT_RESOURCES;
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::Contiguous, findings.caller(), fill);
        if (!tracked) return tracked.error();
        args->hMemoryHandle = (*tracked)->handle;
        args->pMemory = (*tracked)->view;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::allocate_pages(HANDLE handle, DXGKARGCB_ALLOCATEPAGESFORMDL* args, const void* caller) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->hMemoryHandle = nullptr;
    args->pMdl = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const auto request = read_create_request(as_object(*args));
    if (!request) return request.error();
    return parts_->call(Callback::AllocatePagesForMdl, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, false, findings, status);
        if (adapter == nullptr) return status;
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            const NTSTATUS filled = parts_->take_tracked_frames(*request, tracked);
            if (!NT_SUCCESS(filled)) return filled;
            tracked.mdl = make_mdl(tracked.frames, request->pages << page_shift);
            return tracked.mdl == nullptr ? STATUS_INSUFFICIENT_RESOURCES : give_access_or_nothing(tracked);
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::Pages, findings.caller(), fill);
        if (!tracked) return tracked.error();
        args->hMemoryHandle = (*tracked)->handle;
        args->pMdl = (*tracked)->mdl;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::map_mdl(HANDLE handle, DXGKARGCB_MAPMDLTOIOMMU* args, const void* caller) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->hMemoryHandle = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    MDL* const mdl = args->pMdl;
    if (mdl == nullptr || mdl->ByteCount == 0) return STATUS_INVALID_PARAMETER;
    return parts_->call(Callback::MapMdlToIoMmu, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, false, findings, status);
        if (adapter == nullptr) return status;
        if ((mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL)) == 0) {
            findings.add(Check::UnlockedMdl, Text{}.add("MDL ").add_pointer(mdl).add(" has no locked pages"));
            return STATUS_INVALID_PARAMETER;
        }
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            tracked.mdl = mdl;
            return read_mdl(*mdl, tracked.frames) ? give_access_or_nothing(tracked) : STATUS_INSUFFICIENT_RESOURCES;
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::Mdl, findings.caller(), fill);
        if (!tracked) return tracked.error();
        args->hMemoryHandle = (*tracked)->handle;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::free_older(Callback callback, HANDLE adapter, HANDLE memory, const void* caller) {
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const Kind kind = callback == Callback::FreeContiguousMemory ? Kind::Contiguous
                      : callback == Callback::FreePagesFromMdl   ? Kind::Pages
                                                                 : Kind::Mdl;
    return parts_->call(callback, caller,
                        [&](Findings& findings) { return parts_->free_tracked(adapter, memory, kind, findings); });
}

// ---- the frame buffer's save area ----------------------------------------------------------------------------------

NTSTATUS Dxgkrnl::pin_frame_buffer(HANDLE handle, DXGKARGCB_PINFRAMEBUFFERFORSAVE* args, const void* caller) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->pMdl = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const DXGKARGCB_PINFRAMEBUFFERFORSAVE asked = *args;
    return parts_->call(Callback::PinFrameBufferForSave, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, true, findings, status);
        if (adapter == nullptr) return status;
        const unsigned index = asked.PhysicalAdapterIndex;
        const FrameList* area = adapter->save_area(index);
        const std::uint64_t pages = asked.CommitSize >> page_shift;
        // An MDL's ByteCount is a ULONG.
        if (area == nullptr || asked.CommitSize == 0 || !whole_pages(asked.CommitSize) || pages > area->size() ||
            pages > most_mdl_pages)
            return STATUS_INVALID_PARAMETER;
        if (find_pin(*adapter, index) != nullptr) return STATUS_INVALID_DEVICE_STATE;
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            tracked.area = index;
            if (!tracked.frames.add(*area, 0, pages)) return STATUS_INSUFFICIENT_RESOURCES;
            tracked.mdl = make_mdl(tracked.frames, asked.CommitSize);
            return tracked.mdl == nullptr ? STATUS_INSUFFICIENT_RESOURCES : give_access_or_nothing(tracked);
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::SaveArea, findings.caller(), fill);
        if (!tracked) return tracked.error();
        adapter->pinned[index] = *tracked;
        args->pMdl = (*tracked)->mdl;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::map_frame_buffer(HANDLE handle, DXGKARGCB_MAPFRAMEBUFFERPOINTER* args, const void* caller) {
    if (args == nullptr) return STATUS_INVALID_PARAMETER;
    args->pBaseAddress = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const DXGKARGCB_MAPFRAMEBUFFERPOINTER asked = *args;
    return parts_->call(Callback::MapFrameBufferPointer, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, true, findings, status);
        if (adapter == nullptr) return status;
        const FrameList* area = adapter->save_area(asked.PhysicalAdapterIndex);
        const std::uint64_t all = area == nullptr ? 0 : area->size() << page_shift;
        if (asked.Size == 0 || !whole_pages(asked.Size | asked.Offset) || asked.Offset >= all ||
            asked.Size > all - asked.Offset)
            return STATUS_INVALID_PARAMETER;
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            tracked.area = asked.PhysicalAdapterIndex;
            const ViewRequest view{
                .frames = *area, .first = asked.Offset >> page_shift, .pages = asked.Size >> page_shift};
            return make_view(parts_->ports.views, view, parts_->ports.execution.process(), tracked)
                       ? STATUS_SUCCESS
                       : STATUS_INSUFFICIENT_RESOURCES;
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::SaveAreaView, findings.caller(), fill);
        if (!tracked) return tracked.error();
        adapter->save_views.add(**tracked, number((*tracked)->view), number((*tracked)->view));
        args->pBaseAddress = (*tracked)->view;
        args->Offset = 0;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::end_frame_buffer(Callback callback, HANDLE handle, unsigned index, const void* view,
                                   const void* caller) {
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    return parts_->call(callback, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, true, findings, status);
        if (adapter == nullptr) return status;
        const bool pinned = callback == Callback::UnpinFrameBufferForSave;
        TrackedMemory* tracked = pinned ? find_pin(*adapter, index) : find_save_view(*adapter, index, view);
        if (tracked == nullptr) {
            findings.add(Check::UnknownView,
                         Text{}
                             .add("physical adapter ")
                             .add_number(index)
                             .add(pinned ? " has no pinned save area" : " has no view of its save area there"));
            return pinned ? STATUS_INVALID_DEVICE_STATE : STATUS_INVALID_ADDRESS;
        }
        parts_->check_dma(*adapter, findings);
        parts_->end_tracked(*tracked, findings.caller());
        return STATUS_SUCCESS;
    });
}

}  // namespace remap::callbacks
