// SPDX-License-Identifier: MIT
// Drives one VT-d unit in scalable mode: devices that work on the memory of processes (PASID, first-stage tables), that
// keep translations (ATS), and that ask for pages which are not there (PRI). Freestanding, as unit.h, which drives the
// unit in legacy mode. One of the two at a time.
#pragma once

#include "base/address.h"
#include "iommu/driver/page_requests.h"
#include "iommu/driver/unit.h"
#include "iommu/driver/wide_queue.h"
#include "iommu/paging/editor.h"

#include <cstdint>
#include <optional>
#include <span>

namespace remap::vtd_driver {

struct DeviceFeatures {
    bool device_tlb = false;
    bool pasids = false;
    bool page_requests = false;  // needs `device_tlb`
};

// The memory of a process, as first-stage tables. Made by ScalableUnit::create_space.
class ProcessSpace {
public:
    ProcessSpace(paging::TablePort& tables, std::uint16_t domain_id, unsigned levels)
        : domain(domain_id), editor(tables, levels), retired(tables) {}

    const std::uint16_t domain;
    paging::Editor<paging::VtdFirstStage> editor;
    paging::TableList retired;  // tables out of use, freed after invalidation
};

class ScalableUnit {
public:
    static constexpr unsigned most_devices = 16;
    static constexpr unsigned most_bindings = 64;

    ScalableUnit(RegisterPort& registers, paging::TablePort& tables);
    ~ScalableUnit();
    ScalableUnit(const ScalableUnit&) = delete;
    ScalableUnit& operator=(const ScalableUnit&) = delete;

    // Takes the unit over from whoever had it, with all devices blocked, and a page request queue where the unit has
    // one. NotOffered without scalable mode.
    Error start();
    Error stop();

    // The device's own requests pass untranslated; those with a PASID meet what is bound to it. Attach a device before
    // it is told to use any of the features.
    Error attach(std::uint16_t source, const DeviceFeatures& features);
    Error detach(std::uint16_t source);  // with nothing bound

    ProcessSpace* create_space(Error& error);
    void destroy_space(ProcessSpace* space);  // bound to nothing

    Error bind(std::uint16_t source, std::uint32_t pasid, ProcessSpace& space);
    Error unbind(std::uint16_t source, std::uint32_t pasid);

    // For user requests. What was not mapped before needs no invalidation: the unit keeps nothing of it.
    Error map(ProcessSpace& space, LogicalPage first, PhysicalPage to, std::uint64_t pages, bool writable);

    // Takes pages away, and returns when neither the unit nor a device uses them any more.
    Error unmap(ProcessSpace& space, LogicalPage first, std::uint64_t pages);

    // The three steps of unmap: entries, the unit's caches, the devices' caches, which come last (VT-d
    // section 6.5.2.5).
    Error remove(ProcessSpace& space, LogicalPage first, std::uint64_t pages);
    Error forget_in_unit(ProcessSpace& space, LogicalPage first, std::uint64_t pages);
    Error forget_in_devices(ProcessSpace& space, LogicalPage first, std::uint64_t pages);

    // What devices ask for; only when started. An answer goes to a whole group, in reply to its last request.
    PageRequestQueue& page_requests();
    Error answer(const PageRequest& request, vtd::PageResponse code);

    // For single descriptors; only when started.
    WideQueue& queue();
    std::optional<Fault> take_fault();

private:
    struct Parts;

    RegisterPort& registers_;
    paging::TablePort& tables_;
    Parts* parts_ = nullptr;  // while started
};

}  // namespace remap::vtd_driver
