// SPDX-License-Identifier: MIT
// Pages as an adapter addresses them, in the order in which they show an object's pages: runs of page numbers side by
// side. The numbers are logical under remapping and physical without.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace remap::callbacks {

struct PageRun {
    std::uint64_t first = 0;  // page number
    std::uint64_t count = 0;  // pages
};

class PageRuns {
public:
    PageRuns() = default;
    PageRuns(PageRuns&& other) noexcept
        : runs_(std::move(other.runs_)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    PageRuns& operator=(PageRuns&& other) noexcept {
        runs_ = std::move(other.runs_);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        return *this;
    }

    // False when there is no memory.
    bool add(PageRun run);

    // The last run, taken off; the list is not empty.
    PageRun pop() { return runs_[--size_]; }

    std::uint64_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    const PageRun& operator[](std::uint64_t index) const { return runs_[index]; }
    const PageRun* begin() const { return runs_.get(); }
    const PageRun* end() const { return runs_.get() + size_; }

private:
    std::unique_ptr<PageRun[]> runs_;
    std::uint64_t size_ = 0;
    std::uint64_t capacity_ = 0;
};

}  // namespace remap::callbacks
