// SPDX-License-Identifier: MIT
#include "tools/export/frame_owners.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace remap::tools {

using lab::Kind;

void FrameOwners::note(const lab::Event& event) {
    switch (event.kind) {
        case Kind::Object:
            if ((event.flags & lab::flag::ended) != 0) {
                gone_.insert(event.detail);
            } else {
                gone_.erase(event.detail);
                sorts_[event.detail] = event.code;
            }
            return;
        case Kind::Frames: return give(event.address, event.length, event.detail);
        case Kind::Map:
            if (event.detail != 0) give(event.result, event.length, event.detail);
            return;
        default: return;
    }
}

void FrameOwners::give(std::uint64_t first, std::uint64_t bytes, std::uint64_t object) {
    if (bytes == 0) return;
    const std::uint64_t last = first + std::min(bytes - 1, std::numeric_limits<std::uint64_t>::max() - first);

    // What overlaps keeps what lies outside.
    auto run = runs_.upper_bound(first);
    if (run != runs_.begin() && std::prev(run)->second.last >= first) --run;
    while (run != runs_.end() && run->first <= last) {
        const auto [old_first, old] = *run;
        run = runs_.erase(run);
        if (old_first < first) runs_[old_first] = {first - 1, old.object};
        if (old.last > last) run = runs_.emplace(last + 1, Run{old.last, old.object}).first;
    }
    runs_[first] = {last, object};
}

std::uint64_t FrameOwners::owner_of(std::uint64_t physical) const {
    const auto next = runs_.upper_bound(physical);
    if (next == runs_.begin()) return 0;
    const Run& run = std::prev(next)->second;
    return physical <= run.last ? run.object : 0;
}

std::optional<std::uint32_t> FrameOwners::sort_of(std::uint64_t object) const {
    const auto known = sorts_.find(object);
    if (known == sorts_.end()) return std::nullopt;
    return known->second;
}

}  // namespace remap::tools
