// SPDX-License-Identifier: MIT
#include "callbacks/core/adapter.h"

#include "base/bits.h"

#include <algorithm>
#include <memory>
#include <new>

namespace remap::callbacks {

namespace {

// Pages that end at or below the last byte the adapter can address.
std::uint64_t visible_pages(const AdapterDescription& description) {
    const std::uint64_t last = description.highest_visible.value;
    return (last >> page_shift) + ((~last & (page_size - 1)) == 0);
}

// A chain has one to eight adapters, and each must reach a page beside page 0, which is never handed out.
bool sensible(const AdapterDescription& description) {
    return description.physical_adapters >= 1 && description.physical_adapters <= most_physical_adapters &&
           visible_pages(description) >= 2;
}

}  // namespace

Result<Adapter*, NTSTATUS> Adapter::make(const AdapterDescription& description, PhysicalPage highest_installed) {
    if (!sensible(description)) return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
    std::unique_ptr<Adapter> adapter(new (std::nothrow) Adapter(description.physical_adapters));
    if (!adapter) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    DmaView& view = adapter->view;
    view.highest_visible.number = visible_pages(description) - 1;

    if (description.domain == nullptr || !description.dma_remapping_supported) {
        if (highest_installed > view.highest_visible) return Failure{NTSTATUS{STATUS_DEVICE_CONFIGURATION_ERROR}};
        return adapter.release();
    }
    const unsigned width = description.domain->address_width();
    if (width <= page_shift) return Failure{NTSTATUS{STATUS_DEVICE_CONFIGURATION_ERROR}};
    const std::uint64_t translated = low_bits(width) >> page_shift;
    view.domain = description.domain;
    if (!view.space.open({std::min(view.highest_visible.number, translated)}))
        return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    return adapter.release();
}

}  // namespace remap::callbacks
