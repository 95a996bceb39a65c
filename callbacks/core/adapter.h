// SPDX-License-Identifier: MIT
// A logical adapter: one or more linked physical adapters that share a DMA domain and everything opened against it.
#pragma once

#include "base/result.h"
#include "callbacks/core/adl.h"
#include "callbacks/core/dma_view.h"
#include "callbacks/core/dxgkrnl.h"
#include "callbacks/core/interval_tree.h"
#include "callbacks/core/list.h"
#include "callbacks/core/memory_object.h"
#include "callbacks/core/tracked_memory.h"
#include "callbacks/ddk/ntddk.h"

#include <array>

namespace remap::callbacks {

class Adapter : public Link<Adapter> {
public:
    // Chooses the mode, attaches the devices, and takes the memory of the frame buffers' save areas. Statuses as
    // Dxgkrnl::start_adapter.
    static Result<Adapter*, NTSTATUS> make(const AdapterDescription& description, FramePort& frames, bool quarantine,
                                           Witness* witness);

    // Nothing is open on it. False when logical pages were lost on the way.
    static bool end(Adapter* adapter, FramePort& frames);

    // The adapter memory object that a live list is of; null for none of this adapter's.
    const AdapterObject* owner_of(const DXGK_ADL* adl) const;

    // System memory for what a physical adapter saves of its frame buffer across power transitions, null if it saves
    // nothing. All of it is charged when the adapter starts (WDK page "IOMMU-based GPU isolation", Frame buffer
    // reservation).
    const FrameList* save_area(unsigned index) const {
        return index < size_ && !save_areas_[index].empty() ? &save_areas_[index] : nullptr;
    }

    unsigned size() const { return size_; }
    bool is_lead(HANDLE handle) const { return handle == handles[0]; }
    bool supports_isolation() const { return caps_.IommuIsolationSupported != 0; }
    ULONG version() const { return version_; }
    DriverPort* driver() const { return driver_; }

    std::array<HANDLE, most_physical_adapters> handles{};  // of the physical adapters, size() of them
    DmaView view;
    List<AdapterObject> objects;
    List<TrackedMemory> tracked;
    std::array<TrackedMemory*, most_physical_adapters> pinned{};  // what of `tracked` pins each save area
    IntervalTree<TrackedMemory> save_views;                       // and what shows them, by address
    bool switching = false;                                       // between Begin and EndExclusiveAccess

private:
    explicit Adapter(const AdapterDescription& description)
        : size_(static_cast<unsigned>(description.highest_visible.size())),
          caps_(description.iommu),
          version_(description.version),
          driver_(description.driver) {}

    NTSTATUS make_save_areas(std::span<const std::uint64_t> bytes, FramePort& frames);
    void free_save_areas(FramePort& frames);

    const unsigned size_;
    const DXGK_IOMMU_CAPS caps_;
    const ULONG version_;
    DriverPort* const driver_;
    std::array<FrameList, most_physical_adapters> save_areas_;
};

}  // namespace remap::callbacks
