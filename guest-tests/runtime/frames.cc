// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/frames.h"

#include "base/extents.h"
#include "callbacks/core/frame_pool.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/caches.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/process.h"
#include "guest-tests/runtime/views.h"

#include <algorithm>

namespace remap::guest {

using callbacks::FrameList;

namespace {

constexpr PhysicalAddress first_usable{std::uint64_t{1} << 20};  // below it: firmware's data and option ROMs
constexpr std::uint64_t pages_at_once = 2048;                    // mapped to be zeroed or copied

callbacks::FramePool pool;
Frames machine_frames;

// The whole pages of a range; count 0 if it has none.
ExtentPool::Range whole_pages(const MemoryRange& range) {
    if (range.bytes == 0 || range.first.value + (range.bytes - 1) < range.first.value) return {};
    const std::uint64_t first = pages_of(range.first.value);
    const std::uint64_t end = (range.first.value + (range.bytes - 1) + 1) >> page_shift;
    return {first, end > first ? end - first : 0};
}

void give_back(const FrameList& frames) {
    if (!pool.free(frames)) panic("a frame of %lu from %lx on was freed twice", frames.size(), frames[0].number);
}

void withhold(PhysicalAddress first, PhysicalAddress last) {
    if (!pool.withhold(first.page(), last.page() - first.page() + 1)) panic("no memory for the frame pool");
}

// A view of part of a list, for as long as the object lives; null when it could not be made.
class PartView {
public:
    PartView(const FrameList& frames, std::uint64_t first, std::uint64_t pages)
        : words_(static_cast<std::uint64_t*>(views().map({.frames = frames, .first = first, .pages = pages}))),
          pages_(pages) {}
    ~PartView() {
        if (words_ != nullptr) views().unmap(words_, pages_, current_process());
    }
    PartView(const PartView&) = delete;
    PartView& operator=(const PartView&) = delete;

    std::uint64_t* words() const { return words_; }
    std::uint64_t count() const { return pages_ * (page_size / sizeof *words_); }

private:
    std::uint64_t* words_;
    std::uint64_t pages_;
};

bool zero(const FrameList& frames, std::uint64_t first) {
    for (std::uint64_t pages; first < frames.size(); first += pages) {
        pages = std::min(frames.size() - first, pages_at_once);
        const PartView part(frames, first, pages);
        if (part.words() == nullptr) return false;
        std::fill_n(part.words(), part.count(), 0);
        // Who gets them may show them with another type, or to a device that does not snoop.
        flush_cache_lines(part.words(), pages << page_shift);
    }
    return true;
}

}  // namespace

void start_frames() {
    for (const MemoryRange& range : memory_map()) {
        if (!range.usable) continue;
        const ExtentPool::Range pages = whole_pages(range);
        if (pages.count != 0 && !pool.add({pages.first}, pages.count)) {
            panic("RAM at %lx is listed twice, or in too many ranges", range.first.value);
        }
    }
    withhold(owned_begin(), owned_end() - 1);
    withhold({0}, first_usable - 1);
    if (const BootModule module = boot_module(); module.bytes != 0)
        withhold(module.first, module.first + (module.bytes - 1));
    for (const MemoryRange& range : memory_map()) {
        const bool sane = range.bytes != 0 && range.first.value + (range.bytes - 1) >= range.first.value;
        if (!range.usable && sane) withhold(range.first, range.first + (range.bytes - 1));
    }
}

Frames& frames() { return machine_frames; }

bool Frames::allocate(const callbacks::FrameRequest& request, FrameList& frames) {
    const std::uint64_t before = frames.size();
    if (!pool.allocate(request, frames)) return false;
    if (zero(frames, before)) return true;
    if (!pool.free_part(frames, before, frames.size() - before)) panic("a frame was freed twice");
    frames.shorten(before);
    return false;
}

void Frames::free(const FrameList& frames) { give_back(frames); }

bool Frames::copy(const FrameList& from, const FrameList& to) {
    for (std::uint64_t first = 0, pages; first < from.size(); first += pages) {
        pages = std::min(from.size() - first, pages_at_once);
        const PartView source(from, first, pages);
        const PartView target(to, first, pages);
        if (source.words() == nullptr || target.words() == nullptr) return false;
        std::copy_n(source.words(), source.count(), target.words());
        // The frames may be shown with another cache type than these views have.
        flush_cache_lines(target.words(), pages << page_shift);
    }
    return true;
}

PhysicalPage Frames::highest_installed() const { return pool.highest_installed(); }

bool Frames::overlaps_memory(PhysicalPage first, std::uint64_t pages) const {
    return pool.overlaps_memory(first, pages);
}

std::uint64_t Frames::free_pages() const { return pool.free_pages(); }

}  // namespace remap::guest
