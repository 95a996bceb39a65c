// SPDX-License-Identifier: MIT
// Memory that the kernel has mapped: pool, contiguous memory, views of MDLs and of devices. Every mapping is a region,
// so that the pages behind any address in it are known.
#pragma once

#include "callbacks/core/list.h"
#include "callbacks/core/ports.h"
#include "callbacks/kernel/page_map.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace remap::kernel {

class KernelPort;
struct Slab;

struct Region : callbacks::Link<Region> {
    enum class Kind : std::uint8_t { Slab, Pool, Contiguous, MdlView, IoView };

    Kind kind = Kind::Pool;
    bool owns_frames = false;
    bool paged = false;
    callbacks::CacheType cache = callbacks::CacheType::WriteBack;
    std::byte* base = nullptr;  // page-aligned
    callbacks::FrameList frames;

    // What it was asked for, for messages and checks.
    std::byte* address = nullptr;  // what the driver got
    std::uint64_t bytes = 0;
    std::uint32_t tag = 0;
    const void* caller = nullptr;
    const void* mdl = nullptr;   // MdlView
    std::unique_ptr<Slab> slab;  // Slab
    callbacks::AuditedView audited;

    std::uint64_t pages() const { return frames.size(); }

    Region();
    ~Region();
};

constexpr PhysicalPage any_page = {~std::uint64_t{0} >> page_shift};

struct RegionRequest {
    Region::Kind kind = Region::Kind::Pool;
    callbacks::CacheType cache = callbacks::CacheType::WriteBack;
    callbacks::FrameRequest frames = {};  // of frames to allocate, when `given` is empty
    callbacks::FrameList given = {};
    bool writable = true;
    callbacks::ViewOrigin origin = {.routine = "the pool"};
};

class Regions {
public:
    explicit Regions(KernelPort& port) : port_(port) {}
    ~Regions();

    // Maps frames, new ones or those given. Null when there is no memory, no address space or none for book-keeping.
    Region* create(RegionRequest request);
    void destroy(Region& region);

    // A view of one of its pages that has another cache type.
    std::optional<callbacks::ViewConflict> conflict_of(const Region& region) const;

    Region* find(const void* address) const { return pages_.find(address); }
    Region* first() const { return all_.first(); }

    // The frame behind an address of a region.
    std::optional<PhysicalPage> frame(const void* address) const;

private:
    KernelPort& port_;
    PageMap pages_;
    callbacks::List<Region> all_;
};

}  // namespace remap::kernel
