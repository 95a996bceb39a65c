// SPDX-License-Identifier: MIT
// Pages as an adapter addresses them, in the order in which they show an object's pages: runs of page numbers side by
// side. The numbers are logical under remapping and physical without.
#pragma once

#include <cstdint>
#include <memory>

namespace remap::callbacks {

struct PageRun {
    std::uint64_t first = 0;  // page number
    std::uint64_t count = 0;  // pages
};

class PageRuns {
public:
    // False when there is no memory.
    bool add(PageRun run);

    std::uint64_t size() const { return size_; }
    const PageRun& operator[](std::uint64_t index) const { return runs_[index]; }
    const PageRun* begin() const { return runs_.get(); }
    const PageRun* end() const { return runs_.get() + size_; }

private:
    std::unique_ptr<PageRun[]> runs_;
    std::uint64_t size_ = 0;
    std::uint64_t capacity_ = 0;
};

}  // namespace remap::callbacks
