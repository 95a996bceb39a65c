// SPDX-License-Identifier: MIT
#include "callbacks/kernel/region.h"

#include "callbacks/kernel/ports.h"
#include "callbacks/kernel/slab.h"

#include <algorithm>
#include <new>

namespace remap::kernel {

namespace {

constexpr std::uint64_t most_pages = std::uint64_t{1} << 30;  // 4 TiB; far below where sizes would overflow

}  // namespace

Region::Region() = default;
Region::~Region() = default;

Regions::~Regions() {
    while (all_.first() != nullptr) destroy(*all_.first());
}

Region* Regions::create(const RegionRequest& request) {
    const std::uint64_t pages = request.given.empty() ? request.frames.pages : request.given.size();
    if (pages == 0 || pages > most_pages) return nullptr;
    std::unique_ptr<Region> region(new (std::nothrow) Region);
    if (region == nullptr) return nullptr;
    region->frames.reset(new (std::nothrow) PhysicalPage[pages]);
    if (region->frames == nullptr) return nullptr;
    const std::span<PhysicalPage> frames(region->frames.get(), pages);
    if (request.given.empty()) {
        if (!port_.frames().allocate(request.frames, frames)) return nullptr;
        region->owns_frames = true;
    } else {
        std::copy(request.given.begin(), request.given.end(), frames.begin());
    }
    void* const base = port_.views().map({.frames = frames, .cache = request.cache, .writable = request.writable});
    if (base == nullptr || !pages_.add(base, pages, region.get())) {
        if (base != nullptr) port_.views().unmap(base, pages);
        if (region->owns_frames) port_.frames().free(frames);
        return nullptr;
    }
    region->kind = request.kind;
    region->cache = request.cache;
    region->base = region->address = static_cast<std::byte*>(base);
    region->pages = pages;
    all_.add(*region);
    return region.release();
}

void Regions::destroy(Region& region) {
    all_.remove(region);
    pages_.remove(region.base, region.pages);
    port_.views().unmap(region.base, region.pages);
    if (region.owns_frames) port_.frames().free({region.frames.get(), region.pages});
    delete &region;
}

std::optional<PhysicalPage> Regions::frame(const void* address) const {
    const Region* const region = find(address);
    if (region == nullptr) return std::nullopt;
    const std::uint64_t offset = static_cast<const std::byte*>(address) - region->base;
    return region->frames[offset >> page_shift];
}

}  // namespace remap::kernel
