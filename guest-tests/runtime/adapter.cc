// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/adapter.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/iommu_unit.h"
#include "guest-tests/runtime/laboratory.h"
#include "guest-tests/runtime/process.h"
#include "guest-tests/runtime/reports.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/views.h"

#include <new>

namespace remap::guest {

using vtd_driver::Error;

namespace {

class Execution final : public callbacks::ExecutionPort {
public:
    KIRQL irql() const override { return static_cast<KIRQL>(cpu::read_cr8()); }
    std::uint64_t process() const override { return current_process(); }
    void relax() override { cpu::pause(); }
};

Execution execution;

// Pages that a device may still reach must never be given to anybody else.
void alarm(const char* what, Error error) { panic("%s: %s", what, vtd_driver::name_of(error)); }

DXGK_IOMMU_CAPS caps_of(const AdapterOptions& options) {
    if (options.caps) return *options.caps;
    DXGK_IOMMU_CAPS caps{};
    caps.DmaRemappingSupported = options.remapping;
    caps.IommuIsolationSupported = options.isolation;
    return caps;
}

}  // namespace

callbacks::Dxgkrnl& dxgkrnl() {
    static callbacks::Dxgkrnl* machine = nullptr;
    if (machine != nullptr) return *machine;
    callbacks::Witness* const witness = laboratory_witness();
    views().audit.set_witness(witness);
    machine = new (std::nothrow) callbacks::Dxgkrnl({frames(), views(), execution, reports(), witness});
    if (machine == nullptr) panic("no memory for the graphics kernel");
    return *machine;
}

Adapter::Adapter(std::span<const pci::Function> chain, const AdapterOptions& options) : chain_(chain) {
    if (chain.empty() || chain.size() > longest_chain) {
        status_ = STATUS_INVALID_PARAMETER;
        return;
    }
    if (const Error error = connect(); error != Error::None) {
        note("putting function %x behind the IOMMU: %s", chain[0].source(), vtd_driver::name_of(error));
        status_ = STATUS_INSUFFICIENT_RESOURCES;
        return;
    }
    status_ = start(options);
    for (unsigned i = 0; i < chain.size() && NT_SUCCESS(status_); ++i)
        status_ = callbacks::bind(dxgkrnl(), handles_[i], options.version, &interfaces_[i]);
    if (!NT_SUCCESS(status_)) {
        if (handles_[0] != nullptr) dxgkrnl().stop_adapter(handles_[0]);
        return;
    }
    set_bus_master(true);
}

Adapter::~Adapter() {
    if (!NT_SUCCESS(status_)) return;
    set_bus_master(false);
    dxgkrnl().stop_adapter(handles_[0]);
}

// The domain, where the machine has an IOMMU.
Error Adapter::connect() {
    if (iommu() == nullptr) return Error::None;
    dma_.emplace(*iommu(), fault_inbox(), alarm);
    std::uint16_t sources[longest_chain];
    for (unsigned i = 0; i < chain_.size(); ++i) sources[i] = chain_[i].source();
    return dma_->create({sources, chain_.size()});
}

NTSTATUS Adapter::start(const AdapterOptions& options) {
    PhysicalAddress visible[longest_chain];
    const auto each = options.each_highest_visible;
    for (unsigned i = 0; i < chain_.size(); ++i) visible[i] = i < each.size() ? each[i] : options.highest_visible;
    return dxgkrnl().start_adapter({.highest_visible = {visible, chain_.size()},
                                    .iommu = caps_of(options),
                                    .map_aperture2 = options.map_aperture2,
                                    .version = options.version,
                                    .reserved = options.reserved,
                                    .frame_buffer_save = options.frame_buffer_save,
                                    .preferred = options.preferred,
                                    .dma = dma_ ? &*dma_ : nullptr,
                                    .driver = options.driver},
                                   handles_);
}

void Adapter::set_bus_master(bool on) const {
    for (const pci::Function& function : chain_) function.set_bus_master(on);
}

callbacks::DmaMode Adapter::mode() const { return *dxgkrnl().mode(handles_[0]); }

}  // namespace remap::guest
