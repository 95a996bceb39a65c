// SPDX-License-Identifier: MIT
// A device as the machine has it, and the callbacks through which a driver reaches it: DxgkCbGetDeviceInformation,
// DxgkCbMapMemory, DxgkCbUnmapMemory (WDK pages of the same names).
#pragma once

#include "base/address.h"
#include "callbacks/core/view_audit.h"
#include "callbacks/ddk/dispmprt.h"

#include <array>
#include <cstdint>
#include <memory>

namespace remap::miniport {

inline constexpr unsigned bars_per_device = 6;

struct DeviceRange {
    PhysicalAddress first;
    std::uint64_t bytes = 0;
    bool prefetchable = false;
};

struct DeviceDescription {
    std::array<DeviceRange, bars_per_device> ranges{};  // memory BARs, in their order
    unsigned range_count = 0;
    ULONG bus = 0;
};

// The machine's memory as a driver's callbacks see it.
class DevicePort {
public:
    // A view of device memory in the kernel, or null. `cache` is MmNonCached, MmCached or MmWriteCombined.
    virtual void* map_device_memory(PhysicalAddress first, std::uint64_t bytes, MEMORY_CACHING_TYPE cache) = 0;
    virtual void unmap_device_memory(void* base, std::uint64_t bytes) = 0;

    // All views of the machine, and where a finding about them goes. Called without any lock.
    virtual callbacks::ViewAudit& view_audit() = 0;
    virtual void report(const callbacks::Report& report) = 0;

    virtual std::uint64_t installed_bytes() const = 0;
    virtual PhysicalAddress highest_installed() const = 0;

protected:
    ~DevicePort() = default;
};

// One physical adapter of a chain: its device object, its resources, its views.
class Device {
public:
    void describe(const DeviceDescription& description, DevicePort& port);

    PDEVICE_OBJECT object() { return &object_; }
    void set_context(PVOID context) { context_ = context; }
    PVOID context() const { return context_; }
    void set_handle(HANDLE handle) { handle_ = handle; }
    HANDLE handle() const { return handle_; }

    // The resource list is shown while the device starts, as on Windows it is valid no longer.
    void show_resources(bool shown) { resources_shown_ = shown; }

    NTSTATUS get_information(PDXGK_DEVICE_INFO info);

    // STATUS_INVALID_PARAMETER: not inside a range of the device, I/O space, user mode (ours: neither is provided), or
    // an unknown cache type. STATUS_NO_MEMORY: no room for it. A page that is mapped with another cache type already is
    // reported (ConflictingViews).
    struct MapRequest {
        std::uint64_t first = 0;  // address
        std::uint64_t bytes = 0;
        bool io_space = false;
        bool user_mode = false;
        MEMORY_CACHING_TYPE cache = MmNonCached;
        const void* caller = nullptr;  // in the driver
    };
    NTSTATUS map_memory(const MapRequest& request, PVOID* mapped);
    NTSTATUS unmap_memory(PVOID address);

    // Views that the driver left; takes them down.
    unsigned take_back_views();

private:
    static constexpr unsigned most_views = 32;
    struct View {
        void* base = nullptr;
        std::uint64_t bytes = 0;
        std::unique_ptr<callbacks::AuditedView> audited;  // an adapter may lie on a small stack
    };
    struct ResourceList {
        CM_RESOURCE_LIST list;
        CM_PARTIAL_RESOURCE_DESCRIPTOR more[bars_per_device - 1];
    };
    static_assert(sizeof(ResourceList) == sizeof(CM_RESOURCE_LIST) + 5 * 20, "descriptors follow each other");

    bool owns(std::uint64_t first, std::uint64_t bytes) const;
    bool audit(View& view, const MapRequest& request);
    void end(View& view);

    DevicePort* port_ = nullptr;
    DeviceDescription description_;
    DEVICE_OBJECT object_{};
    ResourceList resources_{};
    bool resources_shown_ = false;
    PVOID context_ = nullptr;
    HANDLE handle_ = nullptr;
    View views_[most_views];
};

}  // namespace remap::miniport
