// SPDX-License-Identifier: MIT
// The pages of a domain in which logical addresses equal physical ones. A page may be mapped for several reasons at
// once (two ADLs of one object, an MDL of the driver's own): it can be reached until the last of them ends.
#pragma once

#include "base/extents.h"
#include "callbacks/core/page_runs.h"
#include "callbacks/core/ports.h"

#include <cstdint>
#include <memory>

namespace remap::callbacks {

class IdentityMap {
public:
    IdentityMap() = default;

    // Maps the pages that nobody has mapped, and counts. All or nothing: false when there is no memory.
    bool add(DmaPort& port, const PageRun& run);

    // Uncounts, and unmaps pages whose last reason it was. False when there was no memory to keep the books: then the
    // devices have lost all the run's pages.
    bool remove(DmaPort& port, const PageRun& run);

    bool empty() const { return level_count_ == 0 || levels_[0]->free_pages() == 0; }

private:
    bool reach(std::uint64_t level);
    bool put(DmaPort& port, std::uint64_t level, const PageRun& run);
    bool drop(DmaPort& port, std::uint64_t level, const PageRun& run);

    // Level n holds the pages that are mapped for at least n + 1 reasons: each is part of the one before.
    std::unique_ptr<std::unique_ptr<ExtentPool>[]> levels_;
    std::uint64_t level_count_ = 0;
    std::uint64_t level_capacity_ = 0;
};

}  // namespace remap::callbacks
