// SPDX-License-Identifier: MIT
#include "callbacks/core/page_runs.h"

#include <algorithm>
#include <new>

namespace remap::callbacks {

bool PageRuns::add(PageRun run) {
    if (size_ == capacity_) {
        const std::uint64_t wanted = capacity_ == 0 ? 1 : capacity_ * 2;
        std::unique_ptr<PageRun[]> grown(new (std::nothrow) PageRun[wanted]);
        if (!grown) return false;
        std::copy(runs_.get(), runs_.get() + size_, grown.get());
        runs_ = std::move(grown);
        capacity_ = wanted;
    }
    runs_[size_++] = run;
    return true;
}

}  // namespace remap::callbacks
