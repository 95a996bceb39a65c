// SPDX-License-Identifier: MIT
// A pool of numbered pages kept as sorted free ranges: physical frames of a machine of terabytes, or the logical
// addresses of a DMA domain. Its cost grows with fragmentation, not with the size of what it manages.
#pragma once

#include <cstdint>
#include <optional>

namespace remap {

class ExtentPool {
public:
    enum class From { Bottom, Top };

    struct Range {
        std::uint64_t first = 0;  // page number
        std::uint64_t count = 0;  // pages
    };

    struct Request {
        std::uint64_t count = 0;                    // pages, side by side; 0 is never granted
        std::uint64_t lowest = 0;                   // lowest page number that may be used
        std::uint64_t highest = ~std::uint64_t{0};  // highest page number that may be used
        std::uint64_t alignment = 1;                // pages, a power of two: the first page is a multiple of it
        std::uint64_t boundary = 0;                 // pages, 0 or a power of two: no multiple of it is crossed
        From from = From::Bottom;                   // which end of the window is used first
    };

    ExtentPool() = default;
    ~ExtentPool();
    ExtentPool(const ExtentPool&) = delete;
    ExtentPool& operator=(const ExtentPool&) = delete;

    // Adds free pages, new ones or ones given out before. False, and nothing changed, if one of them is free already,
    // if the range is empty or wraps, or if there is no memory for the book-keeping.
    bool give(Range range);

    // Takes pages that are side by side. Nothing, if no free range fits or there is no memory for the book-keeping.
    std::optional<std::uint64_t> take(const Request& request);

    // Takes exactly these pages. False, and nothing changed, unless all of them are free.
    bool take_exactly(Range range);

    // The largest free range inside [lowest, highest]; count 0 if there is none. On a tie the one at `from`.
    Range largest(std::uint64_t lowest, std::uint64_t highest, From from) const;

    std::uint64_t free_pages() const { return free_pages_; }
    std::uint64_t extents() const { return size_; }

private:
    bool reserve_one();
    void insert_at(std::uint64_t index, Range range);
    void erase_at(std::uint64_t index);
    void carve(std::uint64_t index, Range range);
    std::uint64_t first_ending_after(std::uint64_t page) const;

    Range* ranges_ = nullptr;
    std::uint64_t size_ = 0;
    std::uint64_t capacity_ = 0;
    std::uint64_t free_pages_ = 0;
};

}  // namespace remap
