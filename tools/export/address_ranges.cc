// SPDX-License-Identifier: MIT
#include "tools/export/address_ranges.h"

#include <algorithm>
#include <tuple>

namespace remap::tools {
namespace {

constexpr std::uint64_t page_mask = 0xfff;

std::uint64_t shift_of(const AddressRange& range) { return range.physical - range.first; }

bool touches(const AddressRange& range, const AddressRange& next) {
    return next.first <= range.last || next.first - range.last == 1;
}

void join_touching(std::vector<AddressRange>& ranges) {
    const auto order = [](const AddressRange& range) {
        return std::tuple(shift_of(range), range.object, range.stray, range.first);
    };
    std::sort(ranges.begin(), ranges.end(), [&](const auto& a, const auto& b) { return order(a) < order(b); });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        AddressRange& range = ranges[kept == 0 ? 0 : kept - 1];
        if (kept != 0 && lead_alike(range, ranges[i]) && touches(range, ranges[i]))
            absorb(range, ranges[i]);
        else
            ranges[kept++] = ranges[i];
    }
    ranges.resize(kept);
}

// Ranges that differ in the object alone become one of the object that used it last. They lie together, in the order of
// their times.
void join_owners(std::vector<AddressRange>& ranges) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        AddressRange& range = ranges[kept == 0 ? 0 : kept - 1];
        const AddressRange& next = ranges[i];
        const bool same_addresses = kept != 0 && range.first == next.first && range.last == next.last;
        if (same_addresses && range.physical == next.physical && range.stray == next.stray) {
            range.object = next.object;
            range.owners += next.owners;
            absorb(range, next);
        } else {
            ranges[kept++] = next;
        }
    }
    ranges.resize(kept);
}

std::uint64_t gap(const AddressRange& range, const AddressRange& next) {
    return next.first > range.last ? next.first - range.last : 0;
}

void join_near(std::vector<AddressRange>& ranges, std::size_t most) {
    if (ranges.size() <= most || most == 0) return;
    std::vector<std::uint64_t> gaps;
    for (std::size_t i = 1; i < ranges.size(); ++i) gaps.push_back(gap(ranges[i - 1], ranges[i]));
    std::size_t excess = ranges.size() - most;
    std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(excess - 1), gaps.end());
    const std::uint64_t widest = gaps[excess - 1];

    std::size_t kept = 1;
    for (std::size_t i = 1; i < ranges.size(); ++i) {
        AddressRange& range = ranges[kept - 1];
        if (excess != 0 && gap(range, ranges[i]) <= widest) {
            if (range.object != ranges[i].object) range.object = 0;
            range.parts += ranges[i].parts;
            absorb(range, ranges[i]);
            --excess;
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    ranges.resize(kept);
}

}  // namespace

bool lead_alike(const AddressRange& range, const AddressRange& next) {
    return shift_of(range) == shift_of(next) && range.object == next.object && range.stray == next.stray;
}

void absorb(AddressRange& range, const AddressRange& next) {
    if (next.first < range.first) {
        range.physical -= range.first - next.first;
        range.first = next.first;
    }
    range.last = std::max(range.last, next.last);
    range.uses += next.uses;
    range.when = std::max(range.when, next.when);
    range.since = std::min(range.since, next.since);
    range.until = std::max(range.until, next.until);
    range.read |= next.read;
    range.written |= next.written;
    range.cut |= next.cut;
}

void round_to_pages(AddressRange& range) {
    range.physical -= range.first & page_mask;
    range.first &= ~page_mask;
    range.last |= page_mask;
}

std::vector<AddressRange> compact(std::vector<AddressRange> ranges, std::size_t most) {
    for (AddressRange& range : ranges) round_to_pages(range);
    join_touching(ranges);
    std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) {
        return std::tuple(a.first, a.last, a.physical, a.when) < std::tuple(b.first, b.last, b.physical, b.when);
    });
    join_owners(ranges);
    join_near(ranges, most);
    return ranges;
}

}  // namespace remap::tools
