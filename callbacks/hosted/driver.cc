// SPDX-License-Identifier: MIT
#include "callbacks/hosted/driver.h"

#include "callbacks/kernel/kernel.h"

#include <atomic>
#include <fstream>

namespace remap::hosted {

namespace {

std::atomic<unsigned> loaded_drivers{0};

// The kernel services of this process.
class KernelModules final : public pe::ModulePort {
public:
    const void* find(std::string_view module, std::string_view name) const override {
        return kernel::find_export(module, name);
    }
};

class MissingList final : public pe::MissingImports {
public:
    void missing(std::string_view module, std::string_view name) override {
        lines_ += "\n  " + std::string(module) + "!" + std::string(name);
    }
    const std::string& lines() const { return lines_; }

private:
    std::string lines_;
};

Result<std::vector<std::byte>, std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) return Failure{std::string("cannot be opened")};
    const std::streamoff bytes = file.tellg();
    if (bytes < 0 || bytes > std::streamoff{pe::Image::most_bytes})
        return Failure{std::string("is too large for a driver")};
    std::vector<std::byte> content(static_cast<std::size_t>(bytes));
    file.seekg(0);
    if (!file.read(reinterpret_cast<char*>(content.data()), bytes)) return Failure{std::string("cannot be read")};
    return content;
}

template <typename Function>
Function* function_at(const void* address) {
    return reinterpret_cast<Function*>(reinterpret_cast<std::uintptr_t>(address));
}

}  // namespace

Result<std::unique_ptr<Driver>, std::string> Driver::load(const std::string& path) {
    std::unique_ptr<Driver> driver(new Driver);
    driver->name_ = path;
    std::string error = driver->load_image(path);
    if (error.empty()) {
        const pe::LoadedImage& image = driver->image_;
        error = driver->enter({function_at<DRIVER_INITIALIZE>(image.entry()), image.base(), image.bytes()});
        driver->image_.discard_initialisation();
    }
    if (!error.empty()) return Failure{path + ": " + error};
    return driver;
}

Result<std::unique_ptr<Driver>, std::string> Driver::link(PDRIVER_INITIALIZE entry) {
    std::unique_ptr<Driver> driver(new Driver);
    const std::string error = driver->enter({.entry = entry});
    if (!error.empty()) return Failure{error};
    return driver;
}

Driver::Driver() { ++loaded_drivers; }

std::uint64_t Driver::unload() {
    if (unloaded_) return 0;
    unloaded_ = true;
    driver_.unload();
    const bool last = --loaded_drivers == 0;
    const std::uint64_t leaks = last && kernel::running() ? kernel::unload(name_.c_str()) : 0;
    image_.unload();
    return leaks;
}

std::string Driver::load_image(const std::string& path) {
    auto file = read_file(path);
    if (!file) return file.error();
    MissingList missing;
    const pe::Problem problem = image_.load(*file, KernelModules(), missing);
    return problem ? problem.sentence().c_str() + missing.lines() : "";
}

std::string Driver::enter(const miniport::Driver::Source& source) {
    if (!kernel::running()) return "the kernel services are not started";
    kernel::set_dxgkrnl(miniport::Driver::register_ddis);
    const miniport::Outcome outcome = driver_.start(source);
    return outcome.ok() ? "" : outcome.why.c_str();
}

Result<std::unique_ptr<DriverAdapter>, std::string> Driver::start_adapter(System& system, const ChainOptions& options) {
    std::unique_ptr<DriverAdapter> adapter(new DriverAdapter(driver_, system, options));
    const miniport::Outcome outcome = adapter->start();
    if (!outcome.ok()) return Failure{std::string(outcome.why.c_str())};
    return adapter;
}

DriverAdapter::DriverAdapter(miniport::Driver& driver, System& system, const ChainOptions& options)
    : core_(std::make_unique<Core>(system, options)),
      devices_(std::make_unique<Devices>(system)),
      logical_(std::make_unique<miniport::LogicalAdapter>(driver, *core_, *devices_)) {}

DriverAdapter::~DriverAdapter() = default;

miniport::Outcome DriverAdapter::start() {
    const std::vector<miniport::DeviceDescription> descriptions(1 + core_->options.linked.size());
    miniport::Outcome outcome = logical_->add(descriptions);
    if (outcome.ok()) outcome = logical_->query();
    if (outcome.ok()) outcome = logical_->start();
    return outcome;
}

miniport::Outcome DriverAdapter::stop() {
    miniport::Outcome outcome = logical_->stop();
    const miniport::Outcome removed = logical_->remove();
    return outcome.ok() ? removed : outcome;
}

NTSTATUS DriverAdapter::Core::start(const miniport::Caps& caps, callbacks::DriverPort& driver,
                                    std::span<DXGKRNL_INTERFACE> interfaces) {
    AdapterOptions with{.gpu = options.gpu, .linked = options.linked, .version = caps.interface_version};
    with.remapping = caps.iommu.DmaRemappingSupported;
    with.isolation = caps.iommu.IommuIsolationSupported;
    with.isolation_required = caps.iommu.IommuIsolationRequired;
    with.map_aperture2 = caps.map_aperture2;
    with.preferred = options.preferred;
    with.driver = &driver;
    for (unsigned i = 0; i < caps.physical_adapters; ++i) {
        with.highest_visible.push_back({caps.highest_visible[i]});
        with.frame_buffer_save.push_back(caps.frame_buffer_save[i]);
    }
    for (unsigned i = 0; i < caps.reserved_count; ++i)
        with.reserved.push_back({{static_cast<std::uint64_t>(caps.reserved[i].BaseAddress.QuadPart)},
                                 static_cast<std::uint64_t>(caps.reserved[i].NumberOfBytes.QuadPart)});
    auto started = system.start_adapter(with);
    if (!started) return started.error();
    adapter = *started;
    interfaces[0] = adapter.interface;
    for (std::size_t i = 1; i < interfaces.size(); ++i) interfaces[i] = adapter.linked[i - 1].interface;
    return STATUS_SUCCESS;
}

void DriverAdapter::Core::stop() { system.stop_adapter(adapter); }

std::uint64_t DriverAdapter::Devices::installed_bytes() const {
    std::uint64_t pages = 0;
    for (const MemoryRange& range : system.machine().memory().ranges()) pages += range.pages;
    return pages << page_shift;
}

PhysicalAddress DriverAdapter::Devices::highest_installed() const {
    return system.frames().highest_installed().address() + (page_size - 1);
}

}  // namespace remap::hosted
