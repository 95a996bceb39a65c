// SPDX-License-Identifier: MIT
#include "iommu/driver/scalable_unit.h"

#include "iommu/driver/capabilities.h"
#include "iommu/driver/commands.h"
#include "iommu/driver/domain.h"
#include "iommu/driver/errors.h"
#include "iommu/driver/fault_reader.h"
#include "iommu/driver/pasid_tables.h"
#include "iommu/spec/registers.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>

namespace remap::vtd_driver {

namespace gcmd = vtd::global_command;
namespace ecap = vtd::extended_capability;
namespace ctx = vtd::scalable_context_entry;
namespace entry = vtd::pasid_entry;
namespace descriptor = vtd::descriptor;
using paging::EditError;
using paging::VtdFirstStage;

namespace {

constexpr unsigned levels = 4;
constexpr unsigned all_addresses = 52;  // as an order of pages: 2^(12 + 52) bytes

struct Device {
    bool used = false;
    std::uint16_t source = 0;
    DeviceFeatures features;
};

struct Binding {
    std::uint16_t source = 0;
    std::uint32_t pasid = 0;
    ProcessSpace* space = nullptr;  // null: free
};

// The smallest block of 2^order pages around a range that begins at a multiple of its size.
unsigned order_of(LogicalPage first, std::uint64_t pages) {
    const std::uint64_t last = first.number + (pages - 1);
    unsigned order = 0;
    while (order < all_addresses && first.number >> order != last >> order) ++order;
    return order;
}

vtd::WideDescriptor forget_contexts(vtd::ContextGranularity granularity, std::uint16_t source = 0) {
    return descriptor::wide(descriptor::make_context(granularity, 0, source, 0));
}

vtd::WideDescriptor forget_translations() {
    return descriptor::wide(descriptor::make_iotlb(vtd::IotlbGranularity::Global, 0, 0, 0, 0));
}

vtd::WideDescriptor forget_pasids() { return descriptor::make_pasid(descriptor::pasid::Granularity::Global, 0, 0); }

}  // namespace

struct ScalableUnit::Parts {
    Parts(RegisterPort& registers, paging::TablePort& tables_to_use, const Capabilities& offered)
        : capabilities(offered),
          commands(registers),
          tables(tables_to_use),
          queue(registers, tables_to_use),
          requests(registers, tables_to_use),
          faults(registers, capabilities),
          ids(offered.domains()) {}

    bool has(std::uint64_t bit) const { return (capabilities.ecap & bit) != 0; }
    Error start();
    Error stop();
    Error run(std::initializer_list<vtd::WideDescriptor> list) { return queue.run({list.begin(), list.size()}); }

    Device* find(std::uint16_t source) {
        const auto found = std::ranges::find_if(
            devices, [source](const Device& device) { return device.used && device.source == source; });
        return found == devices.end() ? nullptr : found;
    }
    Binding* find(std::uint16_t source, std::uint32_t pasid) {
        const auto found = std::ranges::find_if(bindings, [&](const Binding& binding) {
            return binding.space != nullptr && binding.source == source && binding.pasid == pasid;
        });
        return found == bindings.end() ? nullptr : found;
    }

    const Capabilities capabilities;
    Commands commands;
    PasidTables tables;
    WideQueue queue;
    PageRequestQueue requests;
    FaultReader faults;
    DomainIds ids;
    std::uint16_t pass_through_id = 0;
    std::array<Device, most_devices> devices{};
    std::array<Binding, most_bindings> bindings{};
};

ScalableUnit::ScalableUnit(RegisterPort& registers, paging::TablePort& tables)
    : registers_(registers), tables_(tables) {}

ScalableUnit::~ScalableUnit() { stop(); }

PageRequestQueue& ScalableUnit::page_requests() { return parts_->requests; }
WideQueue& ScalableUnit::queue() { return parts_->queue; }
std::optional<Fault> ScalableUnit::take_fault() { return parts_ != nullptr ? parts_->faults.take() : std::nullopt; }

Error ScalableUnit::Parts::start() {
    if (const Error error = commands.take_over(); error != Error::None) return error;
    const auto id = ids.take();
    if (!id || !tables.create()) return Error::NoMemory;
    pass_through_id = *id;
    if (const Error error = queue.start(); error != Error::None) return error;

    namespace rtaddr = vtd::root_table;
    const std::uint64_t root = tables.root().address().value | rtaddr::TranslationMode::of(rtaddr::Mode::Scalable);
    if (const Error error = commands.set_root_table(root); error != Error::None) return error;
    // Section 6.6, in this order.
    const Error error = run({forget_contexts(vtd::ContextGranularity::Global), forget_pasids(), forget_translations()});
    if (error != Error::None) return error;
    const Error no_requests = has(ecap::PageRequest::mask) ? requests.start() : Error::None;
    if (no_requests != Error::None) return no_requests;
    faults.start_empty();
    return commands.set(gcmd::Translation::mask);
}

Error ScalableUnit::Parts::stop() {
    if (const Error error = commands.clear(gcmd::Translation::mask); error != Error::None) return error;
    if (const Error error = queue.stop(); error != Error::None) return error;
    requests.stop();
    tables.destroy();
    return Error::None;
}

Error ScalableUnit::start() {
    if (const Error error = stop(); error != Error::None) return error;
    const Capabilities offered(registers_.read64(vtd::capability::offset), registers_.read64(ecap::offset));
    if (!offered.exists()) return Error::NoUnit;
    constexpr std::uint64_t needed = ecap::ScalableMode::mask | ecap::FirstStage::mask | ecap::Pasid::mask |
                                     ecap::PassThrough::mask | ecap::QueuedInvalidation::mask;
    if ((offered.ecap & needed) != needed || offered.caching_mode()) return Error::NotOffered;
    parts_ = new (std::nothrow) Parts(registers_, tables_, offered);
    if (parts_ == nullptr) return Error::NoMemory;
    const Error error = parts_->start();
    if (error != Error::None) stop();
    return error;
}

// A unit that does not let go keeps its tables: they are leaked rather than freed under it.
Error ScalableUnit::stop() {
    if (parts_ == nullptr) return Error::None;
    const Error error = parts_->stop();
    delete parts_;
    parts_ = nullptr;
    return error;
}

Error ScalableUnit::attach(std::uint16_t source, const DeviceFeatures& features) {
    if (parts_ == nullptr) return Error::NotOffered;
    if (features.device_tlb && !parts_->has(ecap::DeviceTlb::mask)) return Error::NotOffered;
    if (features.page_requests && !(features.device_tlb && parts_->has(ecap::PageRequest::mask)))
        return Error::NotOffered;
    const auto place = std::ranges::find_if(parts_->devices, [](const Device& device) { return !device.used; });
    if (parts_->find(source) != nullptr || place == parts_->devices.end()) return Error::NotOffered;
    const std::uint64_t rights = ctx::DeviceTlb::of(features.device_tlb) | ctx::Pasid::of(features.pasids) |
                                 ctx::PageRequest::of(features.page_requests);
    // The entry of the device's own requests is there before the context entry leads to it: nothing is cached of
    // either.
    if (!parts_->tables.open(source, rights)) return Error::NoMemory;
    const std::uint64_t width = vtd::context_entry::width_of(parts_->capabilities.most_levels());
    const entry::Words words{
        entry::Present::mask | entry::Type::of(entry::TranslationType::PassThrough) | entry::AddressWidth::of(width),
        entry::Domain::of(parts_->pass_through_id)};
    if (!parts_->tables.set(source, 0, words)) return Error::NoMemory;
    *place = {.used = true, .source = source, .features = features};
    return Error::None;
}

Error ScalableUnit::detach(std::uint16_t source) {
    Device* const device = parts_ != nullptr ? parts_->find(source) : nullptr;
    if (device == nullptr) return Error::NotOffered;
    const auto directory = parts_->tables.close(source);
    Error error =
        parts_->run({forget_contexts(vtd::ContextGranularity::Device, source), forget_pasids(), forget_translations()});
    if (error == Error::None && device->features.device_tlb)
        error = parts_->run({descriptor::wide(descriptor::make_device_tlb({source, source}, 0, all_addresses))});
    // A device that is gone does not answer, and uses nothing either: the unit blocks it now.
    if (directory && (error == Error::None || error == Error::DeviceTimeout)) parts_->tables.free_directory(*directory);
    *device = {};
    return error;
}

ProcessSpace* ScalableUnit::create_space(Error& error) {
    error = Error::NotOffered;
    if (parts_ == nullptr) return nullptr;
    error = Error::NoMemory;
    const auto id = parts_->ids.take();
    if (!id) return nullptr;
    std::unique_ptr<ProcessSpace> space(new (std::nothrow) ProcessSpace(tables_, *id, levels));
    if (!space || space->editor.create() != EditError::None) {
        parts_->ids.give(*id);
        return nullptr;
    }
    error = Error::None;
    return space.release();
}

void ScalableUnit::destroy_space(ProcessSpace* space) {
    if (space == nullptr) return;
    space->retired.free_all();
    if (parts_ != nullptr) parts_->ids.give(space->domain);
    delete space;
}

Error ScalableUnit::bind(std::uint16_t source, std::uint32_t pasid, ProcessSpace& space) {
    const Device* const device = parts_ != nullptr ? parts_->find(source) : nullptr;
    if (device == nullptr || !device->features.pasids) return Error::NotOffered;
    if (pasid == 0 || pasid >= PasidTables::pasids) return Error::OutOfRange;
    if (parts_->find(source, pasid) != nullptr) return Error::AlreadyMapped;
    const auto place = std::ranges::find_if(parts_->bindings, [](const Binding& one) { return one.space == nullptr; });
    if (place == parts_->bindings.end()) return Error::NoMemory;
    const entry::Words words{
        entry::Present::mask | entry::Type::of(entry::TranslationType::FirstStage),
        entry::Domain::of(space.domain) | entry::WalkSnoop::of(parts_->has(ecap::ScalableCoherent::mask)),
        space.editor.root().address().value | entry::FirstStageMode::of(entry::PagingMode::FourLevels)};
    if (!parts_->tables.set(source, pasid, words)) return Error::NoMemory;
    *place = {source, pasid, &space};
    return Error::None;
}

Error ScalableUnit::unbind(std::uint16_t source, std::uint32_t pasid) {
    Binding* const binding = parts_ != nullptr ? parts_->find(source, pasid) : nullptr;
    if (binding == nullptr) return Error::NotMapped;
    parts_->tables.clear(source, pasid);
    const std::uint16_t domain = binding->space->domain;
    *binding = {};
    const Error error = parts_->run({descriptor::make_pasid(descriptor::pasid::Granularity::Pasid, domain, pasid),
                                     descriptor::make_pasid_iotlb(domain, pasid)});
    const Device* const device = parts_->find(source);
    if (error != Error::None || device == nullptr || !device->features.device_tlb) return error;
    return parts_->run({descriptor::make_pasid_device_tlb({source, source}, pasid, 0, all_addresses)});
}

Error ScalableUnit::map(ProcessSpace& space, LogicalPage first, PhysicalPage to, std::uint64_t pages, bool writable) {
    return error_of(space.editor.map({.first = first,
                                      .to = to,
                                      .pages = pages,
                                      .attributes = VtdFirstStage::user | (writable ? VtdFirstStage::writable : 0),
                                      .largest_leaf = paging::leaf_2m}));
}

Error ScalableUnit::unmap(ProcessSpace& space, LogicalPage first, std::uint64_t pages) {
    Error error = remove(space, first, pages);
    if (error == Error::None) error = forget_in_unit(space, first, pages);
    if (error == Error::None) error = forget_in_devices(space, first, pages);
    if (error == Error::None) space.retired.free_all();
    return error;
}

Error ScalableUnit::remove(ProcessSpace& space, LogicalPage first, std::uint64_t pages) {
    return error_of(space.editor.unmap(first, pages, space.retired));
}

// A leaf of 2 MiB is forgotten as a whole.
Error ScalableUnit::forget_in_unit(ProcessSpace& space, LogicalPage first, std::uint64_t pages) {
    if (parts_ == nullptr) return Error::NotOffered;
    const unsigned order = order_of(first, pages);
    Error error = Error::None;
    for (const Binding& one : parts_->bindings) {
        if (one.space != &space || error != Error::None) continue;
        error = parts_->run(
            {descriptor::make_pasid_iotlb_pages(space.domain, one.pasid, first.address().value, order, false)});
    }
    return error;
}

Error ScalableUnit::forget_in_devices(ProcessSpace& space, LogicalPage first, std::uint64_t pages) {
    if (parts_ == nullptr) return Error::NotOffered;
    const unsigned order = order_of(first, pages);
    Error error = Error::None;
    for (const Binding& one : parts_->bindings) {
        if (one.space != &space || error != Error::None) continue;
        const Device* const device = parts_->find(one.source);
        if (device == nullptr || !device->features.device_tlb) continue;
        error = parts_->run(
            {descriptor::make_pasid_device_tlb({one.source, one.source}, one.pasid, first.address().value, order)});
    }
    return error;
}

Error ScalableUnit::answer(const PageRequest& request, vtd::PageResponse code) {
    if (parts_ == nullptr) return Error::NotOffered;
    return parts_->run({descriptor::make_page_response(request.words, code)});
}

}  // namespace remap::vtd_driver
