// SPDX-License-Identifier: MIT
#include "callbacks/core/frame_pool.h"

#include "base/bits.h"

#include <algorithm>

namespace remap::callbacks {

namespace {

constexpr std::uint64_t longest_run = 16;  // pages
constexpr std::uint64_t longest_gap = 4;   // pages

void fill_run(std::span<PhysicalPage> frames, std::uint64_t first) {
    for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = PhysicalPage{first + i};
}

}  // namespace

bool FramePool::add(PhysicalPage first, std::uint64_t pages) {
    if (ranges_ == max_ranges || overlaps_memory(first, pages) || !free_.give({first.number, pages})) return false;
    installed_[ranges_++] = {first.number, pages};
    return true;
}

// A linear congruential step with Knuth's MMIX constants; the upper bits are the better ones.
std::uint64_t FramePool::next_random() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return random_ >> 33;
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
    std::size_t done = 0;
    std::uint64_t ceiling = request.highest.number;
    bool gaps = true;
    while (done < frames.size()) {
        const std::uint64_t wanted = std::min<std::uint64_t>(frames.size() - done, 1 + next_random() % longest_run);
        std::optional<std::uint64_t> first;
        for (std::uint64_t count = wanted; count != 0 && !first; count /= 2) {
            first = free_.take({.count = count,
                                .lowest = request.lowest.number,
                                .highest = ceiling,
                                .from = ExtentPool::From::Top});
            if (first) {
                fill_run(frames.subspan(done, count), *first);
                done += count;
            }
        }
        const std::uint64_t skip = 1 + next_random() % longest_gap;
        if (first && *first > request.lowest.number + skip) {
            if (gaps) ceiling = *first - 1 - skip;
        } else if (gaps) {
            // The window is used up to its lower end: from now on the gaps are taken too.
            gaps = false;
            ceiling = request.highest.number;
        } else if (!first) {
            free(std::span<const PhysicalPage>(frames.data(), done));
            return false;
        }
    }
    // Neighbours should not follow each other in rising order only.
    for (std::size_t i = frames.size(); i > 1 && frames.size() <= 64; --i) {
        std::swap(frames[i - 1], frames[next_random() % i]);
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
    const std::uint64_t last = first.number + (pages - 1);
    if (pages == 0 || last < first.number) return false;
    return std::any_of(installed_, installed_ + ranges_, [&](const ExtentPool::Range& range) {
        return first.number < range.first + range.count && range.first <= last;
    });
}

}  // namespace remap::callbacks
