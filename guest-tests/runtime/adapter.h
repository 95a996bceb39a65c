// SPDX-License-Identifier: MIT
// Starts a PCI function as a graphics adapter, as the operating system does before a driver's StartDevice.
#pragma once

#include "callbacks/core/dxgkrnl.h"
#include "callbacks/dxgkcb.h"
#include "callbacks/vtd/unit_dma.h"
#include "guest-tests/runtime/pci.h"
#include "iommu/driver/unit.h"

#include <cstdint>
#include <optional>
#include <span>

namespace remap::guest {

struct AdapterOptions {
    PhysicalAddress highest_visible{~std::uint64_t{0}};       // the last byte that a function of the chain can address
    std::span<const PhysicalAddress> each_highest_visible{};  // where they differ: of each
    bool remapping = true;                                    // DXGK_IOMMU_CAPS.DmaRemappingSupported
    bool map_aperture2 = true;                                // DXGK_VIDMMCAPS.MapAperture2Supported
    bool isolation = false;                                   // DXGK_IOMMU_CAPS.IommuIsolationSupported
    std::optional<DXGK_IOMMU_CAPS> caps{};                    // all of them, in place of the two
    std::span<const callbacks::ReservedRange> reserved{};
    std::span<const std::uint64_t> frame_buffer_save{};  // bytes, for each function of the chain; empty: none
    callbacks::DmaMode preferred = callbacks::DmaMode::Remapping;
    callbacks::DriverPort* driver = nullptr;  // Begin and EndExclusiveAccess
    ULONG version = DXGKDDI_INTERFACE_VERSION_WDDM3_0;
};

// A started adapter, for as long as the object lives: a chain of one or more linked functions that share a domain.
// The graphics kernel chooses its mode (callbacks::choose_mode).
class Adapter {
public:
    static constexpr unsigned longest_chain = callbacks::most_physical_adapters;

    Adapter(const pci::Function& function, const AdapterOptions& options) : Adapter({&function, 1}, options) {}
    Adapter(std::span<const pci::Function> chain, const AdapterOptions& options);
    ~Adapter();
    Adapter(const Adapter&) = delete;
    Adapter& operator=(const Adapter&) = delete;

    // STATUS_SUCCESS, or why it did not start; then the rest is of no use.
    NTSTATUS status() const { return status_; }

    // What the driver of the chain's n-th function gets from the system.
    const DXGKRNL_INTERFACE& callbacks(unsigned n = 0) const { return interfaces_[n]; }
    HANDLE handle(unsigned n = 0) const { return handles_[n]; }

    callbacks::DmaMode mode() const;  // only of a started one
    bool remaps() const { return NT_SUCCESS(status_) && mode() == callbacks::DmaMode::Remapping; }

    // Its domain in the IOMMU. Only with an IOMMU.
    vtd_driver::Domain& domain() { return dma_->domain(); }

private:
    vtd_driver::Error connect();
    NTSTATUS start(const AdapterOptions& options);
    void set_bus_master(bool on) const;

    std::span<const pci::Function> chain_;
    std::optional<callbacks::UnitDma> dma_;
    HANDLE handles_[longest_chain] = {};
    DXGKRNL_INTERFACE interfaces_[longest_chain] = {};
    NTSTATUS status_ = STATUS_UNSUCCESSFUL;
};

// The machine's graphics kernel.
callbacks::Dxgkrnl& dxgkrnl();

}  // namespace remap::guest
