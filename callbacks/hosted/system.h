// SPDX-License-Identifier: MIT
// A whole hosted machine for a driver's own unit tests: memory, IOMMU, GPUs, and a DXGKRNL_INTERFACE for each.
//
//     auto system = remap::hosted::System::create({});
//     auto adapter = (*system)->start_adapter({});
//     DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create = {};
//     ...
//     NTSTATUS status = adapter->interface.DxgkCbCreatePhysicalMemoryObject(&create);
//
// One thread at a time calls a system and its callbacks; the GPUs work on threads of their own. Several systems may
// live in one process (at most callbacks::binding_slots).
#pragma once

#include "callbacks/core/dxgkrnl.h"
#include "callbacks/ddk/dispmprt.h"
#include "callbacks/hosted/ports.h"
#include "hw/hosted/directory.h"
#include "hw/hosted/hosted_gpu.h"
#include "hw/hosted/machine.h"

#include <memory>
#include <string>
#include <vector>

namespace remap::hosted {

struct AdapterOptions {
    GpuOptions gpu = {};
    bool remapping = true;  // what the driver says in DXGK_IOMMU_CAPS.DmaRemappingSupported
    ULONG version = DXGKDDI_INTERFACE_VERSION_WDDM3_0;
};

struct Adapter {
    DXGKRNL_INTERFACE interface = {};
    HANDLE device = nullptr;
    HostedGpu* gpu = nullptr;
};

class System {
public:
    // The error is a sentence for people.
    static Result<std::unique_ptr<System>, std::string> create(const MachineOptions& options);
    ~System();
    System(const System&) = delete;
    System& operator=(const System&) = delete;

    // Adds a GPU and starts it as an adapter: in a DMA domain of its own when the machine has an IOMMU and the driver
    // supports remapping, else in physical mode.
    Result<Adapter, NTSTATUS> start_adapter(const AdapterOptions& options);
    void stop_adapter(const Adapter& adapter);

    // Publishes an object's pages in the machine's memory under a name of the caller's choice, for View::map in another
    // process (which finds them with Directory). False for a bad handle, or as Directory::publish says.
    bool publish(HANDLE object, std::uint64_t name, callbacks::CacheType cache);

    Machine& machine() { return *machine_; }
    callbacks::Dxgkrnl& dxgkrnl() { return *dxgkrnl_; }
    vtd_driver::Unit* unit() { return unit_.get(); }  // null without an IOMMU
    Frames& frames() { return frames_; }
    Views& views() { return views_; }
    Reports& reports() { return reports_; }

private:
    struct Started {
        HANDLE device = nullptr;
        std::uint16_t source = 0;
        vtd_driver::Domain* domain = nullptr;
        std::unique_ptr<Domain> port;
    };

    explicit System(std::unique_ptr<Machine> machine);
    Result<Started, NTSTATUS> connect(const AdapterOptions& options);
    void disconnect(Started& started);

    std::unique_ptr<Machine> machine_;
    Frames frames_;
    Views views_;
    Reports reports_;
    std::unique_ptr<UnitAccess> access_;
    std::unique_ptr<vtd_driver::Unit> unit_;
    std::unique_ptr<callbacks::Dxgkrnl> dxgkrnl_;
    std::vector<Started> started_;
};

}  // namespace remap::hosted
