// SPDX-License-Identifier: MIT
#include "tools/export/range_history.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

namespace remap::tools {
namespace {

constexpr std::uint64_t highest = std::numeric_limits<std::uint64_t>::max();

AddressRange piece_of(const AddressRange& range, std::uint64_t first, std::uint64_t last) {
    AddressRange piece = range;
    piece.physical += first - range.first;
    piece.first = first;
    piece.last = last;
    piece.cut |= first != range.first || last != range.last;
    return piece;
}

}  // namespace

// The first range that holds the address or lies behind it.
RangeHistory::Open::iterator RangeHistory::first_touched(std::uint64_t address) {
    const auto next = open_.upper_bound(address);
    return next != open_.begin() && std::prev(next)->second.last >= address ? std::prev(next) : next;
}

const AddressRange* RangeHistory::at(std::uint64_t address) const {
    const auto next = open_.upper_bound(address);
    if (next == open_.begin()) return nullptr;
    const AddressRange& range = std::prev(next)->second;
    return range.last >= address ? &range : nullptr;
}

bool RangeHistory::covers(const AddressRange& range) const {
    const AddressRange* known = at(range.first);
    return known != nullptr && known->last >= range.last && lead_alike(*known, range);
}

void RangeHistory::end(std::uint64_t first, std::uint64_t last, std::uint64_t time, Ending ending) {
    auto next = first_touched(first);
    while (next != open_.end() && next->first <= last) {
        const AddressRange whole = next->second;
        next = open_.erase(next);
        if (whole.first < first) open_[whole.first] = piece_of(whole, whole.first, first - 1);
        if (whole.last > last) next = open_.emplace(last + 1, piece_of(whole, last + 1, whole.last)).first;
        AddressRange gone = piece_of(whole, std::max(whole.first, first), std::min(whole.last, last));
        gone.until = time;
        gone.ending = ending;
        past_.push_back(gone);
    }
}

void RangeHistory::put(const AddressRange& range) {
    end(range.first, range.last, range.since, Ending::Replaced);
    open_[range.first] = range;
}

void RangeHistory::join(AddressRange range) {
    if (covers(range)) {
        absorb(first_touched(range.first)->second, range);
        return;
    }
    const auto [first, last, now] = std::tuple(range.first, range.last, range.since);
    for (auto next = first_touched(first); next != open_.end() && next->first <= last;) {
        if (!lead_alike(range, next->second)) {
            ++next;
            continue;
        }
        absorb(range, next->second);
        next = open_.erase(next);
    }
    end(first, last, now, Ending::Replaced);
    absorb_neighbours(range);
    open_[range.first] = range;
}

void RangeHistory::absorb_neighbours(AddressRange& range) {
    const auto take = [&](Open::iterator neighbour) {
        if (neighbour == open_.end() || !lead_alike(range, neighbour->second)) return;
        absorb(range, neighbour->second);
        open_.erase(neighbour);
    };
    if (range.last != highest) take(open_.find(range.last + 1));
    if (range.first == 0) return;
    const auto before = first_touched(range.first - 1);
    if (before != open_.end() && before->first < range.first) take(before);
}

RangeHistory::Summary RangeHistory::summary(std::size_t most, std::size_t past) const {
    std::vector<AddressRange> open;
    open.reserve(open_.size());
    for (const auto& [first, range] : open_) open.push_back(range);
    Summary summary;
    if (open.size() > most)
        for (const AddressRange& range : open) summary.complete_from = std::max(summary.complete_from, range.since);
    summary.ranges = open.size() > most ? compact(std::move(open), most) : std::move(open);

    const std::size_t joined = past_.size() - std::min(past, past_.size());
    const auto split = past_.begin() + static_cast<std::ptrdiff_t>(joined);
    if (joined != 0) {
        summary.complete_from = std::max(summary.complete_from, std::prev(split)->until);
        std::vector<AddressRange> older = compact({past_.begin(), split}, most);
        for (AddressRange& range : older) range.ending = Ending::Joined;
        summary.ranges.insert(summary.ranges.end(), older.begin(), older.end());
    }
    summary.ranges.insert(summary.ranges.end(), split, past_.end());
    return summary;
}

// What is said again changes nothing, not even since when it is so.
void SpaceHistory::map(const AddressRange& range) {
    if (mapped_.covers(range)) return;
    mapped_.put(range);
    used_.end(range.first, range.last, range.since, Ending::Replaced);
    unmapped_.end(range.first, range.last, range.since, Ending::Replaced);
}

void SpaceHistory::use(AddressRange range) {
    range.stray = unmapped_.at(range.first) != nullptr;
    used_.join(range);
}

void SpaceHistory::unmap(std::uint64_t first, std::uint64_t last, std::uint64_t time) {
    mapped_.end(first, last, time, Ending::Unmapped);
    used_.end(first, last, time, Ending::Unmapped);
    unmapped_.put({.first = first, .last = last, .since = time});
}

void SpaceHistory::reset(std::uint64_t time) {
    for (RangeHistory* history : {&mapped_, &used_, &unmapped_}) history->end(0, highest, time, Ending::Reset);
}

}  // namespace remap::tools
