// SPDX-License-Identifier: MIT
// The part of the graphics kernel that owns physical memory objects: one object a machine. The C entry points in
// callbacks/dxgkcb.h hand each call of a driver to it.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "callbacks/core/ports.h"
#include "callbacks/ddk/d3dkmddi.h"

#include <cstdint>

namespace remap::callbacks {

// What the driver reports about an adapter before it starts, and how the machine can serve it.
struct AdapterDescription {
    PhysicalAddress highest_visible;  // DXGK_PHYSICAL_MEMORY_CAPS.HighestVisibleAddress: the last byte it can address
    bool dma_remapping_supported = false;  // DXGK_IOMMU_CAPS.DmaRemappingSupported
    DmaDomainPort* domain = nullptr;       // the DMA domain of the logical adapter; null: no IOMMU in front of it
    unsigned physical_adapters = 1;        // length of the linked chain, 1 to 8
};

struct Ports {
    FramePort& frames;
    CpuViewPort& views;
    ReportPort& reports;
};

class Dxgkrnl {
public:
    explicit Dxgkrnl(const Ports& ports);

    // Reports what the driver leaked (open objects, ADLs, mappings) as stop_adapter does, and frees it.
    ~Dxgkrnl();
    Dxgkrnl(const Dxgkrnl&) = delete;
    Dxgkrnl& operator=(const Dxgkrnl&) = delete;

    // Starts a logical adapter. On success handles[0 .. physical_adapters) hold the DeviceHandle of each physical
    // adapter of the chain; any of them names the logical adapter.
    //   Linear remapping when there is a domain and the driver supports it; else physical mode.
    //   STATUS_DEVICE_CONFIGURATION_ERROR when the adapter cannot reach all of memory and
    //   remapping is not possible; STATUS_INVALID_PARAMETER for a description that makes no sense;
    //   STATUS_INSUFFICIENT_RESOURCES.
    NTSTATUS start_adapter(const AdapterDescription& description, HANDLE* handles);

    // Stops it. Objects that are still open on it and their ADLs are reported as leaks (bugcheck 0x1E4, parameter 1 = 6
    // and 7, each once with the count), CPU views of them as a warning; then ADLs, views and the objects are taken
    // back. Objects that are not open stay. The handle of any adapter of the chain stops all of it.
    void stop_adapter(HANDLE adapter);

    // Whether ADLs of this adapter hold logical page numbers.
    bool remaps(HANDLE adapter) const;

    // The eight callbacks; rules and errors stand at each in callbacks/ddk/d3dkmddi.h.
    NTSTATUS create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args);
    void destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args);
    NTSTATUS map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args);
    void unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args);
    NTSTATUS allocate_adl(DXGKARGCB_ALLOCATE_ADL* args);
    void free_adl(const DXGKARGCB_FREE_ADL* args);
    NTSTATUS open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args);
    void close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args);

    // The frames behind an object, for tests and monitors: how many pages, and the frame of each. 0 for a bad handle.
    std::uint64_t page_count(HANDLE object) const;
    PhysicalPage frame(HANDLE object, std::uint64_t index) const;

    // The frame behind a page of an ADL that this machine handed out; for tests and monitors, as a driver may not know.
    Result<PhysicalPage, NTSTATUS> frame_behind(HANDLE adapter, std::uint64_t adl_page) const;

private:
    struct Parts;
    Parts* parts_;
};

}  // namespace remap::callbacks
