// SPDX-License-Identifier: MIT
#include "callbacks/miniport/services.h"

#include "callbacks/miniport/adapter.h"

#include <algorithm>
#include <array>
#include <utility>

namespace remap::miniport {

namespace {

constinit std::array<LogicalAdapter*, adapter_slots> adapters{};

template <unsigned slot>
struct Entry {
    // STATUS_INVALID_DEVICE_STATE without an adapter, STATUS_INVALID_PARAMETER for a handle of another.
    template <typename Body>
    static NTSTATUS with_device(HANDLE handle, Body body) {
        if (adapters[slot] == nullptr) return STATUS_INVALID_DEVICE_STATE;
        Device* device = adapters[slot]->find_device(handle);
        return device != nullptr ? body(*device) : STATUS_INVALID_PARAMETER;
    }

    static NTSTATUS APIENTRY get_information(HANDLE handle, PDXGK_DEVICE_INFO info) {
        return with_device(handle, [&](Device& device) { return device.get_information(info); });
    }
    static NTSTATUS APIENTRY map_memory(HANDLE handle, PHYSICAL_ADDRESS address, ULONG bytes, BOOLEAN io_space,
                                        BOOLEAN user_mode, MEMORY_CACHING_TYPE cache, PVOID* mapped) {
        const Device::MapRequest request{.first = static_cast<std::uint64_t>(address.QuadPart),
                                         .bytes = bytes,
                                         .io_space = io_space != FALSE,
                                         .user_mode = user_mode != FALSE,
                                         .cache = cache,
                                         .caller = __builtin_extract_return_addr(__builtin_return_address(0))};
        return with_device(handle, [&](Device& device) { return device.map_memory(request, mapped); });
    }
    static NTSTATUS APIENTRY unmap_memory(HANDLE handle, PVOID address) {
        return with_device(handle, [&](Device& device) { return device.unmap_memory(address); });
    }

    static void fill(DXGKRNL_INTERFACE& interface) {
        interface.DxgkCbGetDeviceInformation = get_information;
        interface.DxgkCbMapMemory = map_memory;
        interface.DxgkCbUnmapMemory = unmap_memory;
    }
};

template <unsigned... slots>
void fill(DXGKRNL_INTERFACE& interface, unsigned slot, std::integer_sequence<unsigned, slots...>) {
    (void)((slot == slots && (Entry<slots>::fill(interface), true)) || ...);
}

}  // namespace

bool bind_services(LogicalAdapter& adapter, std::span<DXGKRNL_INTERFACE> interfaces) {
    const auto free = std::find(adapters.begin(), adapters.end(), nullptr);
    if (free == adapters.end()) return false;
    *free = &adapter;
    const auto slot = static_cast<unsigned>(free - adapters.begin());
    for (DXGKRNL_INTERFACE& interface : interfaces)
        fill(interface, slot, std::make_integer_sequence<unsigned, adapter_slots>());
    return true;
}

void release_services(const LogicalAdapter& adapter) {
    for (LogicalAdapter*& bound : adapters)
        if (bound == &adapter) bound = nullptr;
}

}  // namespace remap::miniport
