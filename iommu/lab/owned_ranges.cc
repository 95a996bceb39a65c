// SPDX-License-Identifier: MIT
#include "iommu/lab/owned_ranges.h"

#include <iterator>

namespace remap::lab {

void OwnedRanges::put(std::uint64_t space, const Range& range) {
    const Place place{space, range.first};
    ranges_.insert_or_assign(place, Rest{range.pages, range.owner, range.target});
    by_owner_.insert({range.owner, place});
}

OwnedRanges::Ranges::iterator OwnedRanges::erase(Ranges::iterator range) {
    by_owner_.erase({range->second.owner, range->first});
    return ranges_.erase(range);
}

// What reaches over an edge is put back without the part that is taken. That is at most one range more than before.
bool OwnedRanges::remove(std::uint64_t space, std::uint64_t first, std::uint64_t pages) {
    if (pages == 0) return true;
    bool fits = true;
    const std::uint64_t last = first + (pages - 1);
    auto next = ranges_.upper_bound({space, first});
    if (next != ranges_.begin()) {
        const auto before = std::prev(next);
        const Range range = range_of(*before);
        if (before->first.first == space && range.first + (range.pages - 1) >= first) next = before;
    }
    while (next != ranges_.end() && next->first.first == space && next->first.second <= last) {
        const Range range = range_of(*next);
        const std::uint64_t range_last = range.first + (range.pages - 1);
        next = erase(next);
        if (range.first < first) put(space, {range.first, first - range.first, range.owner, range.target});
        if (range_last > last) {
            const std::uint64_t cut = last + 1 - range.first;
            fits = ranges_.size() < most_;
            if (fits) put(space, {last + 1, range.pages - cut, range.owner, range.target + cut});
        }
    }
    return fits;
}

bool OwnedRanges::assign(std::uint64_t space, const Range& range) {
    const bool fits = remove(space, range.first, range.pages);
    if (!fits || ranges_.size() >= most_) return false;
    put(space, range);
    return true;
}

void OwnedRanges::clear() {
    ranges_.clear();
    by_owner_.clear();
}

void OwnedRanges::remove_owner(std::uint64_t owner) {
    auto next = by_owner_.lower_bound({owner, {}});
    while (next != by_owner_.end() && next->first == owner) {
        ranges_.erase(next->second);
        next = by_owner_.erase(next);
    }
}

std::optional<OwnedRanges::Range> OwnedRanges::find(std::uint64_t space, std::uint64_t page) const {
    const auto next = ranges_.upper_bound({space, page});
    if (next == ranges_.begin()) return std::nullopt;
    const auto before = std::prev(next);
    const Range range = range_of(*before);
    if (before->first.first != space || page - range.first >= range.pages) return std::nullopt;
    return range;
}

std::optional<std::uint64_t> OwnedRanges::next_after(std::uint64_t space, std::uint64_t page) const {
    const auto next = ranges_.upper_bound({space, page});
    if (next == ranges_.end() || next->first.first != space) return std::nullopt;
    return next->first.second;
}

}  // namespace remap::lab
