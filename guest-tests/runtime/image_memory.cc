// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/image_memory.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/process.h"
#include "guest-tests/runtime/views.h"

#include <algorithm>
#include <utility>

namespace remap::guest {

namespace {

ImageMemory machine_image_memory;

CpuVirtualPage page_at(const std::byte* base, std::uint64_t index) {
    return CpuVirtualAddress{reinterpret_cast<std::uint64_t>(base)}.page() + index;
}

bool is_mapped(CpuVirtualPage page) { return find_leaf(page.address()).has_value(); }

bool map_again(CpuVirtualPage page, PhysicalPage frame, const Protection& protection) {
    if (is_mapped(page)) unmap_pages(kernel_space(), page, 1);
    return map_pages(kernel_space(), page, frame, 1, protection);
}

}  // namespace

ImageMemory& image_memory() { return machine_image_memory; }

ImageMemory::Allocation* ImageMemory::find(const std::byte* address) {
    for (Allocation& allocation : allocations_)
        if (address >= allocation.base && address < allocation.base + (allocation.frames.size() << page_shift))
            return &allocation;
    return nullptr;
}

std::byte* ImageMemory::allocate(std::uint64_t pages) {
    const auto free = std::find_if(std::begin(allocations_), std::end(allocations_),
                                   [](const Allocation& allocation) { return allocation.base == nullptr; });
    if (free == std::end(allocations_)) return nullptr;
    callbacks::FrameList list;
    if (!frames().allocate({.pages = pages, .highest = frames().highest_installed()}, list)) return nullptr;
    void* base = views().map({.frames = list, .pages = pages});
    if (base == nullptr) {
        frames().free(list);
        return nullptr;
    }
    free->base = static_cast<std::byte*>(base);
    free->frames = std::move(list);
    return free->base;
}

bool ImageMemory::protect(std::byte* first, std::uint64_t pages, const pe::Rights& rights) {
    const Allocation* allocation = find(first);
    if (allocation == nullptr) panic("%p is in no image", first);
    const std::uint64_t begin = static_cast<std::uint64_t>(first - allocation->base) >> page_shift;
    const Protection protection{.writable = rights.write, .executable = rights.execute};
    const bool any = rights.read || rights.write || rights.execute;
    for (std::uint64_t i = begin; i < begin + pages; ++i) {
        const CpuVirtualPage page = page_at(allocation->base, i);
        if (any && !map_again(page, allocation->frames[i], protection)) return false;
        if (!any && is_mapped(page)) unmap_pages(kernel_space(), page, 1);
    }
    return true;
}

void ImageMemory::free(std::byte* base, std::uint64_t pages) {
    Allocation* allocation = find(base);
    if (allocation == nullptr || allocation->base != base || allocation->frames.size() != pages)
        panic("no image begins at %p", base);
    // A view ends whole. The table that such a page needs was there before.
    for (std::uint64_t i = 0; i < pages; ++i)
        if (!is_mapped(page_at(base, i)) && !map_pages(kernel_space(), page_at(base, i), allocation->frames[i], 1, {}))
            panic("no memory for the tables of an image");
    views().unmap(base, pages, current_process());
    frames().free(allocation->frames);
    *allocation = {};
}

// Nothing here is secret: what a driver must not do is to take it for something known.
std::uint64_t ImageMemory::random() { return cpu::time_stamp() * 0x9e3779b97f4a7c15; }

}  // namespace remap::guest
