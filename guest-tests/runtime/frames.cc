// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/frames.h"

#include "base/bits.h"
#include "base/extents.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/views.h"

#include <algorithm>

namespace remap::guest {

namespace {

constexpr PhysicalAddress first_usable{std::uint64_t{1} << 20};  // below it: firmware's data and option ROMs
constexpr std::uint64_t pages_zeroed_at_once = 2048;

// Scattered requests: runs of 1 to `longest` pages, gaps of 1 to 4. Large requests get longer runs, so that a request
// leaves a bounded number of fragments.
constexpr std::uint64_t shortest_longest_run = 8;
constexpr std::uint64_t most_fragments = 512;
constexpr std::uint64_t widest_gap = 4;

ExtentPool pool;
Frames machine_frames;
std::uint64_t random_state = 0x9e3779b97f4a7c15;

// xorshift64: enough to scatter, the same at each start.
std::uint64_t random() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

// The whole pages of a range; count 0 if it has none.
ExtentPool::Range whole_pages(const MemoryRange& range) {
    if (range.bytes == 0 || range.first.value + (range.bytes - 1) < range.first.value) return {};
    const std::uint64_t first = pages_of(range.first.value);
    const std::uint64_t end = (range.first.value + (range.bytes - 1) + 1) >> page_shift;
    return {first, end > first ? end - first : 0};
}

// Takes out of the pool whatever it has of [first, last].
void exclude(std::uint64_t first, std::uint64_t last) {
    for (;;) {
        const ExtentPool::Range part = pool.largest(first, last, ExtentPool::From::Bottom);
        if (part.count == 0) return;
        if (!pool.take_exactly(part)) panic("no memory for the frame pool");
    }
}

void give_back(std::span<const PhysicalPage> frames) {
    for (std::uint64_t done = 0; done < frames.size();) {
        std::uint64_t length = 1;
        while (done + length < frames.size() && frames[done + length] == frames[done] + length) ++length;
        if (!pool.give({frames[done].number, length})) panic("frame %lx freed twice", frames[done].number);
        done += length;
    }
}

bool allocate_contiguous(const callbacks::FrameRequest& request, std::span<PhysicalPage> frames) {
    const auto first = pool.take({.count = request.pages,
                                  .lowest = request.lowest.number,
                                  .highest = request.highest.number,
                                  .boundary = request.boundary,
                                  .from = ExtentPool::From::Top});
    if (!first) return false;
    for (std::uint64_t i = 0; i < request.pages; ++i) frames[i] = {*first + i};
    return true;
}

bool allocate_scattered(const callbacks::FrameRequest& request, std::span<PhysicalPage> frames) {
    std::uint64_t longest = std::max(shortest_longest_run, 2 * request.pages / most_fragments);
    std::uint64_t highest = request.highest.number;
    for (std::uint64_t done = 0; done < request.pages;) {
        const std::uint64_t length = std::min(request.pages - done, 1 + random() % longest);
        const auto first = pool.take(
            {.count = length, .lowest = request.lowest.number, .highest = highest, .from = ExtentPool::From::Top});
        if (first) {
            for (std::uint64_t i = 0; i < length; ++i) frames[done + i] = {*first + i};
            done += length;
            const std::uint64_t skip = 1 + random() % widest_gap;
            highest = *first > request.lowest.number + skip ? *first - 1 - skip : request.highest.number;
        } else if (highest != request.highest.number) {
            highest = request.highest.number;  // round again, into the gaps
        } else if (longest > 1) {
            longest /= 2;
        } else {
            give_back(frames.first(done));
            return false;
        }
    }
    return true;
}

bool zero(std::span<const PhysicalPage> frames) {
    while (!frames.empty()) {
        const auto part = frames.first(std::min<std::uint64_t>(frames.size(), pages_zeroed_at_once));
        void* view = views().map({.frames = part});
        if (view == nullptr) return false;
        auto* words = static_cast<std::uint64_t*>(view);
        std::fill(words, words + part.size() * (page_size / sizeof *words), 0);
        views().unmap(view, part.size());
        frames = frames.subspan(part.size());
    }
    return true;
}

}  // namespace

void start_frames() {
    for (const MemoryRange& range : memory_map()) {
        if (!range.usable) continue;
        const ExtentPool::Range pages = whole_pages(range);
        if (pages.count != 0 && !pool.give(pages)) panic("RAM at %lx is listed twice", range.first.value);
    }
    if (!pool.take_exactly({owned_begin().page().number, (owned_end() - owned_begin()) >> page_shift}))
        panic("the kernel's own memory is not in the pool");
    exclude(0, first_usable.page().number - 1);
    for (const MemoryRange& range : memory_map()) {
        const bool sane = range.bytes != 0 && range.first.value + (range.bytes - 1) >= range.first.value;
        if (!range.usable && sane) exclude(range.first.page().number, (range.first + (range.bytes - 1)).page().number);
    }
}

Frames& frames() { return machine_frames; }

bool Frames::allocate(const callbacks::FrameRequest& request, std::span<PhysicalPage> frames) {
    if (request.pages == 0 || request.pages != frames.size()) return false;
    const bool found = request.contiguous ? allocate_contiguous(request, frames) : allocate_scattered(request, frames);
    if (!found) return false;
    if (zero(frames)) return true;
    give_back(frames);
    return false;
}

void Frames::free(std::span<const PhysicalPage> frames) { give_back(frames); }

PhysicalPage Frames::highest_installed() const {
    PhysicalPage highest;
    for (const MemoryRange& range : memory_map()) {
        const ExtentPool::Range pages = whole_pages(range);
        if (range.usable && pages.count != 0)
            highest = std::max(highest, PhysicalPage{pages.first + (pages.count - 1)});
    }
    return highest;
}

bool Frames::overlaps_memory(PhysicalPage first, std::uint64_t pages) const {
    if (pages == 0) return false;
    const std::uint64_t last =
        first.number + (pages - 1) < first.number ? ~std::uint64_t{0} : first.number + (pages - 1);
    return std::ranges::any_of(memory_map(), [&](const MemoryRange& range) {
        const ExtentPool::Range ram = whole_pages(range);
        return range.usable && ram.count != 0 && first.number <= ram.first + (ram.count - 1) && last >= ram.first;
    });
}

std::uint64_t Frames::free_pages() const { return pool.free_pages(); }

}  // namespace remap::guest
