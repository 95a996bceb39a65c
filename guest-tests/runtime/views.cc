// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/views.h"

#include "base/extents.h"
#include "guest-tests/runtime/caches.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/exit.h"

namespace remap::guest {

namespace {

constexpr std::uint64_t pages_per_large_leaf = 512;

// Addresses of one region, handed out upwards, round and round.
class Region {
public:
    bool start(const VirtualRegion& region) {
        first_ = region.first.page().number;
        next_ = first_;
        return pool_.give({first_, region.bytes >> page_shift});
    }

    // Room for `pages` pages that begin `phase` pages after a 2 MiB boundary, and a guard page behind them.
    std::optional<CpuVirtualPage> take(std::uint64_t pages, std::uint64_t phase) {
        const std::uint64_t count = pages + 1;
        for (const std::uint64_t lowest : {next_, first_}) {
            ExtentPool::Request request{.count = phase + count, .lowest = lowest, .alignment = pages_per_large_leaf};
            if (pages < pages_per_large_leaf) request.count = count, request.alignment = 1, phase = 0;
            const auto found = pool_.take(request);
            if (!found) continue;
            if (phase != 0) pool_.give({*found, phase});
            next_ = *found + phase + count;
            return CpuVirtualPage{*found + phase};
        }
        return std::nullopt;
    }

    bool give(CpuVirtualPage first, std::uint64_t pages) { return pool_.give({first.number, pages + 1}); }

private:
    ExtentPool pool_;
    std::uint64_t first_ = 0;
    std::uint64_t next_ = 0;
};

Region kernel_addresses;
Region user_addresses;
Views machine_views;

Region& region_of(AccessMode mode) { return mode == AccessMode::User ? user_addresses : kernel_addresses; }
AccessMode mode_of(CpuVirtualPage page) {
    return page < kernel_region.first.page() ? AccessMode::User : AccessMode::Kernel;
}

void* pointer_to(CpuVirtualPage page) { return reinterpret_cast<void*>(page.address().value); }

// Lines of these frames that a cache still holds from a write-back view would be written over what goes to memory now
// (SDM volume 3, section "Programming the PAT": change a page's type by unmapping it, flushing the TLB, mapping it with
// the new type and flushing the caches). In the other direction nothing is cached; the fence empties the
// write-combining buffers when such a view ends.
void settle_new_type(void* base, std::uint64_t pages, CacheType cache) {
    if (cache != CacheType::WriteBack) flush_cache_lines(base, pages << page_shift);
}

}  // namespace

void start_views() {
    if (!kernel_addresses.start(kernel_region) || !user_addresses.start(user_region)) panic("no memory for the views");
}

Views& views() { return machine_views; }

namespace {

// Maps a request's frames at a place of the caller's choice; all or nothing.
bool map_at(CpuVirtualPage first, const callbacks::ViewRequest& request) {
    const Protection protection{request.cache, request.mode, request.writable};
    std::uint64_t done = 0;
    const bool all = request.frames.for_each_run(request.first, request.pages, [&](callbacks::FrameRun run) {
        if (!map_pages(first + done, run.first, run.pages, protection)) return false;
        done += run.pages;
        return true;
    });
    if (!all && done != 0) unmap_pages(first, done);
    return all;
}

CpuVirtualPage page_of(const void* pointer) {
    return CpuVirtualAddress{reinterpret_cast<std::uint64_t>(pointer)}.page();
}

}  // namespace

void* Views::map(const callbacks::ViewRequest& request) {
    if (request.pages == 0) return nullptr;
    Region& region = region_of(request.mode);
    const auto first = region.take(request.pages, request.frames[request.first].number % pages_per_large_leaf);
    if (!first) return nullptr;
    if (!map_at(*first, request)) {
        region.give(*first, request.pages);
        return nullptr;
    }
    settle_new_type(pointer_to(*first), request.pages, request.cache);
    return pointer_to(*first);
}

void Views::unmap(void* base, std::uint64_t pages, std::uint64_t) {
    const CpuVirtualPage first = page_of(base);
    cpu::fence();
    unmap_pages(first, pages);
    if (!region_of(mode_of(first)).give(first, pages)) panic("no view begins at %p", base);
}

// One processor: nobody touches the pages between hold and show.
void Views::hold(void*, std::uint64_t, std::uint64_t) { cpu::fence(); }

void Views::show(void* part, const callbacks::ViewRequest& request, std::uint64_t) {
    const CpuVirtualPage first = page_of(part);
    unmap_pages(first, request.pages);
    // The tables that were just given back are there.
    if (!map_at(first, request)) panic("no tables to show moved pages at %p", part);
    settle_new_type(part, request.pages, request.cache);
}

volatile void* map_physical(PhysicalAddress first, std::uint64_t bytes, CacheType cache) {
    const std::uint64_t pages = pages_of(first.page_offset() + bytes);
    if (bytes == 0 || pages == 0) return nullptr;
    const auto base = kernel_addresses.take(pages, first.page().number % pages_per_large_leaf);
    if (!base) return nullptr;
    if (!map_pages(*base, first.page(), pages, {cache, AccessMode::Kernel, true})) {
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
