// SPDX-License-Identifier: MIT
#include "callbacks/hosted/system.h"

#include "base/bits.h"
#include "callbacks/dxgkcb.h"
#include "callbacks/hosted/driver_events.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace remap::hosted {

namespace {

// A device that may still reach what it must not: no test may go on from here.
void alarm(const char* what, vtd_driver::Error error) {
    std::fprintf(stderr, "the IOMMU failed at %s: %s\n", what, vtd_driver::name_of(error));
    std::abort();
}

DXGK_IOMMU_CAPS caps_of(const AdapterOptions& options) {
    if (options.caps) return *options.caps;
    DXGK_IOMMU_CAPS caps{};
    caps.DmaRemappingSupported = options.remapping;
    caps.IommuIsolationSupported = options.isolation || options.isolation_required;
    caps.IommuIsolationRequired = options.isolation_required;
    return caps;
}

std::vector<GpuOptions> gpus_of(const AdapterOptions& options) {
    std::vector<GpuOptions> gpus{options.gpu};
    gpus.insert(gpus.end(), options.linked.begin(), options.linked.end());
    return gpus;
}

}  // namespace

System::System(std::unique_ptr<Machine> machine, const SystemOptions& options)
    : machine_(std::move(machine)),
      frames_(machine_->memory()),
      views_(machine_->memory()),
      reports_(options.on_bugcheck) {
    if (MachineLab* laboratory = machine_->laboratory()) driver_events_ = std::make_unique<DriverEvents>(*laboratory);
    callbacks::Witness* const witness = driver_events_ ? &driver_events_->witness() : nullptr;
    views_.audit.set_witness(witness);
    dxgkrnl_ = std::make_unique<callbacks::Dxgkrnl>(callbacks::Ports{frames_, views_, execution_, reports_, witness},
                                                    options.verifier);
}

Result<std::unique_ptr<System>, std::string> System::create(const MachineOptions& machine_options,
                                                            const SystemOptions& options) {
    auto machine = Machine::create(machine_options);
    if (!machine) return Failure{machine.error()};
    std::unique_ptr<System> system(new System(std::move(*machine), options));
    iommu::Iommu* iommu = system->machine_->iommu();
    if (iommu == nullptr) return system;

    system->access_ = std::make_unique<UnitAccess>(*iommu, system->machine_->memory(), system->frames_);
    system->unit_ = std::make_unique<vtd_driver::Unit>(*system->access_, *system->access_);
    if (const auto error = system->unit_->start({}); error != vtd_driver::Error::None) {
        return Failure{std::string("the IOMMU did not start: ") + vtd_driver::name_of(error)};
    }
    system->inbox_.emplace(*system->unit_);
    return system;
}

System::~System() {
    callbacks::release(*dxgkrnl_);
    while (!started_.empty()) {
        dxgkrnl_->stop_adapter(started_.back().device);
        started_.pop_back();
    }
    dxgkrnl_.reset();
}

// The IOMMU's side of the GPUs: a domain for them, and nobody else with their source ids.
Result<System::Started, NTSTATUS> System::connect(const AdapterOptions& options) {
    Started started;
    for (const GpuOptions& gpu : gpus_of(options)) {
        const auto has_source = [&](const Started& other) {
            return std::ranges::find(other.sources, gpu.source_id) != other.sources.end();
        };
        if (has_source(started) || std::ranges::any_of(started_, has_source))
            return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
        started.sources.push_back(gpu.source_id);
    }
    if (started.sources.size() > callbacks::most_physical_adapters) return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
    if (!unit_) return started;
    started.dma = std::make_unique<callbacks::UnitDma>(*unit_, *inbox_, alarm);
    if (started.dma->create(started.sources) != vtd_driver::Error::None)
        return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    return started;
}

NTSTATUS System::start(const AdapterOptions& options, const Started& started, std::span<HANDLE> handles) {
    std::vector<PhysicalAddress> visible = options.highest_visible;
    if (visible.empty())
        for (const GpuOptions& gpu : gpus_of(options)) visible.push_back({low_bits(gpu.address_bits)});
    if (visible.size() != handles.size()) return STATUS_INVALID_PARAMETER;
    const callbacks::AdapterDescription description{
        .highest_visible = visible,
        .iommu = caps_of(options),
        .map_aperture2 = options.map_aperture2,
        .version = options.version,
        .reserved = options.reserved,
        .frame_buffer_save = options.frame_buffer_save,
        .preferred = options.preferred,
        .dma = started.dma.get(),
        .driver = options.driver,
    };
    return dxgkrnl_->start_adapter(description, handles.data());
}

NTSTATUS System::fill(LinkedAdapter& adapter, HANDLE device, const GpuOptions& gpu, ULONG version) {
    adapter.device = device;
    const NTSTATUS status = callbacks::bind(*dxgkrnl_, device, version, &adapter.interface);
    if (!NT_SUCCESS(status)) return status;
    adapter.gpu = machine_->add_gpu(gpu);
    return adapter.gpu == nullptr ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

Result<Adapter, NTSTATUS> System::start_adapter(const AdapterOptions& options) {
    auto started = connect(options);
    if (!started) return Failure{started.error()};
    std::vector<HANDLE> handles(started->sources.size());
    NTSTATUS status = start(options, *started, handles);
    if (!NT_SUCCESS(status)) return Failure{status};
    started->device = handles[0];

    Adapter adapter;
    adapter.linked.resize(options.linked.size());
    status = fill(adapter, handles[0], options.gpu, options.version);
    for (std::size_t i = 0; i < adapter.linked.size() && NT_SUCCESS(status); ++i)
        status = fill(adapter.linked[i], handles[i + 1], options.linked[i], options.version);
    if (!NT_SUCCESS(status)) {
        dxgkrnl_->stop_adapter(handles[0]);
        return Failure{status};
    }
    started_.push_back(std::move(*started));
    return adapter;
}

void System::stop_adapter(const Adapter& adapter) {
    const auto found = std::ranges::find(started_, adapter.device, &Started::device);
    if (found == started_.end()) return;
    stopping_.clear();
    stopping_.push_back(std::move(*found));
    started_.erase(found);
    dxgkrnl_->stop_adapter(stopping_.back().device);
    stopping_.clear();
}

std::vector<callbacks::ShownPage> System::views_of(PhysicalPage page) const {
    std::vector<callbacks::ShownPage> shown;
    views_.audit.for_each_view_of(page, [&](const callbacks::ShownPage& one) { shown.push_back(one); });
    return shown;
}

bool System::publish(HANDLE object, std::uint64_t name, callbacks::CacheType cache) {
    PublishedObject published{.name = name, .cache_type = static_cast<std::uint32_t>(cache), .pages = {}};
    const std::uint64_t count = dxgkrnl_->page_count(object);
    for (std::uint64_t i = 0; i < count; ++i) published.pages.push_back(dxgkrnl_->frame(object, i));
    return Directory(machine_->memory()).publish(published);
}

}  // namespace remap::hosted
