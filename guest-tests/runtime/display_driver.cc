// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/display_driver.h"

#include "callbacks/kernel/kernel.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/views.h"

namespace remap::guest {

namespace {

class KernelModules final : public pe::ModulePort {
public:
    const void* find(std::string_view module, std::string_view name) const override {
        return kernel::find_export(module, name);
    }
};

miniport::Outcome noted(const miniport::Outcome& outcome) {
    if (!outcome.ok()) note("the driver: %s", outcome.why.c_str());
    return outcome;
}

// Memory BARs, decoded from now on.
miniport::DeviceDescription describe(const pci::Function& function) {
    miniport::DeviceDescription description;
    description.bus = function.bus();
    for (unsigned i = 0; i < pci::bars_per_function; ++i) {
        const pci::Bar bar = function.bar(i);
        if (bar.bytes == 0 || bar.io || bar.address.value == 0) continue;
        description.ranges[description.range_count++] = {bar.address, bar.bytes, bar.prefetchable};
    }
    using namespace pci::config;
    function.write16(command, function.read16(command) | command_memory);
    return description;
}

CacheType cache_type(MEMORY_CACHING_TYPE cache) {
    return cache == MmCached          ? CacheType::WriteBack
           : cache == MmWriteCombined ? CacheType::WriteCombined
                                      : CacheType::Uncached;
}

}  // namespace

DisplayDriver::~DisplayDriver() { unload(); }

void DisplayDriver::unload() {
    logical_.reset();
    driver_.unload();
    kernel::unload("the boot module");
}

miniport::Outcome DisplayDriver::load() {
    kernel::set_dxgkrnl(miniport::Driver::register_ddis);
    const pe::Problem problem = image_.load(KernelModules());
    if (problem) return miniport::failure(STATUS_INVALID_IMAGE_FORMAT, problem.sentence().c_str());
    const auto entry = reinterpret_cast<std::uintptr_t>(image().entry());
    const miniport::Outcome outcome = driver_.start(
        {reinterpret_cast<PDRIVER_INITIALIZE>(entry), image().base(), static_cast<std::size_t>(image().bytes())});
    image().discard_initialisation();
    return noted(outcome);
}

miniport::Outcome DisplayDriver::start(std::span<const pci::Function> chain) {
    miniport::DeviceDescription descriptions[miniport::longest_chain];
    if (chain.size() > miniport::longest_chain) return miniport::failure(STATUS_INVALID_PARAMETER, "a long chain");
    for (std::size_t i = 0; i < chain.size(); ++i) descriptions[i] = describe(chain[i]);
    core_.chain = chain;
    logical_.emplace(driver_, core_, devices_);
    miniport::Outcome outcome = logical_->add({descriptions, chain.size()});
    if (outcome.ok()) outcome = logical_->query();
    if (outcome.ok()) outcome = logical_->start();
    return noted(outcome);
}

miniport::Outcome DisplayDriver::stop() {
    miniport::Outcome outcome = logical_->stop();
    if (outcome.ok()) outcome = logical_->remove();
    return noted(outcome);
}

NTSTATUS DisplayDriver::Core::start(const miniport::Caps& caps, callbacks::DriverPort& driver,
                                    std::span<DXGKRNL_INTERFACE> interfaces) {
    PhysicalAddress visible[miniport::longest_chain];
    for (unsigned i = 0; i < caps.physical_adapters; ++i) visible[i] = {caps.highest_visible[i]};
    callbacks::ReservedRange reserved[miniport::most_reserved_ranges];
    for (unsigned i = 0; i < caps.reserved_count; ++i)
        reserved[i] = {{static_cast<std::uint64_t>(caps.reserved[i].BaseAddress.QuadPart)},
                       static_cast<std::uint64_t>(caps.reserved[i].NumberOfBytes.QuadPart)};
    adapter.emplace(chain, AdapterOptions{.each_highest_visible = {visible, caps.physical_adapters},
                                          .remapping = caps.iommu.DmaRemappingSupported != 0,
                                          .map_aperture2 = caps.map_aperture2,
                                          .isolation = caps.iommu.IommuIsolationSupported != 0,
                                          .reserved = {reserved, caps.reserved_count},
                                          .frame_buffer_save = {caps.frame_buffer_save, caps.physical_adapters},
                                          .driver = &driver,
                                          .version = caps.interface_version});
    const NTSTATUS status = adapter->status();
    for (unsigned i = 0; i < interfaces.size() && NT_SUCCESS(status); ++i) interfaces[i] = adapter->callbacks(i);
    if (!NT_SUCCESS(status)) adapter.reset();
    return status;
}

void* DisplayDriver::Devices::map_device_memory(PhysicalAddress first, std::uint64_t bytes, MEMORY_CACHING_TYPE cache) {
    return const_cast<void*>(map_physical(first, bytes, cache_type(cache)));
}

void DisplayDriver::Devices::unmap_device_memory(void* base, std::uint64_t bytes) { unmap_physical(base, bytes); }

std::uint64_t DisplayDriver::Devices::installed_bytes() const {
    std::uint64_t bytes = 0;
    for (const MemoryRange& range : memory_map())
        if (range.usable) bytes += range.bytes;
    return bytes;
}

PhysicalAddress DisplayDriver::Devices::highest_installed() const {
    return frames().highest_installed().address() + (page_size - 1);
}

}  // namespace remap::guest
