// SPDX-License-Identifier: MIT
#include "callbacks/miniport/devices.h"

#include "callbacks/core/findings.h"

#include <algorithm>
#include <cstddef>
#include <new>

namespace remap::miniport {

namespace {

constexpr CSHORT type_device = 3;  // IO_TYPE_DEVICE of wdm.h
constexpr INTERFACE_TYPE bus_type = PCIBus;

// Lengths of 32 bits: larger BARs are described as memory of 64 bits is (WDK page CM_PARTIAL_RESOURCE_DESCRIPTOR).
void describe_range(const DeviceRange& range, CM_PARTIAL_RESOURCE_DESCRIPTOR& descriptor) {
    descriptor.ShareDisposition = CmResourceShareDeviceExclusive;
    descriptor.Flags = CM_RESOURCE_MEMORY_READ_WRITE | CM_RESOURCE_MEMORY_BAR |
                       (range.prefetchable ? CM_RESOURCE_MEMORY_PREFETCHABLE : 0);
    if (range.bytes <= MAXULONG) {
        descriptor.Type = CmResourceTypeMemory;
        descriptor.u.Memory.Start.QuadPart = static_cast<LONGLONG>(range.first.value);
        descriptor.u.Memory.Length = static_cast<ULONG>(range.bytes);
    } else {
        descriptor.Type = CmResourceTypeMemoryLarge;
        descriptor.Flags |= CM_RESOURCE_MEMORY_LARGE_40;
        descriptor.u.Memory40.Start.QuadPart = static_cast<LONGLONG>(range.first.value);
        descriptor.u.Memory40.Length40 = static_cast<ULONG>(range.bytes >> 8);
    }
}

}  // namespace

void Device::describe(const DeviceDescription& description, DevicePort& port) {
    port_ = &port;
    description_ = description;
    object_ = DEVICE_OBJECT{};
    object_.Type = type_device;
    object_.Size = sizeof object_;
    object_.DeviceType = FILE_DEVICE_VIDEO;
    object_.StackSize = 1;
    resources_ = ResourceList{};
    resources_.list.Count = 1;
    CM_FULL_RESOURCE_DESCRIPTOR& full = resources_.list.List[0];
    full.InterfaceType = bus_type;
    full.BusNumber = description.bus;
    full.PartialResourceList.Version = 1;
    full.PartialResourceList.Revision = 1;
    full.PartialResourceList.Count = description.range_count;
    // The list goes on behind its last member, as everywhere on Windows.
    CM_PARTIAL_RESOURCE_DESCRIPTOR* descriptors = full.PartialResourceList.PartialDescriptors;
    for (unsigned i = 0; i < description.range_count; ++i)
        describe_range(description.ranges[i], i == 0 ? descriptors[0] : resources_.more[i - 1]);
}

NTSTATUS Device::get_information(PDXGK_DEVICE_INFO info) {
    if (info == nullptr) return STATUS_INVALID_PARAMETER;
    *info = DXGK_DEVICE_INFO{};
    info->MiniportDeviceContext = context_;
    info->PhysicalDeviceObject = &object_;
    info->TranslatedResourceList = resources_shown_ ? &resources_.list : nullptr;
    info->SystemMemorySize.QuadPart = static_cast<LONGLONG>(port_->installed_bytes());
    info->HighestPhysicalAddress.QuadPart = static_cast<LONGLONG>(port_->highest_installed().value);
    info->DockingState = DockStateUnsupported;
    return STATUS_SUCCESS;
}

bool Device::owns(std::uint64_t first, std::uint64_t bytes) const {
    return std::any_of(description_.ranges.begin(), description_.ranges.begin() + description_.range_count,
                       [&](const DeviceRange& range) {
                           return first >= range.first.value && bytes <= range.bytes &&
                                  first - range.first.value <= range.bytes - bytes;
                       });
}

// Tells the audit of a view. False when there is no memory.
bool Device::audit(View& view, const MapRequest& request) {
    const std::uint64_t offset = request.first & (page_size - 1);
    callbacks::FrameList frames;
    view.audited.reset(new (std::nothrow) callbacks::AuditedView);
    if (!view.audited || !frames.add({PhysicalAddress{request.first}.page(), pages_of(offset + request.bytes)}))
        return false;
    const auto cache = request.cache == MmCached      ? callbacks::CacheType::WriteBack
                       : request.cache == MmNonCached ? callbacks::CacheType::Uncached
                                                      : callbacks::CacheType::WriteCombined;
    callbacks::ViewAudit& all = port_->view_audit();
    const callbacks::ViewOrigin origin{"DxgkCbMapMemory", request.caller, {}};
    if (!all.add(*view.audited, {.frames = frames, .pages = frames.size(), .cache = cache},
                 {.base = static_cast<std::byte*>(view.base) - offset, .origin = origin}))
        return false;
    if (const auto conflict = all.conflict_of(*view.audited)) {
        callbacks::Text text;
        port_->report(conflict_report(view.audited->live(), *conflict, text));
    }
    return true;
}

void Device::end(View& view) {
    if (view.audited) port_->view_audit().remove(*view.audited);
    port_->unmap_device_memory(view.base, view.bytes);
    view = {};
}

NTSTATUS Device::map_memory(const MapRequest& request, PVOID* mapped) {
    if (mapped == nullptr) return STATUS_INVALID_PARAMETER;
    *mapped = nullptr;
    const bool known = request.cache == MmNonCached || request.cache == MmCached || request.cache == MmWriteCombined;
    if (request.bytes == 0 || request.io_space || request.user_mode || !known || !owns(request.first, request.bytes))
        return STATUS_INVALID_PARAMETER;
    const auto free = std::find_if(std::begin(views_), std::end(views_), [](const View& v) { return !v.base; });
    if (free == std::end(views_)) return STATUS_NO_MEMORY;
    free->base = port_->map_device_memory({request.first}, request.bytes, request.cache);
    if (free->base == nullptr) return STATUS_NO_MEMORY;
    free->bytes = request.bytes;
    if (!audit(*free, request)) {
        end(*free);
        return STATUS_NO_MEMORY;
    }
    *mapped = free->base;
    return STATUS_SUCCESS;
}

NTSTATUS Device::unmap_memory(PVOID address) {
    if (address == nullptr) return STATUS_INVALID_PARAMETER;
    const auto found =
        std::find_if(std::begin(views_), std::end(views_), [&](const View& v) { return v.base == address; });
    if (found == std::end(views_)) return STATUS_INVALID_PARAMETER;
    end(*found);
    return STATUS_SUCCESS;
}

unsigned Device::take_back_views() {
    unsigned count = 0;
    for (View& view : views_) {
        if (view.base == nullptr) continue;
        end(view);
        ++count;
    }
    return count;
}

}  // namespace remap::miniport
