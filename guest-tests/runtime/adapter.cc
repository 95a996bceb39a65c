// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/adapter.h"

#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/iommu_unit.h"
#include "guest-tests/runtime/reports.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/views.h"

#include <new>

namespace remap::guest {

using vtd_driver::Error;

callbacks::Dxgkrnl& dxgkrnl() {
    static callbacks::Dxgkrnl* machine = nullptr;
    if (machine == nullptr) machine = new (std::nothrow) callbacks::Dxgkrnl({frames(), views(), reports()});
    if (machine == nullptr) panic("no memory for the graphics kernel");
    return *machine;
}

AdapterDomain::~AdapterDomain() {
    if (domain_ != nullptr) unit_->destroy_domain(domain_);
}

Error AdapterDomain::create(vtd_driver::Unit& unit) {
    Error error = Error::None;
    domain_ = unit.create_domain(error);
    unit_ = &unit;
    return error;
}

bool AdapterDomain::map(LogicalPage first, PhysicalPage to, std::uint64_t pages) {
    const Error error = unit_->map(*domain_, first, to, pages, {});
    if (error != Error::None && error != Error::NoMemory)
        note("mapping logical page %lx: %s", first.number, vtd_driver::name_of(error));
    return error == Error::None;
}

void AdapterDomain::unmap(LogicalPage first, std::uint64_t pages) {
    // The port cannot fail: pages that a device may still reach must never be given to anybody else.
    const Error error = unit_->unmap(*domain_, first, pages);
    if (error != Error::None) panic("unmapping logical page %lx: %s", first.number, vtd_driver::name_of(error));
}

unsigned AdapterDomain::address_width() const { return unit_->address_width(); }

Adapter::Adapter(std::span<const pci::Function> chain, const AdapterOptions& options) : chain_(chain) {
    if (chain.empty() || chain.size() > longest_chain) {
        status_ = STATUS_INVALID_PARAMETER;
        return;
    }
    if (const Error error = connect(options); error != Error::None) {
        note("putting function %x behind the IOMMU: %s", chain[0].source(), vtd_driver::name_of(error));
        disconnect();
        return;
    }
    status_ = dxgkrnl().start_adapter({.highest_visible = options.highest_visible,
                                       .dma_remapping_supported = options.remapping,
                                       .domain = domain_.created() ? &domain_ : nullptr,
                                       .physical_adapters = static_cast<unsigned>(chain.size())},
                                      handles_);
    for (unsigned i = 0; i < chain.size() && NT_SUCCESS(status_); ++i)
        status_ = callbacks::bind(dxgkrnl(), handles_[i], options.version, &interfaces_[i]);
    if (!NT_SUCCESS(status_)) {
        if (handles_[0] != nullptr) dxgkrnl().stop_adapter(handles_[0]);
        disconnect();
    }
}

Adapter::~Adapter() {
    if (!NT_SUCCESS(status_)) return;
    for (const pci::Function& function : chain_) function.set_bus_master(false);
    dxgkrnl().stop_adapter(handles_[0]);
    disconnect();
}

Error Adapter::connect(const AdapterOptions& options) {
    vtd_driver::Unit* unit = iommu();
    Error error = Error::None;
    if (unit != nullptr && options.remapping) error = domain_.create(*unit);
    for (const pci::Function& function : chain_) {
        if (unit != nullptr && error == Error::None)
            error = options.remapping ? unit->attach(function.source(), domain_.domain())
                                      : unit->attach_pass_through(function.source());
        if (error != Error::None) return error;
    }
    for (const pci::Function& function : chain_) function.set_bus_master(true);
    return error;
}

void Adapter::disconnect() {
    for (const pci::Function& function : chain_) {
        function.set_bus_master(false);
        if (iommu() != nullptr) iommu()->detach(function.source());
    }
}

bool Adapter::remaps() const { return NT_SUCCESS(status_) && dxgkrnl().remaps(handles_[0]); }

}  // namespace remap::guest
