// SPDX-License-Identifier: MIT
// Hands out the logical pages of one adapter's DMA domain.
#pragma once

#include "base/address.h"
#include "base/extents.h"
#include "callbacks/core/page_runs.h"

#include <cstdint>

namespace remap::callbacks {

class LogicalSpace {
public:
    // Pages 1 to `highest`. Page 0 is never handed out: drivers take a base page of 0 for a failure. Nor are the pages
    // of 0xFEE00000 to 0xFEEFFFFF: what a device writes there is an interrupt request and is never translated (VT-d
    // section 3.14, "Handling Requests to Interrupt Address Range"). False when there is no memory.
    bool open(LogicalPage highest);

    // Takes `count` pages, side by side when a free range is that long; else, unless `single`, in as few runs as
    // possible. Nothing is taken on failure. `runs` is empty at first.
    bool take(std::uint64_t count, bool single, PageRuns& runs);

    // False when pages are lost, as there is no memory for the book-keeping.
    bool give(const PageRuns& runs);
    bool give(const PageRun& run) { return pool_.give({run.first, run.count}); }

    // Takes pages out for good, as far as they are part of the space. False when there is no memory.
    bool withhold(const PageRun& run);

    // Whether everything that was taken is back.
    bool whole() const { return pool_.free_pages() == pages_; }

private:
    bool take_single(std::uint64_t count, PageRuns& runs);
    bool take_several(std::uint64_t count, PageRuns& runs);

    ExtentPool pool_;
    LogicalPage highest_;
    std::uint64_t pages_ = 0;
};

}  // namespace remap::callbacks
