// SPDX-License-Identifier: MIT
// Pool memory and the record of each allocation. Called with the kernel's lock held.
#pragma once

#include "callbacks/kernel/region.h"

#include <cstdint>

namespace remap::kernel {

struct PoolRequest {
    std::uint64_t bytes = 0;
    std::uint32_t tag = 0;
    bool paged = false;
    bool zeroed = false;
    bool cache_aligned = false;
    const void* caller = nullptr;
};

// What is known of an address that is to be freed, or lies in pool.
struct PoolBlock {
    enum class State : std::uint8_t { Unknown, Live, Freed };

    State state = State::Unknown;
    std::byte* address = nullptr;
    std::uint64_t bytes = 0;
    std::uint32_t tag = 0;
    bool paged = false;
    const void* caller = nullptr;           // who allocated it
    const void* freed_by = nullptr;         // Freed
    std::uint64_t overrun = 0;              // Live: the first word behind it that was written, and
    const std::byte* overrun_at = nullptr;  // where; null when all is well
};

class Pool {
public:
    explicit Pool(Regions& regions) : regions_(regions) {}

    // Null when there is no memory. `stale` tells that a freed block was written to before it was given out again.
    void* allocate(const PoolRequest& request, PoolBlock& stale);

    // The block that begins at an address.
    PoolBlock inspect(const void* address) const;

    // The live block that an address lies in.
    PoolBlock containing(const void* address) const;

    // The address is that of a live block.
    void free(const void* address, const void* caller);

    // Calls `visit(const PoolBlock&)` for each live block; it may free the block.
    template <typename Visit>
    void for_each_live(Visit visit);

private:
    struct Grave {
        const void* address = nullptr;
        std::uint64_t bytes = 0;
        std::uint32_t tag = 0;
        const void* caller = nullptr;
        const void* freed_by = nullptr;
    };

    static constexpr unsigned size_classes = 7;  // slots of 32 bytes to 2 KiB
    static constexpr unsigned graves = 512;      // freed blocks of pages of their own that are remembered

    void* allocate_small(const PoolRequest& request, PoolBlock& stale);
    void* allocate_large(const PoolRequest& request);
    Region* slab_with_room(unsigned size_class);
    PoolBlock block_in(const Region& region, std::uint32_t slot) const;
    static PoolBlock block_of(const Region& region);

    Regions& regions_;
    Region* current_[size_classes] = {};  // the slab to look at first
    Grave buried_[graves];
    unsigned next_grave_ = 0;
};

template <typename Visit>
void Pool::for_each_live(Visit visit) {
    for (Region* region = regions_.first(); region != nullptr;) {
        Region* const next = region->next;
        // A block of pages of its own takes its region with it when the visit frees it.
        if (region->kind == Region::Kind::Pool)
            visit(block_of(*region));
        else if (region->kind == Region::Kind::Slab)
            for (std::uint32_t slot = 0; slot < region->pages() * 4096 / 32; ++slot) {
                const PoolBlock block = block_in(*region, slot);
                if (block.state == PoolBlock::State::Live) visit(block);
            }
        region = next;
    }
}

}  // namespace remap::kernel
