// SPDX-License-Identifier: MIT
// Frames of physical memory in the order of an object's pages, kept as runs of neighbours: an object of a terabyte
// costs as much as it has fragments.
#pragma once

#include "base/address.h"

#include <algorithm>
#include <cstdint>
#include <memory>

namespace remap::callbacks {

struct FrameRun {
    PhysicalPage first;
    std::uint64_t pages = 0;
};

class FrameList {
public:
    FrameList() = default;
    FrameList(FrameList&& other) noexcept { swap(other); }
    FrameList& operator=(FrameList&& other) noexcept {
        swap(other);
        return *this;
    }

    // Appends. False, and nothing changed, when there is no memory. An empty run is nothing.
    bool add(FrameRun run);

    // Appends `pages` frames of another list, from index `first` on. As add.
    bool add(const FrameList& from, std::uint64_t first, std::uint64_t pages);

    // Drops all but the first `pages` frames.
    void shorten(std::uint64_t pages);

    std::uint64_t size() const { return size_; }  // frames
    bool empty() const { return size_ == 0; }
    std::uint64_t fragments() const { return count_; }

    // index < size().
    PhysicalPage operator[](std::uint64_t index) const { return run_at(index, 1).first; }

    // The frames side by side from an index on, at most `limit` of them.
    FrameRun run_at(std::uint64_t index, std::uint64_t limit) const;

    // Calls `visit(run)` for the runs of `pages` frames from index `first` on, in order, as long as it returns true.
    template <typename Visit>
    bool for_each_run(std::uint64_t first, std::uint64_t pages, Visit visit) const {
        for (std::uint64_t i = pages == 0 ? 0 : fragment_of(first); pages != 0; ++i) {
            const FrameRun run = part(i, first, pages);
            if (!visit(run)) return false;
            first += run.pages;
            pages -= run.pages;
        }
        return true;
    }
    template <typename Visit>
    bool for_each_run(Visit visit) const {
        return for_each_run(0, size_, visit);
    }

private:
    struct Fragment {
        std::uint64_t index = 0;  // of its first frame in the list
        PhysicalPage first;
    };

    void swap(FrameList& other) noexcept;
    bool reserve(std::uint64_t fragments);
    std::uint64_t fragment_of(std::uint64_t index) const;
    std::uint64_t end_of(std::uint64_t fragment) const {
        return fragment + 1 < count_ ? fragments_[fragment + 1].index : size_;
    }
    FrameRun part(std::uint64_t fragment, std::uint64_t index, std::uint64_t limit) const {
        const Fragment& found = fragments_[fragment];
        return {found.first + (index - found.index), std::min(limit, end_of(fragment) - index)};
    }

    std::unique_ptr<Fragment[]> fragments_;
    std::uint64_t count_ = 0;
    std::uint64_t capacity_ = 0;
    std::uint64_t size_ = 0;
};

}  // namespace remap::callbacks
