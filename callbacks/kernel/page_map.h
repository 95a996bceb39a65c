// SPDX-License-Identifier: MIT
// Which region of memory a page of kernel address space belongs to.
#pragma once

#include <cstddef>
#include <cstdint>

namespace remap::kernel {

struct Region;

class PageMap {
public:
    PageMap() = default;
    ~PageMap();
    PageMap(const PageMap&) = delete;
    PageMap& operator=(const PageMap&) = delete;

    // All pages of [base, base + pages) belong to the region. False, and nothing has changed, when there is no memory.
    bool add(const void* base, std::uint64_t pages, Region* region);
    void remove(const void* base, std::uint64_t pages);

    // Null when no region has the page that the address is in.
    Region* find(const void* address) const;

private:
    struct Slot {
        std::uint64_t page = 0;  // number of the page; 0: the slot has never been used
        Region* region = nullptr;
    };

    bool reserve(std::uint64_t more);
    Slot* slot_for(std::uint64_t page) const;

    Slot* slots_ = nullptr;
    std::size_t capacity_ = 0;  // a power of two, or 0
    std::size_t used_ = 0;      // slots that have a page, whether it has a region or not
    std::size_t live_ = 0;
};

}  // namespace remap::kernel
