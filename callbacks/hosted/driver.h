// SPDX-License-Identifier: MIT
// A display driver on the hosted machine: a PE image in a file, or one linked to the program. Its adapters are GPUs of
// a System.
//
//     remap::kernel::start(port);                        // the kernel services that drivers call: hosted/kernel_port.h
//     auto driver = remap::hosted::Driver::load("my_driver.sys");
//     auto adapter = (*driver)->start_adapter(*system, {.gpu = {}});
//     (*adapter)->logical().escape(0, &request, sizeof request);
//
// The errors are sentences for people. One thread at a time uses a driver and its adapters.
#pragma once

#include "base/result.h"
#include "callbacks/hosted/image_memory.h"
#include "callbacks/hosted/system.h"
#include "callbacks/miniport/adapter.h"
#include "callbacks/miniport/driver.h"

#include <memory>
#include <string>
#include <vector>

namespace remap::hosted {

struct ChainOptions {
    GpuOptions gpu = {};
    std::vector<GpuOptions> linked = {};  // further GPUs of the chain, at most 7
    callbacks::DmaMode preferred = callbacks::DmaMode::Remapping;
};

class DriverAdapter;

class Driver {
public:
    // Loads an image and calls its DriverEntry. The file is read once, and not more than the loader's largest image.
    // The error says what is wrong with the file, which imports are missing (all of them), or why DriverEntry failed.
    static Result<std::unique_ptr<Driver>, std::string> load(const std::string& path);
    static Result<std::unique_ptr<Driver>, std::string> link(PDRIVER_INITIALIZE entry);

    ~Driver() { unload(); }
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    // Calls DxgkDdiUnload and takes the image away; all adapters are gone before. The kernel services keep one account
    // for all drivers: when the last one goes, what has not been given back is reported (bugcheck 0xC4, 0x62). Returns
    // how many allocations that are.
    std::uint64_t unload();

    // AddDevice, the queries, StartDevice. The system outlives the adapter.
    Result<std::unique_ptr<DriverAdapter>, std::string> start_adapter(System& system, const ChainOptions& options);

    miniport::Driver& ddis() { return driver_; }
    const pe::LoadedImage& image() const { return image_; }  // not loaded for a linked driver

private:
    Driver();
    std::string load_image(const std::string& path);
    std::string enter(const miniport::Driver::Source& source);

    ImageMemory memory_;
    pe::LoadedImage image_{memory_};
    miniport::Driver driver_;
    std::string name_ = "the linked driver";
    bool unloaded_ = false;
};

// A started logical adapter, for as long as the object lives.
class DriverAdapter {
public:
    ~DriverAdapter();
    DriverAdapter(const DriverAdapter&) = delete;
    DriverAdapter& operator=(const DriverAdapter&) = delete;

    // Ends it before its time and says what the driver answered.
    miniport::Outcome stop();

    miniport::LogicalAdapter& logical() { return *logical_; }
    const Adapter& adapter() const { return core_->adapter; }

private:
    friend class Driver;

    // The System as the driver's conversation needs it.
    struct Core final : miniport::CorePort {
        Core(System& on, const ChainOptions& with) : system(on), options(with) {}
        NTSTATUS start(const miniport::Caps& caps, callbacks::DriverPort& driver,
                       std::span<DXGKRNL_INTERFACE> interfaces) override;
        void stop() override;

        System& system;
        ChainOptions options;
        Adapter adapter;
    };

    // No memory of a device can be mapped here: a GPU's registers are C++ objects.
    struct Devices final : miniport::DevicePort {
        explicit Devices(System& on) : system(on) {}
        void* map_device_memory(PhysicalAddress, std::uint64_t, MEMORY_CACHING_TYPE) override { return nullptr; }
        void unmap_device_memory(void*, std::uint64_t) override {}
        callbacks::ViewAudit& view_audit() override { return system.views().audit; }
        void report(const callbacks::Report& report) override { system.reports().report(report); }
        std::uint64_t installed_bytes() const override;
        PhysicalAddress highest_installed() const override;

        System& system;
    };

    DriverAdapter(miniport::Driver& driver, System& system, const ChainOptions& options);
    miniport::Outcome start();

    std::unique_ptr<Core> core_;
    std::unique_ptr<Devices> devices_;
    std::unique_ptr<miniport::LogicalAdapter> logical_;
};

}  // namespace remap::hosted
