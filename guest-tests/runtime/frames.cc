// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/frames.h"

#include "base/extents.h"
#include "callbacks/core/frame_pool.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/views.h"

#include <algorithm>

namespace remap::guest {

namespace {

constexpr PhysicalAddress first_usable{std::uint64_t{1} << 20};  // below it: firmware's data and option ROMs
constexpr std::uint64_t pages_zeroed_at_once = 2048;

callbacks::FramePool pool;
Frames machine_frames;
// The whole pages of a range; count 0 if it has none.
ExtentPool::Range whole_pages(const MemoryRange& range) {
    if (range.bytes == 0 || range.first.value + (range.bytes - 1) < range.first.value) return {};
    const std::uint64_t first = pages_of(range.first.value);
    const std::uint64_t end = (range.first.value + (range.bytes - 1) + 1) >> page_shift;
    return {first, end > first ? end - first : 0};
}

void give_back(std::span<const PhysicalPage> frames) {
    if (!pool.free(frames)) panic("a frame of %lu from %lx on was freed twice", frames.size(), frames[0].number);
}

void withhold(PhysicalAddress first, PhysicalAddress last) {
    if (!pool.withhold(first.page(), last.page() - first.page() + 1)) panic("no memory for the frame pool");
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

bool Frames::allocate(const callbacks::FrameRequest& request, std::span<PhysicalPage> frames) {
    if (!pool.allocate(request, frames)) return false;
    if (zero(frames)) return true;
    give_back(frames);
    return false;
}

void Frames::free(std::span<const PhysicalPage> frames) { give_back(frames); }

PhysicalPage Frames::highest_installed() const { return pool.highest_installed(); }

bool Frames::overlaps_memory(PhysicalPage first, std::uint64_t pages) const {
    return pool.overlaps_memory(first, pages);
}

std::uint64_t Frames::free_pages() const { return pool.free_pages(); }

}  // namespace remap::guest
