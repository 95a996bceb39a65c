// SPDX-License-Identifier: MIT
// Memory for the GPU to work on, reachable by its DMA in two ways: behind leaves of 4 KiB, each page in a frame far
// from its neighbours', and behind leaves of 2 MiB. Without an IOMMU the GPU is given the frames' own addresses.
#pragma once

#include "base/address.h"
#include "guest-tests/runtime/pci.h"
#include "iommu/driver/unit.h"

#include <cstdint>
#include <memory>
#include <span>

namespace remap::bench {

enum class Leaves : std::uint8_t { Small, Large };

// Memory in a row that CPU and GPU share, for the ring.
struct SharedMemory {
    void* cpu = nullptr;
    LogicalAddress gpu;
};

class WorkingSet {
public:
    // At most `pages` pages will be asked for; more are taken, to fill large pages. Panics when memory runs out.
    WorkingSet(const guest::pci::Function& device, std::uint64_t pages);

    std::uint64_t pages() const { return pages_; }
    LogicalAddress address(Leaves leaves, std::uint64_t page) const;
    volatile std::uint64_t* words(Leaves leaves, std::uint64_t page) const;  // as the CPU sees the page

    // A large page of its own.
    SharedMemory share(std::uint64_t bytes);

    vtd_driver::Domain& domain() const { return *domain_; }  // with an IOMMU

private:
    std::uint64_t frame_of(Leaves leaves, std::uint64_t page) const;
    void allocate();
    void map();

    std::uint64_t pages_;
    std::unique_ptr<PhysicalPage[]> frames_;      // large pages, one after the other
    std::unique_ptr<std::uint32_t[]> placement_;  // of small pages: index into frames_
    volatile std::uint64_t* view_ = nullptr;      // of frames_, in their order
    vtd_driver::Domain* domain_ = nullptr;
    LogicalPage next_shared_;
};

}  // namespace remap::bench
