// SPDX-License-Identifier: MIT
// The boot module as a display driver: its DriverEntry, and one logical adapter of PCI functions.
//
//     DisplayDriver driver;
//     REQUIRE(driver.load().ok());
//     REQUIRE(driver.start({gpu, 1}).ok());
//     driver.adapter().escape(0, &request, sizeof request);
#pragma once

#include "callbacks/miniport/adapter.h"
#include "callbacks/miniport/driver.h"
#include "callbacks/miniport/paging.h"
#include "guest-tests/runtime/adapter.h"
#include "guest-tests/runtime/driver_image.h"
#include "guest-tests/runtime/kernel_port.h"
#include "guest-tests/runtime/pci.h"
#include "guest-tests/runtime/reports.h"
#include "guest-tests/runtime/views.h"

#include <optional>
#include <span>

namespace remap::guest {

class DisplayDriver {
public:
    ~DisplayDriver();
    DisplayDriver() = default;
    DisplayDriver(const DisplayDriver&) = delete;
    DisplayDriver& operator=(const DisplayDriver&) = delete;

    // Binds the image to the kernel services, which run as long as the object lives, and calls DriverEntry. Problems
    // are noted.
    miniport::Outcome load();

    // AddDevice, the queries, StartDevice. The functions outlive the adapter.
    miniport::Outcome start(std::span<const pci::Function> chain);
    miniport::Outcome stop();

    // Stops the adapter and calls DxgkDdiUnload. Memory that the driver has kept is a bugcheck. The destructor does it
    // too.
    void unload();

    miniport::LogicalAdapter& adapter() { return *logical_; }  // after start
    const Adapter& started() const { return *core_.adapter; }  // after start
    pe::LoadedImage& image() { return image_.image(); }

private:
    struct Core final : miniport::CorePort {
        NTSTATUS start(const miniport::Caps& caps, callbacks::DriverPort& driver,
                       std::span<DXGKRNL_INTERFACE> interfaces) override;
        void stop() override { adapter.reset(); }

        std::span<const pci::Function> chain;
        std::optional<Adapter> adapter;
    };
    struct Devices final : miniport::DevicePort {
        void* map_device_memory(PhysicalAddress first, std::uint64_t bytes, MEMORY_CACHING_TYPE cache) override;
        void unmap_device_memory(void* base, std::uint64_t bytes) override;
        callbacks::ViewAudit& view_audit() override { return views().audit; }
        void report(const callbacks::Report& report) override { reports().report(report); }
        std::uint64_t installed_bytes() const override;
        PhysicalAddress highest_installed() const override;
    };

    KernelServices kernel_;
    DriverImage image_;
    Core core_;
    Devices devices_;
    miniport::Driver driver_;
    std::optional<miniport::LogicalAdapter> logical_;
};

}  // namespace remap::guest
