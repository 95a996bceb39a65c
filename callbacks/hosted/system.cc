// SPDX-License-Identifier: MIT
#include "callbacks/hosted/system.h"

#include "base/bits.h"
#include "callbacks/dxgkcb.h"

#include <algorithm>

namespace remap::hosted {

System::System(std::unique_ptr<Machine> machine)
    : machine_(std::move(machine)), frames_(machine_->memory()), views_(machine_->memory()) {
    dxgkrnl_ = std::make_unique<callbacks::Dxgkrnl>(callbacks::Ports{frames_, views_, reports_});
}

Result<std::unique_ptr<System>, std::string> System::create(const MachineOptions& options) {
    auto machine = Machine::create(options);
    if (!machine) return Failure{machine.error()};
    std::unique_ptr<System> system(new System(std::move(*machine)));
    iommu::Iommu* iommu = system->machine_->iommu();
    if (iommu == nullptr) return system;

    system->access_ = std::make_unique<UnitAccess>(*iommu, system->machine_->memory(), system->frames_);
    system->unit_ = std::make_unique<vtd_driver::Unit>(*system->access_, *system->access_);
    if (const auto error = system->unit_->start({}); error != vtd_driver::Error::None) {
        return Failure{std::string("the IOMMU did not start: ") + vtd_driver::name_of(error)};
    }
    return system;
}

System::~System() {
    callbacks::release(*dxgkrnl_);
    while (!started_.empty()) {
        dxgkrnl_->stop_adapter(started_.back().device);
        disconnect(started_.back());
        started_.pop_back();
    }
    dxgkrnl_.reset();
}

// Puts a device where its adapter will have it: in a domain, or untranslated.
Result<System::Started, NTSTATUS> System::connect(const AdapterOptions& options) {
    Started started{.device = nullptr, .source = options.gpu.source_id, .domain = nullptr, .port = nullptr};
    if (!unit_) return started;
    vtd_driver::Error error = vtd_driver::Error::None;
    if (options.remapping) {
        started.domain = unit_->create_domain(error);
        if (started.domain == nullptr) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
        started.port = std::make_unique<Domain>(*unit_, *started.domain);
        error = unit_->attach(started.source, *started.domain);
    } else {
        error = unit_->attach_pass_through(started.source);
    }
    if (error == vtd_driver::Error::None) return started;
    disconnect(started);
    return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
}

void System::disconnect(Started& started) {
    if (!unit_) return;
    unit_->detach(started.source);
    started.port.reset();
    if (started.domain != nullptr) unit_->destroy_domain(started.domain);
}

Result<Adapter, NTSTATUS> System::start_adapter(const AdapterOptions& options) {
    const auto same_source = [&](const Started& other) { return other.source == options.gpu.source_id; };
    if (std::ranges::any_of(started_, same_source)) return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
    auto started = connect(options);
    if (!started) return Failure{started.error()};

    const unsigned bits = options.gpu.address_bits;
    const callbacks::AdapterDescription description{
        .highest_visible = {low_bits(bits)},
        .dma_remapping_supported = options.remapping,
        .domain = started->port.get(),
        .physical_adapters = 1,
    };
    Adapter adapter;
    NTSTATUS status = dxgkrnl_->start_adapter(description, &adapter.device);
    if (NT_SUCCESS(status)) {
        started->device = adapter.device;
        status = callbacks::bind(*dxgkrnl_, adapter.device, options.version, &adapter.interface);
        if (NT_SUCCESS(status)) {
            adapter.gpu = machine_->add_gpu(options.gpu);
            if (adapter.gpu == nullptr) status = STATUS_INVALID_PARAMETER;
        }
        if (!NT_SUCCESS(status)) dxgkrnl_->stop_adapter(adapter.device);
    }
    if (!NT_SUCCESS(status)) {
        disconnect(*started);
        return Failure{status};
    }
    started_.push_back(std::move(*started));
    return adapter;
}

void System::stop_adapter(const Adapter& adapter) {
    const auto found = std::ranges::find(started_, adapter.device, &Started::device);
    if (found == started_.end()) return;
    dxgkrnl_->stop_adapter(found->device);
    disconnect(*found);
    started_.erase(found);
}

bool System::publish(HANDLE object, std::uint64_t name, callbacks::CacheType cache) {
    PublishedObject published{.name = name, .cache_type = static_cast<std::uint32_t>(cache), .pages = {}};
    const std::uint64_t count = dxgkrnl_->page_count(object);
    for (std::uint64_t i = 0; i < count; ++i) published.pages.push_back(dxgkrnl_->frame(object, i));
    return Directory(machine_->memory()).publish(published);
}

}  // namespace remap::hosted
