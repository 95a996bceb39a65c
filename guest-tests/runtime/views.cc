// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/views.h"

#include "base/bits.h"
#include "guest-tests/runtime/caches.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/process.h"

namespace remap::guest {

namespace {

AddressRegion kernel_addresses;
Views machine_views;

// Where a view lies: tables, and the addresses it has.
struct Place {
    AddressSpace& space;
    AddressRegion& addresses;
};

Place place_of(AccessMode mode, std::uint64_t process) {
    if (mode == AccessMode::Kernel) return {kernel_space(), kernel_addresses};
    Process* found = find_process(process);
    if (found == nullptr) panic("a view of process %lu, which is gone", process);
    return {found->space(), found->addresses()};
}

AccessMode mode_of(CpuVirtualPage page) {
    return page < kernel_region.first.page() ? AccessMode::User : AccessMode::Kernel;
}

void* pointer_to(CpuVirtualPage page) { return reinterpret_cast<void*>(page.address().value); }

// How a view has to lie for its longest run of frames to be mapped by the largest leaves that fit inside it.
struct Alignment {
    std::uint64_t pages = 1;
    std::uint64_t phase = 0;  // of the view's first page
};

Alignment alignment_for(callbacks::FrameRun run, std::uint64_t place) {
    for (const unsigned shift : {paging::leaf_1g, paging::leaf_2m}) {
        const std::uint64_t leaf = std::uint64_t{1} << (shift - page_shift);
        const std::uint64_t skipped = round_up(run.first.number, leaf) - run.first.number;
        if (shift <= largest_leaf() && run.pages >= skipped && run.pages - skipped >= leaf)
            return {leaf, (run.first.number - place) % leaf};
    }
    return {};
}

Alignment alignment_for(const callbacks::ViewRequest& request) {
    callbacks::FrameRun longest;
    std::uint64_t place = 0, done = 0;
    request.frames.for_each_run(request.first, request.pages, [&](callbacks::FrameRun run) {
        if (run.pages > longest.pages) longest = run, place = done;
        done += run.pages;
        return true;
    });
    return alignment_for(longest, place);
}

// Lines of these frames that a cache still holds from a write-back view would be written over what goes to memory now
// (SDM volume 3, section "Programming the PAT": change a page's type by unmapping it, flushing the TLB, mapping it with
// the new type and flushing the caches). In the other direction nothing is cached; the fence empties the
// write-combining buffers when such a view ends.
void settle_new_type(void* base, std::uint64_t pages, CacheType cache) {
    if (cache != CacheType::WriteBack) flush_cache_lines(base, pages << page_shift);
}

}  // namespace

void start_views() {
    if (!kernel_addresses.start(kernel_region)) panic("no memory for the views");
    start_processes();
}

Views& views() { return machine_views; }

namespace {

// Maps a request's frames at a place of the caller's choice; all or nothing.
bool map_at(AddressSpace& space, CpuVirtualPage first, const callbacks::ViewRequest& request) {
    const Protection protection{request.cache, request.mode, request.writable};
    std::uint64_t done = 0;
    const bool all = request.frames.for_each_run(request.first, request.pages, [&](callbacks::FrameRun run) {
        if (!map_pages(space, first + done, run.first, run.pages, protection)) return false;
        done += run.pages;
        return true;
    });
    if (!all && done != 0) unmap_pages(space, first, done);
    return all;
}

CpuVirtualPage page_of(const void* pointer) {
    return CpuVirtualAddress{reinterpret_cast<std::uint64_t>(pointer)}.page();
}

}  // namespace

void* Views::map(const callbacks::ViewRequest& request) {
    if (request.pages == 0) return nullptr;
    const Place place = place_of(request.mode, current_process());
    const Alignment alignment = alignment_for(request);
    const auto first = place.addresses.take(request.pages, alignment.pages, alignment.phase);
    if (!first) return nullptr;
    if (!map_at(place.space, *first, request)) {
        place.addresses.give(*first, request.pages);
        return nullptr;
    }
    settle_new_type(pointer_to(*first), request.pages, request.cache);
    return pointer_to(*first);
}

void Views::unmap(void* base, std::uint64_t pages, std::uint64_t process) {
    const CpuVirtualPage first = page_of(base);
    const Place place = place_of(mode_of(first), process);
    cpu::fence();
    unmap_pages(place.space, first, pages);
    if (!place.addresses.give(first, pages)) panic("no view begins at %p", base);
}

// Unmapped, because what happens to the frames meanwhile goes through other views, of another type perhaps.
void Views::hold(void* part, std::uint64_t pages, std::uint64_t process) {
    const CpuVirtualPage first = page_of(part);
    cpu::fence();
    unmap_pages(place_of(mode_of(first), process).space, first, pages);
}

void Views::show(void* part, const callbacks::ViewRequest& request, std::uint64_t process) {
    const CpuVirtualPage first = page_of(part);
    AddressSpace& space = place_of(mode_of(first), process).space;
    // The tables that hold gave back are there.
    if (!map_at(space, first, request)) panic("no tables to show moved pages at %p", part);
    AddressSpace& before = current_space();
    enter_space(space);  // whose view it is need not run now, and a flush needs its address
    settle_new_type(part, request.pages, request.cache);
    enter_space(before);
}

volatile void* map_physical(PhysicalAddress first, std::uint64_t bytes, CacheType cache) {
    const std::uint64_t pages = pages_of(first.page_offset() + bytes);
    if (bytes == 0 || pages == 0) return nullptr;
    const Alignment alignment = alignment_for({first.page(), pages}, 0);
    const auto base = kernel_addresses.take(pages, alignment.pages, alignment.phase);
    if (!base) return nullptr;
    if (!map_pages(kernel_space(), *base, first.page(), pages, {cache, AccessMode::Kernel, true})) {
        kernel_addresses.give(*base, pages);
        return nullptr;
    }
    settle_new_type(pointer_to(*base), pages, cache);
    return static_cast<std::uint8_t*>(pointer_to(*base)) + first.page_offset();
}

void unmap_physical(volatile void* first, std::uint64_t bytes) {
    const CpuVirtualAddress address{reinterpret_cast<std::uint64_t>(first)};
    machine_views.unmap(pointer_to(address.page()), pages_of(address.page_offset() + bytes), current_process());
}

}  // namespace remap::guest
