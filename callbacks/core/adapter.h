// SPDX-License-Identifier: MIT
// A logical adapter: one or more linked physical adapters that share a DMA domain and everything opened against it.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "callbacks/core/adl.h"
#include "callbacks/core/dxgkrnl.h"
#include "callbacks/core/list.h"
#include "callbacks/core/memory_object.h"
#include "callbacks/ddk/ntddk.h"

#include <array>

namespace remap::callbacks {

inline constexpr unsigned most_physical_adapters = 8;

class Adapter : public Link<Adapter> {
public:
    // Decides between linear remapping and physical mode (WDK page "IOMMU DMA remapping").
    // STATUS_INVALID_PARAMETER, STATUS_DEVICE_CONFIGURATION_ERROR, STATUS_INSUFFICIENT_RESOURCES.
    static Result<Adapter*, NTSTATUS> make(const AdapterDescription& description, PhysicalPage highest_installed);

    bool remaps() const { return view.domain != nullptr; }
    unsigned size() const { return size_; }

    std::array<HANDLE, most_physical_adapters> handles{};  // of the physical adapters, size() of them
    DmaView view;
    List<AdapterObject> objects;

private:
    explicit Adapter(unsigned physical_adapters) : size_(physical_adapters) {}

    const unsigned size_;
};

}  // namespace remap::callbacks
