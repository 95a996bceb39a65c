// SPDX-License-Identifier: MIT
#include "callbacks/dxgkcb.h"

#include "callbacks/core/dxgkrnl.h"

#include <array>
#include <utility>

namespace remap::callbacks {

namespace {

// The only state outside a machine: which machine answers at which set of entry points.
constinit std::array<Dxgkrnl*, binding_slots> machines{};

// The entry points of one slot. A call after release finds no machine and is refused. Each knows where it returns to,
// which is where the driver called it. A pointer that is null is the machine's to report.
template <unsigned slot>
struct Entry {
    template <typename Call>
    static NTSTATUS with_machine(Call call) {
        return machines[slot] ? call(*machines[slot]) : STATUS_INVALID_DEVICE_STATE;
    }

    static NTSTATUS APIENTRY create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args) {
        return with_machine([=, caller = __builtin_return_address(0)](Dxgkrnl& m) { return m.create(args, caller); });
    }
    static VOID APIENTRY destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args) {
        if (machines[slot]) machines[slot]->destroy(args, __builtin_return_address(0));
    }
    static NTSTATUS APIENTRY map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args) {
        return with_machine([=, caller = __builtin_return_address(0)](Dxgkrnl& m) { return m.map(args, caller); });
    }
    static VOID APIENTRY unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args) {
        if (machines[slot]) machines[slot]->unmap(args, __builtin_return_address(0));
    }
    static NTSTATUS APIENTRY allocate_adl(DXGKARGCB_ALLOCATE_ADL* args) {
        return with_machine(
            [=, caller = __builtin_return_address(0)](Dxgkrnl& m) { return m.allocate_adl(args, caller); });
    }
    static VOID APIENTRY free_adl(const DXGKARGCB_FREE_ADL* args) {
        if (machines[slot]) machines[slot]->free_adl(args, __builtin_return_address(0));
    }
    static NTSTATUS APIENTRY open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args) {
        return with_machine([=, caller = __builtin_return_address(0)](Dxgkrnl& m) { return m.open(args, caller); });
    }
    static VOID APIENTRY close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args) {
        if (machines[slot]) machines[slot]->close(args, __builtin_return_address(0));
    }

    // ---- the older ones ----

    static NTSTATUS APIENTRY allocate_contiguous(HANDLE adapter, DXGKARGCB_ALLOCATECONTIGUOUSMEMORY* args) {
        return with_machine([=, caller = __builtin_return_address(0)](Dxgkrnl& m) {
            return m.allocate_contiguous(adapter, args, caller);
        });
    }
    static NTSTATUS APIENTRY free_contiguous(HANDLE adapter, const DXGKARGCB_FREECONTIGUOUSMEMORY* args) {
        return free_older(Callback::FreeContiguousMemory, adapter, args, __builtin_return_address(0));
    }
    static NTSTATUS APIENTRY allocate_pages(HANDLE adapter, DXGKARGCB_ALLOCATEPAGESFORMDL* args) {
        return with_machine(
            [=, caller = __builtin_return_address(0)](Dxgkrnl& m) { return m.allocate_pages(adapter, args, caller); });
    }
    static NTSTATUS APIENTRY free_pages(HANDLE adapter, const DXGKARGCB_FREEPAGESFROMMDL* args) {
        return free_older(Callback::FreePagesFromMdl, adapter, args, __builtin_return_address(0));
    }
    static NTSTATUS APIENTRY map_mdl(HANDLE adapter, DXGKARGCB_MAPMDLTOIOMMU* args) {
        return with_machine(
            [=, caller = __builtin_return_address(0)](Dxgkrnl& m) { return m.map_mdl(adapter, args, caller); });
    }
    static VOID APIENTRY unmap_mdl(HANDLE adapter, const DXGKARGCB_UNMAPMDLFROMIOMMU* args) {
        (void)free_older(Callback::UnmapMdlFromIoMmu, adapter, args, __builtin_return_address(0));
    }
    static NTSTATUS APIENTRY pin_frame_buffer(HANDLE adapter, DXGKARGCB_PINFRAMEBUFFERFORSAVE* args) {
        return with_machine([=, caller = __builtin_return_address(0)](Dxgkrnl& m) {
            return m.pin_frame_buffer(adapter, args, caller);
        });
    }
    static NTSTATUS APIENTRY pin_frame_buffer_2(HANDLE adapter, DXGKARGCB_PINFRAMEBUFFERFORSAVE2* args) {
        return with_machine([=, caller = __builtin_return_address(0)](Dxgkrnl& m) {
            return m.pin_frame_buffer(adapter, args, caller);
        });
    }
    static NTSTATUS APIENTRY unpin_frame_buffer(HANDLE adapter, const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE* args) {
        return end_frame_buffer(Callback::UnpinFrameBufferForSave, adapter, args, nullptr, __builtin_return_address(0));
    }
    static NTSTATUS APIENTRY map_frame_buffer(HANDLE adapter, DXGKARGCB_MAPFRAMEBUFFERPOINTER* args) {
        return with_machine([=, caller = __builtin_return_address(0)](Dxgkrnl& m) {
            return m.map_frame_buffer(adapter, args, caller);
        });
    }
    static NTSTATUS APIENTRY unmap_frame_buffer(HANDLE adapter, const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER* args) {
        return end_frame_buffer(Callback::UnmapFrameBufferPointer, adapter, args,
                                args == nullptr ? nullptr : args->pBaseAddress, __builtin_return_address(0));
    }

    template <typename Args>
    static NTSTATUS free_older(Callback callback, HANDLE adapter, const Args* args, const void* caller) {
        const HANDLE* const memory = args == nullptr ? nullptr : &args->hMemoryHandle;
        return with_machine([&](Dxgkrnl& m) { return m.free_older(callback, adapter, memory, caller); });
    }
    template <typename Args>
    static NTSTATUS end_frame_buffer(Callback callback, HANDLE adapter, const Args* args, const void* view,
                                     const void* caller) {
        return with_machine([&](Dxgkrnl& m) {
            if (args == nullptr) return m.refuse(callback, caller, STATUS_INVALID_PARAMETER);
            return m.end_frame_buffer(callback, adapter, args->PhysicalAdapterIndex, view, caller);
        });
    }

    static void fill(DXGKRNL_INTERFACE& table) {
        table.DxgkCbCreatePhysicalMemoryObject = create;
        table.DxgkCbDestroyPhysicalMemoryObject = destroy;
        table.DxgkCbMapPhysicalMemory = map;
        table.DxgkCbUnmapPhysicalMemory = unmap;
        table.DxgkCbAllocateAdl = allocate_adl;
        table.DxgkCbFreeAdl = free_adl;
        table.DxgkCbOpenPhysicalMemoryObject = open;
        table.DxgkCbClosePhysicalMemoryObject = close;
        table.DxgkCbAllocateContiguousMemory = allocate_contiguous;
        table.DxgkCbFreeContiguousMemory = free_contiguous;
        table.DxgkCbAllocatePagesForMdl = allocate_pages;
        table.DxgkCbFreePagesFromMdl = free_pages;
        table.DxgkCbMapMdlToIoMmu = map_mdl;
        table.DxgkCbUnmapMdlFromIoMmu = unmap_mdl;
        table.DxgkCbPinFrameBufferForSave = pin_frame_buffer;
        table.DxgkCbPinFrameBufferForSave2 = pin_frame_buffer_2;
        table.DxgkCbUnpinFrameBufferForSave = unpin_frame_buffer;
        table.DxgkCbMapFrameBufferPointer = map_frame_buffer;
        table.DxgkCbUnmapFrameBufferPointer = unmap_frame_buffer;
    }
};

template <unsigned... slots>
void fill(DXGKRNL_INTERFACE& table, unsigned slot, std::integer_sequence<unsigned, slots...>) {
    (void)((slot == slots && (Entry<slots>::fill(table), true)) || ...);
}

// Bytes that the interface of a version has; 0 for one that has no physical memory objects or is not known.
ULONG interface_size(ULONG version) {
    switch (version) {
        case DXGKDDI_INTERFACE_VERSION_WDDM2_9:
        case DXGKDDI_INTERFACE_VERSION_WDDM3_0: return FIELD_OFFSET(DXGKRNL_INTERFACE, DxgkCbDisconnectDoorbell);
        case DXGKDDI_INTERFACE_VERSION_WDDM3_1:
        case DXGKDDI_INTERFACE_VERSION_WDDM3_2: return sizeof(DXGKRNL_INTERFACE);
        default: return 0;
    }
}

// The slot of a machine, or else a free one; binding_slots when there is neither.
unsigned slot_for(const Dxgkrnl* machine) {
    unsigned free = binding_slots;
    for (unsigned slot = 0; slot < binding_slots; ++slot) {
        if (machines[slot] == machine) return slot;
        if (machines[slot] == nullptr && free == binding_slots) free = slot;
    }
    return free;
}

}  // namespace

NTSTATUS bind(Dxgkrnl& machine, HANDLE device, ULONG version, DXGKRNL_INTERFACE* interface) {
    const ULONG size = interface_size(version);
    if (interface == nullptr || size == 0) return STATUS_INVALID_PARAMETER;
    const unsigned slot = slot_for(&machine);
    if (slot == binding_slots) return STATUS_INSUFFICIENT_RESOURCES;
    machines[slot] = &machine;
    *interface = DXGKRNL_INTERFACE{};
    interface->Size = size;
    interface->Version = version;
    interface->DeviceHandle = device;
    fill(*interface, slot, std::make_integer_sequence<unsigned, binding_slots>());
    return STATUS_SUCCESS;
}

void release(Dxgkrnl& machine) {
    for (Dxgkrnl*& bound : machines)
        if (bound == &machine) bound = nullptr;
}

}  // namespace remap::callbacks
