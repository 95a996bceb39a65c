// SPDX-License-Identifier: MIT
// A whole hosted machine for a driver's own unit tests: memory, IOMMU, GPUs, and a DXGKRNL_INTERFACE for each.
//
//     auto system = remap::hosted::System::create({});
//     auto adapter = (*system)->start_adapter({});
//     DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create = {};
//     ...
//     NTSTATUS status = adapter->interface.DxgkCbCreatePhysicalMemoryObject(&create);
//
// Any thread may call the callbacks; one at a time starts and stops adapters. The GPUs work on threads of their own.
// Several systems may live in one process (at most callbacks::binding_slots).
#pragma once

#include "callbacks/core/dxgkrnl.h"
#include "callbacks/ddk/dispmprt.h"
#include "callbacks/hosted/ports.h"
#include "callbacks/hosted/reports.h"
#include "callbacks/vtd/fault_inbox.h"
#include "callbacks/vtd/unit_dma.h"
#include "hw/hosted/directory.h"
#include "hw/hosted/hosted_gpu.h"
#include "hw/hosted/machine.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace remap::hosted {

class DriverEvents;

struct SystemOptions {
    callbacks::VerifierOptions verifier = {};
    OnBugcheck on_bugcheck = OnBugcheck::Stop;
};

struct AdapterOptions {
    GpuOptions gpu = {};
    std::vector<GpuOptions> linked = {};  // further GPUs of the chain, at most 7
    ULONG version = DXGKDDI_INTERFACE_VERSION_WDDM3_0;

    // What the driver answers to DxgkDdiQueryAdapterInfo.
    std::vector<PhysicalAddress> highest_visible =
        {};                                    // of each GPU of the chain; empty: as far as its address bits go
    bool remapping = true;                     // DXGK_IOMMU_CAPS.DmaRemappingSupported
    bool map_aperture2 = true;                 // DXGK_VIDMMCAPS.MapAperture2Supported
    bool isolation = false;                    // DXGK_IOMMU_CAPS.IommuIsolationSupported
    bool isolation_required = false;           // DXGK_IOMMU_CAPS.IommuIsolationRequired
    std::optional<DXGK_IOMMU_CAPS> caps = {};  // all of them, in place of the three
    std::vector<callbacks::ReservedRange> reserved = {};
    std::vector<std::uint64_t> frame_buffer_save = {};  // bytes for each GPU of the chain; empty: none

    callbacks::DmaMode preferred = callbacks::DmaMode::Remapping;  // what the system would have
    callbacks::DriverPort* driver = nullptr;                       // Begin and EndExclusiveAccess; outlives the adapter
};

// A physical adapter: what the driver of one GPU of the chain has.
struct LinkedAdapter {
    DXGKRNL_INTERFACE interface = {};
    HANDLE device = nullptr;
    HostedGpu* gpu = nullptr;
};

// A logical adapter; it is its own first physical one.
struct Adapter : LinkedAdapter {
    std::vector<LinkedAdapter> linked;
};

class System {
public:
    // The error is a sentence for people.
    static Result<std::unique_ptr<System>, std::string> create(const MachineOptions& machine_options,
                                                               const SystemOptions& options = {});
    ~System();
    System(const System&) = delete;
    System& operator=(const System&) = delete;

    // Adds GPUs and starts them as one logical adapter, in the mode that callbacks::choose_mode finds. Statuses as
    // Dxgkrnl::start_adapter; STATUS_INVALID_PARAMETER too for a source id that is taken.
    Result<Adapter, NTSTATUS> start_adapter(const AdapterOptions& options);
    void stop_adapter(const Adapter& adapter);

    // Publishes an object's pages in the machine's memory under a name of the caller's choice, for View::map in another
    // process (which finds them with Directory). Pages of a section may move, and are to be locked by an ADL. False for
    // a bad handle, or as Directory::publish says.
    bool publish(HANDLE object, std::uint64_t name, callbacks::CacheType cache);

    // Which views show a page now, whoever made them by the callbacks or the kernel services (over views()): where,
    // with which cache type, for which object, and where in the driver each was made.
    std::vector<callbacks::ShownPage> views_of(PhysicalPage page) const;

    Machine& machine() { return *machine_; }
    callbacks::Dxgkrnl& dxgkrnl() { return *dxgkrnl_; }
    vtd_driver::Unit* unit() { return unit_.get(); }  // null without an IOMMU

    // The oldest fault record of the IOMMU that nobody has taken. Records of an adapter's devices are also taken by the
    // callbacks that look for misuse (FreeAdl, Close, Destroy, and Dxgkrnl::check_dma).
    std::optional<vtd_driver::Fault> take_fault() { return inbox_ ? inbox_->take() : std::nullopt; }

    Frames& frames() { return frames_; }
    Views& views() { return views_; }
    Reports& reports() { return reports_; }

private:
    struct Started {
        HANDLE device = nullptr;  // of the lead adapter
        std::vector<std::uint16_t> sources;
        std::unique_ptr<callbacks::UnitDma> dma;
    };

    System(std::unique_ptr<Machine> machine, const SystemOptions& options);
    Result<Started, NTSTATUS> connect(const AdapterOptions& options);
    NTSTATUS start(const AdapterOptions& options, const Started& started, std::span<HANDLE> handles);
    NTSTATUS fill(LinkedAdapter& adapter, HANDLE device, const GpuOptions& gpu, ULONG version);

    std::unique_ptr<Machine> machine_;
    Frames frames_;
    Views views_;
    Execution execution_;
    Reports reports_;
    std::unique_ptr<DriverEvents> driver_events_;  // null: the machine is in no laboratory
    std::unique_ptr<UnitAccess> access_;
    std::unique_ptr<vtd_driver::Unit> unit_;
    std::optional<callbacks::FaultInbox> inbox_;
    std::unique_ptr<callbacks::Dxgkrnl> dxgkrnl_;
    std::vector<Started> started_;
    std::vector<Started> stopping_;  // in stop_adapter, which a bugcheck may end early
};

}  // namespace remap::hosted
