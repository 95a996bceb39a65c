// SPDX-License-Identifier: MIT
// A pool of numbered pages kept as sorted free ranges: physical frames of a machine of terabytes, or the logical
// addresses of a DMA domain. Its memory grows with fragmentation, not with the size of what it manages; the time of a
// call grows with the logarithm of the number of free ranges.
#pragma once

#include "base/extent_tree.h"

#include <cstdint>
#include <optional>

namespace remap {

class ExtentPool {
public:
    using From = ExtentTree::From;
    using Range = ExtentTree::Range;

    struct Request {
        std::uint64_t count = 0;                    // pages, side by side; 0 is never granted
        std::uint64_t lowest = 0;                   // lowest page number that may be used
        std::uint64_t highest = ~std::uint64_t{0};  // highest page number that may be used
        std::uint64_t alignment = 1;                // pages, a power of two: the first page is a multiple of it
        std::uint64_t boundary = 0;                 // pages, 0 or a power of two: no multiple of it is crossed
        From from = From::Bottom;                   // which end of the window is used first
    };

    // Adds free pages, new ones or ones given out before. False, and nothing changed, if one of them is free already,
    // if the range is empty or wraps, if it is the rest of all 2^64 (their number does not fit a count), or if there is
    // no memory for the book-keeping. Pages that lie beside free ones need none.
    bool give(Range range);

    // Takes pages that are side by side. Nothing, if no free range fits or there is no memory for the book-keeping.
    // With an alignment or a boundary it looks at each range that is long enough until one fits.
    std::optional<std::uint64_t> take(const Request& request);

    // Takes exactly these pages. False, and nothing changed, unless all of them are free and there is memory.
    bool take_exactly(Range range);

    // The largest free range inside [lowest, highest]; count 0 if there is none. On a tie the one at `from`.
    Range largest(std::uint64_t lowest, std::uint64_t highest, From from) const;

    std::uint64_t free_pages() const { return free_pages_; }
    std::uint64_t extents() const { return tree_.size(); }

    // Free ranges looked at in all calls so far.
    std::uint64_t visited() const { return tree_.visited(); }

private:
    bool carve(Range whole, Range range);

    ExtentTree tree_;
    std::uint64_t free_pages_ = 0;
};

}  // namespace remap
