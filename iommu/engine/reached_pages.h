// SPDX-License-Identifier: MIT
// The pages that a device can reach, and who is told so. What one change adds and takes away is collected first: a page
// that loses one way and gains another is not told.
#pragma once

#include "iommu/engine/dma_map_port.h"
#include "iommu/engine/page_counts.h"

#include <cstdint>
#include <vector>

namespace remap::iommu {

class ReachedPages {
public:
    ReachedPages(DmaMapPort& port, std::uint64_t most_runs) : port_(port), most_runs_(most_runs) {}

    void add(PageRun run);
    void remove(PageRun run);

    // Tells what has been collected. False when there are more runs than may be.
    bool tell();

    // Tells that nothing is reachable any more.
    void clear();

private:
    void take_in();

    DmaMapPort& port_;
    const std::uint64_t most_runs_;
    PageCounts counts_;
    std::vector<PageRun> added_;
    std::vector<PageRun> removed_;
};

}  // namespace remap::iommu
