// SPDX-License-Identifier: MIT
// Starts a PCI function as a graphics adapter, as the operating system does before a driver's StartDevice.
#pragma once

#include "callbacks/core/dxgkrnl.h"
#include "callbacks/dxgkcb.h"
#include "guest-tests/runtime/pci.h"
#include "iommu/driver/unit.h"

#include <cstdint>
#include <span>

namespace remap::guest {

struct AdapterOptions {
    PhysicalAddress highest_visible{~std::uint64_t{0}};  // the last byte that the device can address
    bool remapping = true;  // the driver supports DMA remapping; without it, or without an IOMMU: physical addresses
    ULONG version = DXGKDDI_INTERFACE_VERSION_WDDM3_0;
};

// A DMA domain of the machine's IOMMU, with its devices.
class AdapterDomain final : public callbacks::DmaDomainPort {
public:
    AdapterDomain() = default;
    ~AdapterDomain();
    AdapterDomain(const AdapterDomain&) = delete;
    AdapterDomain& operator=(const AdapterDomain&) = delete;

    vtd_driver::Error create(vtd_driver::Unit& unit);
    bool created() const { return domain_ != nullptr; }
    vtd_driver::Domain& domain() { return *domain_; }  // only when created

    bool map(LogicalPage first, PhysicalPage to, std::uint64_t pages) override;
    void unmap(LogicalPage first, std::uint64_t pages) override;
    unsigned address_width() const override;

private:
    vtd_driver::Unit* unit_ = nullptr;
    vtd_driver::Domain* domain_ = nullptr;
};

// A started adapter, for as long as the object lives: a chain of one or more linked functions that share a domain.
// With an IOMMU and remapping they are in a domain of their own, where nothing is mapped yet; with an IOMMU and no
// remapping their DMA passes untranslated.
class Adapter {
public:
    static constexpr unsigned longest_chain = 8;

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

    bool remaps() const;
    AdapterDomain& domain() { return domain_; }

private:
    vtd_driver::Error connect(const AdapterOptions& options);
    void disconnect();

    std::span<const pci::Function> chain_;
    AdapterDomain domain_;
    HANDLE handles_[longest_chain] = {};
    DXGKRNL_INTERFACE interfaces_[longest_chain] = {};
    NTSTATUS status_ = STATUS_UNSUCCESSFUL;
};

// The machine's graphics kernel.
callbacks::Dxgkrnl& dxgkrnl();

}  // namespace remap::guest
