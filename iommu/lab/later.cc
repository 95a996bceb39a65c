// SPDX-License-Identifier: MIT
#include "iommu/lab/later.h"

#include <algorithm>

namespace remap::lab {

bool Later::is_release(const Entry& entry) { return std::holds_alternative<ReleaseCommands>(entry.deed); }

bool Later::add(const Deed& deed, std::uint64_t at) {
    if (entries_.size() == most) return false;
    const auto behind = std::ranges::upper_bound(entries_, at, {}, &Entry::at);
    entries_.insert(behind, {at, deed});
    return true;
}

std::optional<Later::Deed> Later::take_due(std::uint64_t now) {
    if (entries_.empty() || entries_.front().at > now) return std::nullopt;
    const Deed first = entries_.front().deed;
    entries_.erase(entries_.begin());
    return first;
}

std::optional<std::uint64_t> Later::next() const {
    if (entries_.empty()) return std::nullopt;
    return entries_.front().at;
}

bool Later::has_release() const { return std::ranges::any_of(entries_, is_release); }

void Later::forget_release() { std::erase_if(entries_, is_release); }

void Later::forget() { entries_.clear(); }

}  // namespace remap::lab
