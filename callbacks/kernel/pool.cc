// SPDX-License-Identifier: MIT
#include "callbacks/kernel/pool.h"

#include "callbacks/kernel/slab.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace remap::kernel {

namespace {

constexpr std::uint64_t smallest_slot = 32;
constexpr std::uint64_t slab_pages = 16;
constexpr std::uint64_t guard_bytes = 16;  // at least so many behind each block hold the pattern
constexpr std::uint64_t guard_checked = 64;
constexpr auto guard_pattern = std::byte{0xA5};
constexpr auto new_pattern = std::byte{0x5A};
constexpr auto freed_pattern = std::byte{0xDD};
constexpr std::uint64_t cache_line = 64;

// Fills what is behind a block, as far as it is checked.
void guard(std::byte* block, std::uint64_t bytes, std::uint64_t room) {
    std::memset(block + bytes, static_cast<int>(guard_pattern), std::min(room - bytes, guard_checked));
}

void check_guard(PoolBlock& block, std::uint64_t room) {
    const std::uint64_t end = block.bytes + std::min(room - block.bytes, guard_checked);
    for (std::uint64_t at = block.bytes; at < end; ++at) {
        if (block.address[at] == guard_pattern) continue;
        block.overrun_at = block.address + at;
        std::memcpy(&block.overrun, block.overrun_at, std::min<std::uint64_t>(sizeof block.overrun, end - at));
        return;
    }
}

}  // namespace

Region* Pool::slab_with_room(unsigned size_class) {
    Region*& current = current_[size_class];
    if (current != nullptr && current->slab->live < current->slab->slots) return current;
    const auto slot_bytes = static_cast<std::uint32_t>(smallest_slot << size_class);
    for (Region* region = regions_.first(); region != nullptr; region = region->next)
        if (region->kind == Region::Kind::Slab && region->slab->slot_bytes == slot_bytes &&
            region->slab->live < region->slab->slots)
            return current = region;
    std::unique_ptr<Slab> slab(new (std::nothrow) Slab);
    if (slab == nullptr) return nullptr;
    slab->slot_bytes = slot_bytes;
    slab->slots = static_cast<std::uint32_t>(slab_pages * page_size / slot_bytes);
    slab->records.reset(new (std::nothrow) SlotRecord[slab->slots]);
    if (slab->records == nullptr) return nullptr;
    Region* const region =
        regions_.create({.kind = Region::Kind::Slab, .frames = {.pages = slab_pages, .highest = any_page}});
    if (region == nullptr) return nullptr;
    std::memset(region->base, static_cast<int>(freed_pattern), slab_pages * page_size);
    region->slab = std::move(slab);
    return current = region;
}

void* Pool::allocate(const PoolRequest& request, PoolBlock& stale) {
    return request.bytes + guard_bytes <= smallest_slot << (size_classes - 1) ? allocate_small(request, stale)
                                                                              : allocate_large(request);
}

void* Pool::allocate_small(const PoolRequest& request, PoolBlock& stale) {
    std::uint64_t wanted = std::max(std::bit_ceil(request.bytes + guard_bytes), smallest_slot);
    if (request.cache_aligned) wanted = std::max(wanted, cache_line);
    Region* const region = slab_with_room(static_cast<unsigned>(std::countr_zero(wanted / smallest_slot)));
    if (region == nullptr) return nullptr;
    Slab& slab = *region->slab;
    while (slab.records[slab.next].live) slab.next = (slab.next + 1) % slab.slots;
    std::byte* const address = region->base + std::uint64_t{slab.next} * slab.slot_bytes;
    const auto written =
        std::find_if(address, address + slab.slot_bytes, [](std::byte b) { return b != freed_pattern; });
    if (written != address + slab.slot_bytes) {
        stale = block_in(*region, slab.next);
        stale.overrun_at = written;
    }
    SlotRecord& record = slab.records[slab.next];
    record = {static_cast<std::uint32_t>(request.bytes), request.tag, true, request.paged, request.caller, nullptr};
    slab.next = (slab.next + 1) % slab.slots;
    ++slab.live;
    std::memset(address, request.zeroed ? 0 : static_cast<int>(new_pattern), request.bytes);
    guard(address, request.bytes, slab.slot_bytes);
    return address;
}

void* Pool::allocate_large(const PoolRequest& request) {
    const std::uint64_t pages =
        pages_of(request.bytes) + (pages_of(request.bytes) * page_size - request.bytes < guard_bytes);
    Region* const region =
        regions_.create({.kind = Region::Kind::Pool, .frames = {.pages = pages, .highest = any_page}});
    if (region == nullptr) return nullptr;
    region->bytes = request.bytes;
    region->tag = request.tag;
    region->paged = request.paged;
    region->caller = request.caller;
    if (!request.zeroed) std::memset(region->base, static_cast<int>(new_pattern), request.bytes);
    guard(region->base, request.bytes, pages * page_size);
    return region->base;
}

PoolBlock Pool::block_of(const Region& region) {
    PoolBlock block{.state = PoolBlock::State::Live,
                    .address = region.base,
                    .bytes = region.bytes,
                    .tag = region.tag,
                    .paged = region.paged,
                    .caller = region.caller};
    check_guard(block, region.pages() * page_size);
    return block;
}

PoolBlock Pool::block_in(const Region& region, std::uint32_t slot) const {
    const Slab& slab = *region.slab;
    if (slot >= slab.slots || slab.records[slot].bytes == 0) return {};
    const SlotRecord& record = slab.records[slot];
    PoolBlock block{.state = record.live ? PoolBlock::State::Live : PoolBlock::State::Freed,
                    .address = region.base + std::uint64_t{slot} * slab.slot_bytes,
                    .bytes = record.bytes,
                    .tag = record.tag,
                    .paged = record.paged,
                    .caller = record.caller,
                    .freed_by = record.freed_by};
    if (record.live) check_guard(block, slab.slot_bytes);
    return block;
}

PoolBlock Pool::inspect(const void* address) const {
    const Region* const region = regions_.find(address);
    if (region != nullptr && region->kind == Region::Kind::Pool && region->base == address) return block_of(*region);
    if (region != nullptr && region->kind == Region::Kind::Slab) {
        const std::uint64_t offset = static_cast<const std::byte*>(address) - region->base;
        if (offset % region->slab->slot_bytes == 0)
            return block_in(*region, static_cast<std::uint32_t>(offset / region->slab->slot_bytes));
    }
    if (region != nullptr || address == nullptr) return {};
    for (const Grave& grave : buried_)
        if (grave.address == address)
            return {.state = PoolBlock::State::Freed,
                    .bytes = grave.bytes,
                    .tag = grave.tag,
                    .caller = grave.caller,
                    .freed_by = grave.freed_by};
    return {};
}

PoolBlock Pool::containing(const void* address) const {
    const Region* const region = regions_.find(address);
    PoolBlock block;
    if (region != nullptr && region->kind == Region::Kind::Pool) block = block_of(*region);
    if (region != nullptr && region->kind == Region::Kind::Slab)
        block = block_in(*region, static_cast<std::uint32_t>((static_cast<const std::byte*>(address) - region->base) /
                                                             region->slab->slot_bytes));
    const auto* const byte = static_cast<const std::byte*>(address);
    const bool inside = block.state == PoolBlock::State::Live && byte < block.address + block.bytes;
    return inside ? block : PoolBlock{};
}

void Pool::free(const void* address, const void* caller) {
    Region& region = *regions_.find(address);
    if (region.kind == Region::Kind::Pool) {
        buried_[next_grave_] = {address, region.bytes, region.tag, region.caller, caller};
        next_grave_ = (next_grave_ + 1) % graves;
        regions_.destroy(region);
        return;
    }
    Slab& slab = *region.slab;
    const std::uint64_t offset = static_cast<const std::byte*>(address) - region.base;
    SlotRecord& record = slab.records[offset / slab.slot_bytes];
    record.live = false;
    record.freed_by = caller;
    --slab.live;
    std::memset(region.base + offset, static_cast<int>(freed_pattern), slab.slot_bytes);
}

}  // namespace remap::kernel
