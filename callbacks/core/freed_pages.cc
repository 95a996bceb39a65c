// SPDX-License-Identifier: MIT
#include "callbacks/core/freed_pages.h"

namespace remap::callbacks {

std::optional<PageRun> FreedPages::pop() {
    if (count_ == 0) return std::nullopt;
    const PageRun run = entries_[first_].run;
    first_ = (first_ + 1) % most;
    --count_;
    return run;
}

std::optional<PageRun> FreedPages::add(const Entry& entry) {
    const std::optional<PageRun> pushed_out = count_ == most ? pop() : std::nullopt;
    entries_[(first_ + count_++) % most] = entry;
    return pushed_out;
}

const FreedPages::Entry* FreedPages::find(std::uint64_t page) const {
    for (std::size_t i = count_; i-- != 0;) {
        const Entry& entry = entries_[(first_ + i) % most];
        if (page >= entry.run.first && page - entry.run.first < entry.run.count) return &entry;
    }
    return nullptr;
}

}  // namespace remap::callbacks
