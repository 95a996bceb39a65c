// SPDX-License-Identifier: MIT
// The callbacks of WDDM 2.4 for memory, for adapters without linear remapping: they hand out MDLs and pointers, and
// under isolation what they hand out is mapped one to one (WDK page "IOMMU-based GPU isolation").
#include "callbacks/core/backing.h"
#include "callbacks/core/parts.h"
#include "callbacks/core/tracking.h"

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

}  // namespace

Adapter* Dxgkrnl::Parts::find_lead(HANDLE handle, Findings& findings, NTSTATUS& status) const {
    Adapter* adapter = find_adapter(handle);
    status = STATUS_SUCCESS;
    if (adapter == nullptr) {
        // One callback has no status to say it with.
        const bool strict = findings.caller().callback == Callback::UnmapMdlFromIoMmu;
        report_handle(HandleKind::Adapter, handle, findings, strict);
        status = STATUS_INVALID_HANDLE;
    } else if (!adapter->is_lead(handle)) {
        findings.add(Check::NotLeadAdapter,
                     Text{}.add("hAdapter ").add_pointer(handle).add(" is not the lead adapter"));
        status = STATUS_INVALID_PARAMETER;
    }
    return NT_SUCCESS(status) ? adapter : nullptr;
}

// The adapter that an older callback names, if it may use it.
Adapter* Dxgkrnl::Parts::find_for_older(HANDLE handle, bool lead, Findings& findings, NTSTATUS& status) const {
    Adapter* adapter = find_adapter(handle);
    if (adapter != nullptr && adapter->view.mode() == DmaMode::Remapping) {
        findings.add(Check::DeprecatedCallback, Text{}.add("the adapter's DMA is remapped"));
        status = STATUS_NOT_SUPPORTED;
        return nullptr;
    }
    if (lead) return find_lead(handle, findings, status);
    status = adapter == nullptr ? STATUS_INVALID_HANDLE : STATUS_SUCCESS;
    // UnmapMdlFromIoMmu has no status to say it with.
    const bool strict = findings.caller().callback == Callback::UnmapMdlFromIoMmu;
    if (adapter == nullptr) report_handle(HandleKind::Adapter, handle, findings, strict);
    return adapter;
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
    if (args == nullptr) return refuse(Callback::AllocateContiguousMemory, caller, STATUS_INVALID_PARAMETER);
    args->hMemoryHandle = nullptr;
    args->pMemory = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const auto request = read_create_request(as_object(*args));
    if (!request) return refuse(Callback::AllocateContiguousMemory, caller, request.error());
    return parts_->call(Callback::AllocateContiguousMemory, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, false, findings, status);
        if (adapter == nullptr) return status;
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            NTSTATUS filled = parts_->take_tracked_frames(*request, tracked);
            if (NT_SUCCESS(filled)) filled = parts_->give_access(tracked);
            if (!NT_SUCCESS(filled)) return filled;
            const ViewRequest view{tracked.frames, 0, request->pages, request->cache, AccessMode::Kernel, true};
            return make_view(parts_->ports, view, tracked, findings.caller()) ? STATUS_SUCCESS
                                                                              : STATUS_INSUFFICIENT_RESOURCES;
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::Contiguous, findings, fill);
        if (!tracked) return tracked.error();
        args->hMemoryHandle = (*tracked)->handle;
        args->pMemory = (*tracked)->view;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::allocate_pages(HANDLE handle, DXGKARGCB_ALLOCATEPAGESFORMDL* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::AllocatePagesForMdl, caller, STATUS_INVALID_PARAMETER);
    args->hMemoryHandle = nullptr;
    args->pMdl = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const auto request = read_create_request(as_object(*args));
    if (!request) return refuse(Callback::AllocatePagesForMdl, caller, request.error());
    return parts_->call(Callback::AllocatePagesForMdl, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, false, findings, status);
        if (adapter == nullptr) return status;
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            const NTSTATUS filled = parts_->take_tracked_frames(*request, tracked);
            if (!NT_SUCCESS(filled)) return filled;
            tracked.mdl = make_mdl(tracked.frames, request->pages << page_shift);
            return tracked.mdl == nullptr ? STATUS_INSUFFICIENT_RESOURCES : parts_->give_access(tracked);
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::Pages, findings, fill);
        if (!tracked) return tracked.error();
        args->hMemoryHandle = (*tracked)->handle;
        args->pMdl = (*tracked)->mdl;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::map_mdl(HANDLE handle, DXGKARGCB_MAPMDLTOIOMMU* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::MapMdlToIoMmu, caller, STATUS_INVALID_PARAMETER);
    args->hMemoryHandle = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    MDL* const mdl = args->pMdl;
    if (mdl == nullptr || mdl->ByteCount == 0) return refuse(Callback::MapMdlToIoMmu, caller, STATUS_INVALID_PARAMETER);
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
            return read_mdl(*mdl, tracked.frames) ? parts_->give_access(tracked) : STATUS_INSUFFICIENT_RESOURCES;
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::Mdl, findings, fill);
        if (!tracked) return tracked.error();
        args->hMemoryHandle = (*tracked)->handle;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::free_older(Callback callback, HANDLE adapter, const HANDLE* memory, const void* caller) {
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const Kind kind = callback == Callback::FreeContiguousMemory ? Kind::Contiguous
                      : callback == Callback::FreePagesFromMdl   ? Kind::Pages
                                                                 : Kind::Mdl;
    return parts_->call(callback, caller, [&](Findings& findings) -> NTSTATUS {
        if (memory != nullptr) return parts_->free_tracked(adapter, *memory, kind, findings);
        // The others say it with their status.
        if (kind == Kind::Mdl) findings.add(Check::NullArgument, Text{}.add("the argument is null"));
        return STATUS_INVALID_PARAMETER;
    });
}

}  // namespace remap::callbacks
