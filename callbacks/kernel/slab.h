// SPDX-License-Identifier: MIT
// Pool allocations of less than half a page: slots of one size in a region. Nothing about a slot is kept inside it, so
// a driver that writes where it should not can be told about it.
#pragma once

#include <cstdint>
#include <memory>

namespace remap::kernel {

struct SlotRecord {
    std::uint32_t bytes = 0;  // 0: never used
    std::uint32_t tag = 0;
    bool live = false;
    bool paged = false;
    const void* caller = nullptr;    // who allocated it
    const void* freed_by = nullptr;  // and who freed it, when it is not live
};

struct Slab {
    std::uint32_t slot_bytes = 0;
    std::uint32_t slots = 0;
    std::uint32_t live = 0;
    std::uint32_t next = 0;  // where the search for a free slot begins: a freed slot is used again as late as possible
    std::unique_ptr<SlotRecord[]> records;
};

}  // namespace remap::kernel
