// SPDX-License-Identifier: MIT
// The part of the graphics kernel that owns physical memory objects: one object a machine. The C entry points in
// callbacks/dxgkcb.h hand each call of a driver to it. Any thread may call.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "callbacks/core/dma_mode.h"
#include "callbacks/core/failures.h"
#include "callbacks/core/ports.h"
#include "callbacks/ddk/d3dkmddi.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace remap::callbacks {

inline constexpr unsigned most_physical_adapters = 8;

// Physical memory that the firmware keeps for a device (DXGKQAITYPE_HARDWARERESERVEDRANGES).
struct ReservedRange {
    PhysicalAddress first;    // page aligned
    std::uint64_t bytes = 0;  // a multiple of the page size
};

// What the driver reports about an adapter before it starts, and how the machine can serve it.
struct AdapterDescription {
    // DXGK_PHYSICAL_MEMORY_CAPS.HighestVisibleAddress of each physical adapter of the linked chain, 1 to 8 of them: the
    // last byte it can address. The least one counts.
    std::span<const PhysicalAddress> highest_visible{};
    DXGK_IOMMU_CAPS iommu{};     // as DXGKQAITYPE_IOMMU_CAPS was answered
    bool map_aperture2 = false;  // DXGK_VIDMMCAPS.MapAperture2Supported
    ULONG version = DXGKDDI_INTERFACE_VERSION_WDDM3_0;
    std::span<const ReservedRange> reserved{};  // at most `most_reserved_ranges`
    // Bytes of frame buffer that each physical adapter saves in system memory (DXGKQAITYPE_FRAMEBUFFERSAVESIZE),
    // multiples of the page size; empty: none.
    std::span<const std::uint64_t> frame_buffer_save{};
    DmaMode preferred = DmaMode::Remapping;  // what the system would have; see choose_mode
    DmaPort* dma = nullptr;                  // null: no IOMMU in front of the adapter
    DriverPort* driver = nullptr;            // null: the devices are silent whenever the system wants them to be
};
inline constexpr std::size_t most_reserved_ranges = 16;

class Witness;

struct Ports {
    FramePort& frames;
    CpuViewPort& views;
    ExecutionPort& execution;
    ReportPort& reports;
    Witness* witness = nullptr;  // told of what happens; of CPU views by views.audit, which has to be given it too
};

struct VerifierOptions {
    bool enabled = true;  // checks without a documented bugcheck stop the machine; else they are warnings

    // Moves the pages of sections that no ADL locks before each callback, as memory under pressure does: a driver that
    // keeps physical addresses of them fails. Costs a copy of each such page a call.
    bool move_sections = false;
};

class Dxgkrnl {
public:
    explicit Dxgkrnl(const Ports& ports, const VerifierOptions& options = {});

    // Reports what the driver leaked (open objects, ADLs, mappings) as stop_adapter does, and frees it.
    ~Dxgkrnl();
    Dxgkrnl(const Dxgkrnl&) = delete;
    Dxgkrnl& operator=(const Dxgkrnl&) = delete;

    // Starts a logical adapter: chooses its mode, maps the reserved ranges, and attaches its devices. On success
    // handles[0 .. highest_visible.size()) hold the DeviceHandle of each physical adapter of the chain; any of them
    // names the logical adapter, and the first is the lead adapter.
    //   STATUS_DEVICE_CONFIGURATION_ERROR  the adapter cannot reach all of memory and remapping is not possible, or it
    //                                      requires an IOMMU that is not there, or the IOMMU refuses its devices
    //   STATUS_INVALID_PARAMETER           a description that makes no sense; a reserved range that is not made of
    //   whole
    //                                      pages, is out of the adapter's sight, or overlaps memory the system manages
    //   STATUS_INSUFFICIENT_RESOURCES      no memory for book-keeping, tables, or the frame buffer's save area
    NTSTATUS start_adapter(const AdapterDescription& description, HANDLE* handles);

    // Stops it. Objects that are still open on it and their ADLs are reported as leaks (bugcheck 0x1E4, parameter 1 = 6
    // and 7, each once with the count), CPU views of them and memory of the older callbacks by checks of their own;
    // then all is taken back. Objects that are not open stay. The handle of any adapter of the chain stops all of it.
    void stop_adapter(HANDLE adapter);

    // Nothing for a handle that is no started adapter.
    std::optional<DmaMode> mode(HANDLE adapter) const;
    // Whether ADLs of this adapter hold logical page numbers.
    bool remaps(HANDLE adapter) const { return mode(adapter) == DmaMode::Remapping; }

    // Switches the adapter's devices to their domain between DxgkDdiBeginExclusiveAccess and DxgkDdiEndExclusiveAccess:
    // turns isolation on for an adapter in physical mode whose driver supports it (all it has allocated is mapped
    // first); for one that has its domain, takes the domain away and attaches it again, as across a power transition.
    // A device that is not silent is reported (AccessDuringSwitch).
    //   STATUS_INVALID_HANDLE; STATUS_NOT_SUPPORTED: no IOMMU, or the driver supports no isolation;
    //   STATUS_INSUFFICIENT_RESOURCES: no memory for tables: the adapter is as it was;
    //   STATUS_DEVICE_CONFIGURATION_ERROR: the IOMMU refused the domain, which is a bugcheck (0x1E4, 0xA);
    //   and what the driver's DDIs return.
    NTSTATUS switch_domain(HANDLE adapter);

    // Looks at what the IOMMU has refused the adapter's devices since the last look, and reports what it finds: use of
    // freed pages, CPU addresses given to the GPU. FreeAdl, Close, Destroy and stop_adapter do it too.
    void check_dma(HANDLE adapter);

    // The callbacks; rules and errors stand at each in callbacks/ddk/. `caller` is the address that the driver's call
    // returns to, for reports.
    NTSTATUS create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* args, const void* caller = nullptr);
    void destroy(const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* args, const void* caller = nullptr);
    NTSTATUS map(DXGKARGCB_MAP_PHYSICAL_MEMORY* args, const void* caller = nullptr);
    void unmap(const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* args, const void* caller = nullptr);
    NTSTATUS allocate_adl(DXGKARGCB_ALLOCATE_ADL* args, const void* caller = nullptr);
    void free_adl(const DXGKARGCB_FREE_ADL* args, const void* caller = nullptr);
    NTSTATUS open(DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* args, const void* caller = nullptr);
    void close(const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* args, const void* caller = nullptr);

    // The ten older ones. With linear remapping each is refused (DeprecatedCallback, STATUS_NOT_SUPPORTED), but the
    // second form of pin_frame_buffer (DxgkCbPinFrameBufferForSave2) and the end of such a pin.
    NTSTATUS allocate_contiguous(HANDLE adapter, DXGKARGCB_ALLOCATECONTIGUOUSMEMORY* args,
                                 const void* caller = nullptr);
    NTSTATUS allocate_pages(HANDLE adapter, DXGKARGCB_ALLOCATEPAGESFORMDL* args, const void* caller = nullptr);
    NTSTATUS map_mdl(HANDLE adapter, DXGKARGCB_MAPMDLTOIOMMU* args, const void* caller = nullptr);
    NTSTATUS pin_frame_buffer(HANDLE adapter, DXGKARGCB_PINFRAMEBUFFERFORSAVE* args, const void* caller = nullptr);
    NTSTATUS pin_frame_buffer(HANDLE adapter, DXGKARGCB_PINFRAMEBUFFERFORSAVE2* args, const void* caller = nullptr);
    NTSTATUS map_frame_buffer(HANDLE adapter, DXGKARGCB_MAPFRAMEBUFFERPOINTER* args, const void* caller = nullptr);
    // FreeContiguousMemory, FreePagesFromMdl, UnmapMdlFromIoMmu, with the tracking handle; null: the argument is.
    NTSTATUS free_older(Callback callback, HANDLE adapter, const HANDLE* memory, const void* caller = nullptr);
    // UnpinFrameBufferForSave (no view) and UnmapFrameBufferPointer, with the physical adapter's index.
    NTSTATUS end_frame_buffer(Callback callback, HANDLE adapter, unsigned index, const void* view,
                              const void* caller = nullptr);

    // A call whose arguments are not even looked at: the witness is told of it, and it returns `status`.
    NTSTATUS refuse(Callback callback, const void* caller, NTSTATUS status) const;

    // Failure on demand, of the callbacks that return a status; see failures.h.
    Failures& failures() { return failures_; }

    // Moves every page of a section that no ADL locks to another frame; views and data stay. STATUS_INVALID_HANDLE,
    // STATUS_NOT_SUPPORTED for what is no section, STATUS_NO_MEMORY when there is no other memory.
    NTSTATUS move_pages(HANDLE object);

    // The frames behind an object, for tests and monitors: how many pages, and the frame of each. 0 for a bad handle.
    std::uint64_t page_count(HANDLE object) const;
    PhysicalPage frame(HANDLE object, std::uint64_t index) const;

    // The frame behind a page of an ADL that this machine handed out; for tests and monitors, as a driver may not know.
    Result<PhysicalPage, NTSTATUS> frame_behind(HANDLE adapter, std::uint64_t adl_page) const;

private:
    struct Parts;
    Failures failures_;
    Parts* parts_;  // null: there was no memory, and everything is refused
};

}  // namespace remap::callbacks
