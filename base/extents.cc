// SPDX-License-Identifier: MIT
#include "base/extents.h"

#include "base/bits.h"

#include <algorithm>
#include <new>

namespace remap {

namespace {

using Range = ExtentPool::Range;
using Request = ExtentPool::Request;

std::uint64_t last_of(Range range) { return range.first + (range.count - 1); }

bool valid(Range range) { return range.count != 0 && last_of(range) >= range.first; }

bool crosses(std::uint64_t first, std::uint64_t count, std::uint64_t boundary) {
    return boundary != 0 && first / boundary != (first + (count - 1)) / boundary;
}

// The lowest start in [low, last] that satisfies the request, if there is one.
std::optional<std::uint64_t> lowest_fit(std::uint64_t low, std::uint64_t last, const Request& request) {
    std::uint64_t first = round_up(low, request.alignment);
    if (first < low) return std::nullopt;
    if (crosses(first, request.count, request.boundary)) {
        const std::uint64_t next = round_up(round_up(first + 1, request.boundary), request.alignment);
        if (next < first || crosses(next, request.count, request.boundary)) return std::nullopt;
        first = next;
    }
    if (first > last || last - first < request.count - 1) return std::nullopt;
    return first;
}

// The highest start in [low, last] that satisfies the request, if there is one.
std::optional<std::uint64_t> highest_fit(std::uint64_t low, std::uint64_t last, const Request& request) {
    if (last - low < request.count - 1) return std::nullopt;
    std::uint64_t first = round_down(last - (request.count - 1), request.alignment);
    if (crosses(first, request.count, request.boundary)) {
        const std::uint64_t limit = round_down(first + (request.count - 1), request.boundary);
        if (limit < request.count) return std::nullopt;
        first = round_down(limit - request.count, request.alignment);
        if (crosses(first, request.count, request.boundary)) return std::nullopt;
    }
    if (first < low) return std::nullopt;
    return first;
}

}  // namespace

ExtentPool::~ExtentPool() { delete[] ranges_; }

bool ExtentPool::reserve_one() {
    if (size_ < capacity_) return true;
    const std::uint64_t wanted = capacity_ == 0 ? 16 : capacity_ * 2;
    Range* grown = new (std::nothrow) Range[wanted];
    if (grown == nullptr) return false;
    std::copy(ranges_, ranges_ + size_, grown);
    delete[] ranges_;
    ranges_ = grown;
    capacity_ = wanted;
    return true;
}

std::uint64_t ExtentPool::first_ending_after(std::uint64_t page) const {
    const Range* found =
        std::partition_point(ranges_, ranges_ + size_, [page](const Range& range) { return last_of(range) < page; });
    return static_cast<std::uint64_t>(found - ranges_);
}

void ExtentPool::insert_at(std::uint64_t index, Range range) {
    std::copy_backward(ranges_ + index, ranges_ + size_, ranges_ + size_ + 1);
    ranges_[index] = range;
    ++size_;
}

void ExtentPool::erase_at(std::uint64_t index) {
    std::copy(ranges_ + index + 1, ranges_ + size_, ranges_ + index);
    --size_;
}

bool ExtentPool::give(Range range) {
    if (!valid(range) || !reserve_one()) return false;
    const std::uint64_t index = first_ending_after(range.first);
    if (index < size_ && ranges_[index].first <= last_of(range)) return false;

    const bool joins_left = index > 0 && last_of(ranges_[index - 1]) + 1 == range.first;
    const bool joins_right = index < size_ && last_of(range) + 1 == ranges_[index].first;
    if (joins_left && joins_right) {
        ranges_[index - 1].count += range.count + ranges_[index].count;
        erase_at(index);
    } else if (joins_left) {
        ranges_[index - 1].count += range.count;
    } else if (joins_right) {
        ranges_[index] = {range.first, range.count + ranges_[index].count};
    } else {
        insert_at(index, range);
    }
    free_pages_ += range.count;
    return true;
}

// Removes `range` from the free range that contains it; one slot is reserved.
void ExtentPool::carve(std::uint64_t index, Range range) {
    const Range whole = ranges_[index];
    const Range left{whole.first, range.first - whole.first};
    const Range right{range.first + range.count, last_of(whole) - last_of(range)};
    if (left.count != 0 && right.count != 0) {
        ranges_[index] = left;
        insert_at(index + 1, right);
    } else if (left.count != 0 || right.count != 0) {
        ranges_[index] = left.count != 0 ? left : right;
    } else {
        erase_at(index);
    }
    free_pages_ -= range.count;
}

std::optional<std::uint64_t> ExtentPool::take(const Request& request) {
    const bool sane = request.count != 0 && request.lowest <= request.highest && is_power_of_two(request.alignment) &&
                      (request.boundary == 0 || is_power_of_two(request.boundary));
    if (!sane || !reserve_one()) return std::nullopt;

    const auto try_extent = [&](std::uint64_t index) -> std::optional<std::uint64_t> {
        const std::uint64_t low = std::max(ranges_[index].first, request.lowest);
        const std::uint64_t last = std::min(last_of(ranges_[index]), request.highest);
        if (low > last) return std::nullopt;
        const auto first =
            request.from == From::Bottom ? lowest_fit(low, last, request) : highest_fit(low, last, request);
        if (first) carve(index, {*first, request.count});
        return first;
    };

    const std::uint64_t begin = first_ending_after(request.lowest);
    if (request.from == From::Bottom) {
        for (std::uint64_t i = begin; i < size_ && ranges_[i].first <= request.highest; ++i)
            if (const auto first = try_extent(i)) return first;
        return std::nullopt;
    }
    std::uint64_t end = first_ending_after(request.highest);
    if (end < size_) ++end;
    for (std::uint64_t i = end; i > begin; --i)
        if (const auto first = try_extent(i - 1)) return first;
    return std::nullopt;
}

bool ExtentPool::take_exactly(Range range) {
    if (!valid(range) || !reserve_one()) return false;
    const std::uint64_t index = first_ending_after(range.first);
    if (index == size_ || ranges_[index].first > range.first || last_of(ranges_[index]) < last_of(range)) return false;
    carve(index, range);
    return true;
}

ExtentPool::Range ExtentPool::largest(std::uint64_t lowest, std::uint64_t highest, From from) const {
    Range best;
    if (lowest > highest) return best;
    for (std::uint64_t i = first_ending_after(lowest); i < size_ && ranges_[i].first <= highest; ++i) {
        const std::uint64_t low = std::max(ranges_[i].first, lowest);
        const std::uint64_t last = std::min(last_of(ranges_[i]), highest);
        const Range part{low, last - low + 1};
        if (part.count > best.count || (part.count == best.count && from == From::Top)) best = part;
    }
    return best;
}

}  // namespace remap
