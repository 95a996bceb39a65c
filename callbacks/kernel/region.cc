// SPDX-License-Identifier: MIT
#include "callbacks/kernel/region.h"

#include "callbacks/kernel/ports.h"
#include "callbacks/kernel/slab.h"

#include <new>
#include <utility>

namespace remap::kernel {

namespace {

constexpr std::uint64_t most_pages = std::uint64_t{1} << 30;  // 4 TiB; far below where sizes would overflow

}  // namespace

Region::Region() = default;
Region::~Region() = default;

Regions::~Regions() {
    while (all_.first() != nullptr) destroy(*all_.first());
}

Region* Regions::create(RegionRequest request) {
    std::unique_ptr<Region> region(new (std::nothrow) Region);
    if (region == nullptr) return nullptr;
    region->owns_frames = request.given.empty();
    region->frames = std::move(request.given);
    if (region->owns_frames) {
        const bool sane = request.frames.pages != 0 && request.frames.pages <= most_pages;
        if (!sane || !port_.frames().allocate(request.frames, region->frames)) return nullptr;
    }
    const std::uint64_t pages = region->pages();
    callbacks::CpuViewPort& views = port_.views();
    const callbacks::ViewRequest view{
        .frames = region->frames, .pages = pages, .cache = request.cache, .writable = request.writable};
    void* const base = views.map(view);
    const bool audited =
        base != nullptr && views.audit.add(region->audited, view, {.base = base, .origin = request.origin});
    if (!audited || !pages_.add(base, pages, region.get())) {
        views.audit.remove(region->audited);
        if (base != nullptr) views.unmap(base, pages, 0);
        if (region->owns_frames) port_.frames().free(region->frames);
        return nullptr;
    }
    region->kind = request.kind;
    region->cache = request.cache;
    region->base = region->address = static_cast<std::byte*>(base);
    all_.add(*region);
    return region.release();
}

void Regions::destroy(Region& region) {
    all_.remove(region);
    pages_.remove(region.base, region.pages());
    port_.views().audit.remove(region.audited);
    port_.views().unmap(region.base, region.pages(), 0);
    if (region.owns_frames) port_.frames().free(region.frames);
    delete &region;
}

std::optional<callbacks::ViewConflict> Regions::conflict_of(const Region& region) const {
    return port_.views().audit.conflict_of(region.audited);
}

std::optional<PhysicalPage> Regions::frame(const void* address) const {
    const Region* const region = find(address);
    if (region == nullptr) return std::nullopt;
    const std::uint64_t offset = static_cast<const std::byte*>(address) - region->base;
    return region->frames[offset >> page_shift];
}

}  // namespace remap::kernel
