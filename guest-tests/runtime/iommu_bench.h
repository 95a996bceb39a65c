// SPDX-License-Identifier: MIT
// The IOMMU on its own, with the GPU as a device behind it, as a suite about the unit needs it.
//
// A bench begins with a unit started anew, so that its caches are empty, and leaves one behind. Its driver sets up
// domains and tables; what comes after that the case does itself, through iommu_tables.h and iommu_commands.h.
#pragma once

#include "guest-tests/runtime/dma_probe.h"
#include "guest-tests/runtime/iommu_commands.h"
#include "guest-tests/runtime/iommu_tables.h"
#include "guest-tests/runtime/iommu_unit.h"

#include <array>
#include <cstdint>

namespace remap::guest {

// A page of RAM that begins with its own physical address: who reads the word knows which frame is behind an address.
class MarkedFrame {
public:
    MarkedFrame();
    ~MarkedFrame();
    MarkedFrame(const MarkedFrame&) = delete;
    MarkedFrame& operator=(const MarkedFrame&) = delete;

    PhysicalPage page() const { return page_; }
    std::uint64_t mark() const { return page_.address().value; }
    volatile std::uint64_t& word(unsigned index) const;  // as the CPU sees it; 0 is the mark

private:
    PhysicalPage page_;
};

// Both words of a context entry.
struct ContextWords {
    std::uint64_t low = 0, high = 0;
};

class IommuBench {
public:
    IommuBench();
    ~IommuBench();
    IommuBench(const IommuBench&) = delete;
    IommuBench& operator=(const IommuBench&) = delete;

    vtd_driver::Unit& unit;
    vtd_driver::RegisterPort& registers;
    DmaProbe gpu;
    Invalidations forget;
    vtd_driver::Domain& domain;  // that the GPU is in
    vtd_driver::Domain& other;   // that it could be in

    std::uint16_t id_of(const vtd_driver::Domain& of) const;
    ContextWords context_of(const vtd_driver::Domain& of) const;  // as of a device that is in the domain
    ContextWords pass_through_context() const;

    // The bench's own commands have not begun yet.
    void map(vtd_driver::Domain& in, LogicalAddress at, PhysicalPage to, std::uint64_t pages = 1,
             vtd_driver::Unit::Rights rights = {}) const;

    // Changes the entry and nothing else.
    void point_leaf(LogicalAddress at, PhysicalPage to) const;
    void write_context(const ContextWords& words) const;

private:
    vtd_driver::Domain& create_domain() const;
};

}  // namespace remap::guest
