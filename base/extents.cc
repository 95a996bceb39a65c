// SPDX-License-Identifier: MIT
#include "base/extents.h"

#include "base/bits.h"

#include <algorithm>

namespace remap {

namespace {

using Range = ExtentPool::Range;
using Request = ExtentPool::Request;
using Window = ExtentTree::Window;

constexpr std::uint64_t last_page = ~std::uint64_t{0};

bool valid(Range range) { return range.count != 0 && range.last() >= range.first; }

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

bool ExtentPool::give(Range range) {
    if (!valid(range) || range.count > last_page - free_pages_) return false;
    const Range* const after = tree_.find(From::Bottom, {range.first, last_page});
    if (after != nullptr && after->first <= range.last()) return false;
    const Range* const before = tree_.find(From::Top, {0, range.first});

    const bool joins_before = before != nullptr && before->last() + 1 == range.first;
    const bool joins_after = after != nullptr && range.last() + 1 == after->first;
    if (joins_before) {
        Range joined{before->first, before->count + range.count};
        if (joins_after) {
            joined.count += after->count;
            tree_.erase(after->first);
        }
        tree_.replace(joined.first, joined);
    } else if (joins_after) {
        tree_.replace(after->first, {range.first, range.count + after->count});
    } else {
        if (!tree_.reserve_one()) return false;
        tree_.insert(range);
    }
    free_pages_ += range.count;
    return true;
}

// Removes `range` from the free range that contains it. False, and nothing changed, if there is no memory for a second
// rest.
bool ExtentPool::carve(Range whole, Range range) {
    const Range left{whole.first, range.first - whole.first};
    const Range right{range.first + range.count, whole.last() - range.last()};
    const bool splits = left.count != 0 && right.count != 0;
    if (splits && !tree_.reserve_one()) return false;
    if (left.count != 0) {
        tree_.replace(whole.first, left);
        if (splits) tree_.insert(right);
    } else if (right.count != 0) {
        tree_.replace(whole.first, right);
    } else {
        tree_.erase(whole.first);
    }
    free_pages_ -= range.count;
    return true;
}

std::optional<std::uint64_t> ExtentPool::take(const Request& request) {
    const bool sane = request.count != 0 && request.lowest <= request.highest && is_power_of_two(request.alignment) &&
                      (request.boundary == 0 || is_power_of_two(request.boundary));
    if (!sane) return std::nullopt;

    const Window window{request.lowest, request.highest};
    std::optional<std::uint64_t> first;
    const Range* const found = tree_.find(request.from, window, request.count, [&](const Range& range) {
        const Range part = window.cut(range);
        first = request.from == From::Bottom ? lowest_fit(part.first, part.last(), request)
                                             : highest_fit(part.first, part.last(), request);
        return first.has_value();
    });
    if (found == nullptr || !carve(*found, {*first, request.count})) return std::nullopt;
    return first;
}

bool ExtentPool::take_exactly(Range range) {
    if (!valid(range)) return false;
    const Range* const whole = tree_.find(From::Bottom, {range.first, range.first});
    return whole != nullptr && whole->last() >= range.last() && carve(*whole, range);
}

ExtentPool::Range ExtentPool::largest(std::uint64_t lowest, std::uint64_t highest, From from) const {
    const Window window{lowest, highest};
    const std::uint64_t count = lowest <= highest ? tree_.longest(window) : 0;
    if (count == 0) return {};
    const Range* const found =
        tree_.find(from, window, count, [&](const Range& range) { return window.cut(range).count == count; });
    return window.cut(*found);
}

}  // namespace remap
