// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/image_memory.h"

#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/views.h"

#include <new>

namespace remap::guest {

namespace {

ImageMemory machine_image_memory;

CpuVirtualPage page_at(const std::byte* base, std::uint64_t index) {
    return CpuVirtualAddress{reinterpret_cast<std::uint64_t>(base)}.page() + index;
}

bool is_mapped(CpuVirtualPage page) { return find_leaf(page.address()).has_value(); }

bool map_again(CpuVirtualPage page, PhysicalPage frame, const Protection& protection) {
    if (is_mapped(page)) unmap_pages(page, 1);
    return map_pages(page, frame, 1, protection);
}

}  // namespace

ImageMemory& image_memory() { return machine_image_memory; }

ImageMemory::Allocation* ImageMemory::find(const std::byte* address) {
    for (Allocation& allocation : allocations_)
        if (address >= allocation.base && address < allocation.base + (allocation.pages << page_shift))
            return &allocation;
    return nullptr;
}

std::byte* ImageMemory::allocate(std::uint64_t pages) {
    for (Allocation& allocation : allocations_) {
        if (allocation.base != nullptr) continue;
        auto* list = new (std::nothrow) PhysicalPage[pages];
        if (list == nullptr) return nullptr;
        const callbacks::FrameRequest request{.pages = pages, .highest = frames().highest_installed()};
        if (frames().allocate(request, {list, pages})) {
            if (void* base = views().map({.frames = {list, pages}})) {
                allocation = {static_cast<std::byte*>(base), list, pages};
                return allocation.base;
            }
            frames().free({list, pages});
        }
        delete[] list;
        return nullptr;
    }
    return nullptr;
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
        if (!any && is_mapped(page)) unmap_pages(page, 1);
    }
    return true;
}

void ImageMemory::free(std::byte* base, std::uint64_t pages) {
    Allocation* allocation = find(base);
    if (allocation == nullptr || allocation->base != base || allocation->pages != pages)
        panic("no image begins at %p", base);
    // A view ends whole. The table that such a page needs was there before.
    for (std::uint64_t i = 0; i < pages; ++i)
        if (!is_mapped(page_at(base, i)) && !map_pages(page_at(base, i), allocation->frames[i], 1, {}))
            panic("no memory for the tables of an image");
    views().unmap(base, pages);
    frames().free({allocation->frames, pages});
    delete[] allocation->frames;
    *allocation = {};
}

// Nothing here is secret: what a driver must not do is to take it for something known.
std::uint64_t ImageMemory::random() { return cpu::time_stamp() * 0x9e3779b97f4a7c15; }

}  // namespace remap::guest
