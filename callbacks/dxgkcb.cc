// SPDX-License-Identifier: MIT
#include "callbacks/dxgkcb.h"

#include "callbacks/core/dxgkrnl.h"

#include <array>
#include <utility>

namespace remap::callbacks {

namespace {

// The only state outside a machine: which machine answers at which set of entry points.
constinit std::array<Dxgkrnl*, binding_slots> machines{};

// The entry points of one slot. A call after release finds no machine and is refused.
template <unsigned slot>
struct Entry {
    static NTSTATUS APIENTRY create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args) {
        return machines[slot] ? machines[slot]->create(args) : STATUS_INVALID_DEVICE_STATE;
    }
    static VOID APIENTRY destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args) {
        if (machines[slot]) machines[slot]->destroy(args);
    }
    static NTSTATUS APIENTRY map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args) {
        return machines[slot] ? machines[slot]->map(args) : STATUS_INVALID_DEVICE_STATE;
    }
    static VOID APIENTRY unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args) {
        if (machines[slot]) machines[slot]->unmap(args);
    }
    static NTSTATUS APIENTRY allocate_adl(DXGKARGCB_ALLOCATE_ADL* args) {
        return machines[slot] ? machines[slot]->allocate_adl(args) : STATUS_INVALID_DEVICE_STATE;
    }
    static VOID APIENTRY free_adl(const DXGKARGCB_FREE_ADL* args) {
        if (machines[slot]) machines[slot]->free_adl(args);
    }
    static NTSTATUS APIENTRY open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args) {
        return machines[slot] ? machines[slot]->open(args) : STATUS_INVALID_DEVICE_STATE;
    }
    static VOID APIENTRY close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args) {
        if (machines[slot]) machines[slot]->close(args);
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
