// SPDX-License-Identifier: MIT
// The callbacks for what a driver saves of its frame buffer across power transitions: all of a save area pinned for the
// GPU, or parts of it mapped for the CPU (WDK page "IOMMU-based GPU isolation", Frame buffer reservation).
#include "callbacks/core/tracking.h"

namespace remap::callbacks {

namespace {

using Kind = TrackedMemory::Kind;

std::uint64_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

TrackedMemory* find_pin(const Adapter& adapter, unsigned area) {
    return area < adapter.pinned.size() ? adapter.pinned[area] : nullptr;
}

TrackedMemory* find_view(const Adapter& adapter, unsigned area, const void* view) {
    return adapter.save_views.find(number(view), number(view), [&](const TrackedMemory& tracked) {
        return tracked.view == view && tracked.area == area;
    });
}

bool whole_pages(std::uint64_t bytes) { return (bytes & (page_size - 1)) == 0; }

// Whether a pin of so much can be: STATUS_INVALID_PARAMETER, STATUS_INVALID_DEVICE_STATE.
NTSTATUS check_pin(const Adapter& adapter, unsigned index, std::uint64_t bytes) {
    const FrameList* area = adapter.save_area(index);
    if (area == nullptr || bytes == 0 || !whole_pages(bytes) || bytes >> page_shift > area->size())
        return STATUS_INVALID_PARAMETER;
    return find_pin(adapter, index) != nullptr ? STATUS_INVALID_DEVICE_STATE : STATUS_SUCCESS;
}

}  // namespace

NTSTATUS Dxgkrnl::pin_frame_buffer(HANDLE handle, DXGKARGCB_PINFRAMEBUFFERFORSAVE* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::PinFrameBufferForSave, caller, STATUS_INVALID_PARAMETER);
    args->pMdl = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const DXGKARGCB_PINFRAMEBUFFERFORSAVE asked = *args;
    return parts_->call(Callback::PinFrameBufferForSave, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_for_older(handle, true, findings, status);
        if (adapter == nullptr) return status;
        const unsigned index = asked.PhysicalAdapterIndex;
        const std::uint64_t pages = asked.CommitSize >> page_shift;
        status = pages > most_mdl_pages ? STATUS_INVALID_PARAMETER : check_pin(*adapter, index, asked.CommitSize);
        if (!NT_SUCCESS(status)) return status;
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            tracked.area = index;
            if (!tracked.frames.add(*adapter->save_area(index), 0, pages)) return STATUS_INSUFFICIENT_RESOURCES;
            tracked.mdl = make_mdl(tracked.frames, asked.CommitSize);
            return tracked.mdl == nullptr ? STATUS_INSUFFICIENT_RESOURCES : parts_->give_access(tracked);
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::SaveArea, findings, fill);
        if (!tracked) return tracked.error();
        adapter->pinned[index] = *tracked;
        args->pMdl = (*tracked)->mdl;
        return STATUS_SUCCESS;
    });
}

// The one that drivers of remapped adapters have in place of the other; it is for all modes.
NTSTATUS Dxgkrnl::pin_frame_buffer(HANDLE handle, DXGKARGCB_PINFRAMEBUFFERFORSAVE2* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::PinFrameBufferForSave2, caller, STATUS_INVALID_PARAMETER);
    args->pAdl = nullptr;
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const DXGKARGCB_PINFRAMEBUFFERFORSAVE2 asked = *args;
    return parts_->call(Callback::PinFrameBufferForSave2, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        Adapter* adapter = parts_->find_lead(handle, findings, status);
        if (adapter == nullptr) return status;
        if (asked.Flags.Reserved != 0) {
            findings.add(Check::ReservedBits, Text{}.add("Flags.Value is ").add_hex(asked.Flags.Value));
            return STATUS_INVALID_PARAMETER;
        }
        const unsigned index = asked.PhysicalAdapterIndex;
        status = check_pin(*adapter, index, asked.CommitSize);
        if (!NT_SUCCESS(status)) return status;
        const auto fill = [&](TrackedMemory& tracked) -> NTSTATUS {
            tracked.area = index;
            const AdlRequest request{.pages = asked.CommitSize >> page_shift,
                                     .prefer_contiguous = asked.Flags.PreferContiguous != 0};
            parts_->announce(tracked, *adapter->save_area(index), request.pages);
            const auto adl = Adl::make(adapter->view, *adapter->save_area(index), request, tracked.subject());
            if (!adl) return adl.error();
            tracked.adl = *adl;
            return STATUS_SUCCESS;
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::SaveArea, findings, fill);
        if (!tracked) return tracked.error();
        adapter->pinned[index] = *tracked;
        args->pAdl = (*tracked)->adl->handed_out();
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::map_frame_buffer(HANDLE handle, DXGKARGCB_MAPFRAMEBUFFERPOINTER* args, const void* caller) {
    if (args == nullptr) return refuse(Callback::MapFrameBufferPointer, caller, STATUS_INVALID_PARAMETER);
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
            return make_view(parts_->ports, view, tracked, findings.caller()) ? STATUS_SUCCESS
                                                                              : STATUS_INSUFFICIENT_RESOURCES;
        };
        const auto tracked = parts_->track_filled(*adapter, Kind::SaveAreaView, findings, fill);
        if (!tracked) return tracked.error();
        adapter->save_views.add(**tracked, number((*tracked)->view), number((*tracked)->view));
        args->pBaseAddress = (*tracked)->view;
        parts_->warn_of_conflicting_views((*tracked)->audited, findings);
        args->Offset = 0;
        return STATUS_SUCCESS;
    });
}

NTSTATUS Dxgkrnl::end_frame_buffer(Callback callback, HANDLE handle, unsigned index, const void* view,
                                   const void* caller) {
    if (parts_ == nullptr) return STATUS_INSUFFICIENT_RESOURCES;
    const bool unpins = callback == Callback::UnpinFrameBufferForSave;
    return parts_->call(callback, caller, [&](Findings& findings) -> NTSTATUS {
        NTSTATUS status = STATUS_SUCCESS;
        // A pin of a remapped adapter is ended like any other.
        const Adapter* named = parts_->find_adapter(handle);
        Adapter* adapter = unpins && named != nullptr && find_pin(*named, index) != nullptr
                               ? parts_->find_lead(handle, findings, status)
                               : parts_->find_for_older(handle, true, findings, status);
        if (adapter == nullptr) return status;
        TrackedMemory* tracked = unpins ? find_pin(*adapter, index) : find_view(*adapter, index, view);
        if (tracked == nullptr) {
            findings.add(Check::UnknownView,
                         Text{}
                             .add("physical adapter ")
                             .add_number(index)
                             .add(unpins ? " has no pinned save area" : " has no view of its save area there"));
            return unpins ? STATUS_INVALID_DEVICE_STATE : STATUS_INVALID_ADDRESS;
        }
        parts_->check_dma(*adapter, findings);
        parts_->end_tracked(*tracked, findings.caller());
        return STATUS_SUCCESS;
    });
}

}  // namespace remap::callbacks
