// SPDX-License-Identifier: MIT
// How many ways lead to each page. Neighbours with the same count are one run, so that a long mapping costs what a
// short one does.
#pragma once

#include "base/address.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace remap::iommu {

struct PageRun {
    PhysicalPage first;
    std::uint64_t pages = 0;
    friend constexpr bool operator==(const PageRun&, const PageRun&) = default;
};

// Puts a run behind the others, as one with the last where they touch.
void append(std::vector<PageRun>& runs, PageRun run);

class PageCounts {
public:
    // One way more, or less, to each page of the run. Pages that had none before, or have none now, are appended to
    // `changed`. A page that has none is not taken from.
    void add(PageRun run, std::vector<PageRun>& changed);
    void remove(PageRun run, std::vector<PageRun>& changed);

    // All pages to which a way leads are appended to `gone`; then there are none.
    void clear(std::vector<PageRun>& gone);

    bool any(PhysicalPage page) const;

    std::size_t runs() const { return runs_.size(); }

private:
    struct Counted {
        std::uint64_t end = 0;  // number of the page behind the run
        std::uint64_t ways = 0;
    };
    using Runs = std::map<std::uint64_t, Counted>;  // by the number of the first page

    Runs::iterator from(std::uint64_t page);
    void join(std::uint64_t page);

    Runs runs_;
};

}  // namespace remap::iommu
