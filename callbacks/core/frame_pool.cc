// SPDX-License-Identifier: MIT
#include "callbacks/core/frame_pool.h"

#include "base/bits.h"

#include <algorithm>

namespace remap::callbacks {

namespace {

// Runs of 1 to `longest` pages with gaps between them. Large requests get longer runs, so that a request leaves a
// bounded number of fragments, and a view of it a bounded number of pieces.
constexpr std::uint64_t shortest_longest_run = 8;
constexpr std::uint64_t most_fragments = 512;
constexpr std::uint64_t widest_gap = 4;

void fill_run(std::span<PhysicalPage> frames, std::uint64_t first) {
    for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = PhysicalPage{first + i};
}

}  // namespace

bool FramePool::add(PhysicalPage first, std::uint64_t pages) {
    if (ranges_ == max_ranges || overlaps_memory(first, pages) || !free_.give({first.number, pages})) return false;
    installed_[ranges_++] = {first.number, pages};
    return true;
}

bool FramePool::withhold(PhysicalPage first, std::uint64_t pages) {
    if (pages == 0) return true;
    const std::uint64_t last = first.number + (pages - 1);
    for (;;) {
        const ExtentPool::Range part = free_.largest(first.number, last, ExtentPool::From::Bottom);
        if (part.count == 0) return true;
        if (!free_.take_exactly(part)) return false;
    }
}

// 1 to `most`, by xorshift64: enough to scatter.
std::uint64_t FramePool::random_up_to(std::uint64_t most) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return 1 + random_ % most;
}

bool FramePool::allocate(const FrameRequest& request, std::span<PhysicalPage> frames) {
    if (request.pages == 0 || frames.size() != request.pages) return false;
    if (!request.contiguous) return allocate_scattered(request, frames);
    const auto first = free_.take({.count = request.pages,
                                   .lowest = request.lowest.number,
                                   .highest = request.highest.number,
                                   .boundary = request.boundary,
                                   .from = ExtentPool::From::Top});
    if (first) fill_run(frames, *first);
    return first.has_value();
}

bool FramePool::allocate_scattered(const FrameRequest& request, std::span<PhysicalPage> frames) {
    std::uint64_t longest = std::max(shortest_longest_run, 2 * request.pages / most_fragments);
    std::uint64_t highest = request.highest.number;
    for (std::uint64_t done = 0; done < request.pages;) {
        const std::uint64_t length = std::min(request.pages - done, random_up_to(longest));
        const auto first = free_.take(
            {.count = length, .lowest = request.lowest.number, .highest = highest, .from = ExtentPool::From::Top});
        if (first) {
            fill_run(frames.subspan(done, length), *first);
            done += length;
            const std::uint64_t gap = random_up_to(widest_gap);
            highest = *first > request.lowest.number + gap ? *first - 1 - gap : request.highest.number;
        } else if (highest != request.highest.number) {
            highest = request.highest.number;  // round again, into the gaps
        } else if (longest > 1) {
            longest /= 2;
        } else {
            free(frames.first(done));
            return false;
        }
    }
    return true;
}

bool FramePool::free(std::span<const PhysicalPage> frames) {
    return for_each_run(frames, [this](PhysicalPage first, std::uint64_t pages) {
        return overlaps_memory(first, pages) && free_.give({first.number, pages});
    });
}

PhysicalPage FramePool::highest_installed() const {
    PhysicalPage highest;
    for (std::size_t i = 0; i < ranges_; ++i) {
        highest = std::max(highest, PhysicalPage{installed_[i].first + installed_[i].count - 1});
    }
    return highest;
}

bool FramePool::overlaps_memory(PhysicalPage first, std::uint64_t pages) const {
    if (pages == 0) return false;
    const std::uint64_t end = first.number + (pages - 1);
    const std::uint64_t last = end < first.number ? ~std::uint64_t{0} : end;
    return std::any_of(installed_, installed_ + ranges_, [&](const ExtentPool::Range& range) {
        return first.number < range.first + range.count && range.first <= last;
    });
}

}  // namespace remap::callbacks
