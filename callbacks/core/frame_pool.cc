// SPDX-License-Identifier: MIT
#include "callbacks/core/frame_pool.h"

#include "base/bits.h"

#include <algorithm>
#include <optional>

namespace remap::callbacks {

namespace {

// Runs of 1 to `longest` pages with gaps between them. Large requests get longer runs, so that a request leaves a
// bounded number of fragments, and a view of it a bounded number of pieces.
constexpr std::uint64_t shortest_longest_run = 8;
constexpr std::uint64_t most_fragments = 512;
constexpr std::uint64_t widest_gap = 4;

// From here on runs are made of large pages, as a system does that has much memory to give: a terabyte in pages of
// 4 KiB would take gigabytes of tables.
constexpr std::uint64_t large_request = std::uint64_t{1} << (30 - page_shift);
constexpr std::uint64_t large_page = std::uint64_t{1} << (21 - page_shift);
constexpr std::uint64_t huge_page = std::uint64_t{1} << (30 - page_shift);

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

bool FramePool::allocate(const FrameRequest& request, FrameList& frames) {
    if (request.pages == 0) return false;
    if (!request.contiguous) return allocate_scattered(request, frames);
    std::optional<std::uint64_t> first;
    // Aligned where it can be, so that tables of it have large leaves.
    for (const std::uint64_t alignment : {huge_page, large_page, std::uint64_t{1}})
        if (!first && request.pages >= alignment)
            first = free_.take({.count = request.pages,
                                .lowest = request.lowest.number,
                                .highest = request.highest.number,
                                .alignment = alignment,
                                .boundary = request.boundary,
                                .from = ExtentPool::From::Top});
    if (!first) return false;
    if (frames.add({{*first}, request.pages})) return true;
    (void)free_.give({*first, request.pages});
    return false;
}

bool FramePool::allocate_scattered(const FrameRequest& request, FrameList& frames) {
    const std::uint64_t before = frames.size();
    const bool large = request.pages >= large_request && request.pages % large_page == 0;
    std::uint64_t unit = large ? large_page : 1;
    std::uint64_t longest = std::max(shortest_longest_run, 2 * request.pages / unit / most_fragments);
    std::uint64_t highest = request.highest.number;
    for (std::uint64_t done = 0; done < request.pages;) {
        const std::uint64_t length = std::min(request.pages - done, random_up_to(longest) * unit);
        const auto first = free_.take({.count = length,
                                       .lowest = request.lowest.number,
                                       .highest = highest,
                                       .alignment = unit,
                                       .from = ExtentPool::From::Top});
        if (first) {
            if (!frames.add({{*first}, length})) {
                (void)free_.give({*first, length});
                break;
            }
            done += length;
            const std::uint64_t gap = random_up_to(widest_gap) * unit;
            highest = *first > request.lowest.number + gap ? *first - 1 - gap : request.highest.number;
        } else if (highest != request.highest.number) {
            highest = request.highest.number;  // round again, into the gaps
        } else if (longest > 1) {
            longest /= 2;
        } else if (unit > 1) {
            longest = unit;
            unit = 1;
        } else {
            break;
        }
    }
    if (frames.size() - before == request.pages) return true;
    (void)free_part(frames, before, frames.size() - before);
    frames.shorten(before);
    return false;
}

bool FramePool::free_part(const FrameList& frames, std::uint64_t first, std::uint64_t pages) {
    return frames.for_each_run(first, pages, [this](FrameRun run) {
        return overlaps_memory(run.first, run.pages) && free_.give({run.first.number, run.pages});
    });
}

bool FramePool::free(const FrameList& frames) { return free_part(frames, 0, frames.size()); }

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
