// SPDX-License-Identifier: MIT
// A set of physical pages, of any size, that is read without a lock: a table of two levels over bitmaps, in which a
// piece that is full or empty takes no memory. So a terabyte is as cheap as a page.
#pragma once

#include "base/address.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace remap::cache {

class PageSet {
public:
    static constexpr std::uint64_t limit = std::uint64_t{1} << 40;  // pages: 52 bits of physical address

    PageSet() = default;
    ~PageSet();
    PageSet(const PageSet&) = delete;
    PageSet& operator=(const PageSet&) = delete;

    bool has(PhysicalPage page) const;

    // Pages beyond the limit are left out. By one thread at a time.
    void set(PhysicalPage first, std::uint64_t pages, bool member);

    std::uint64_t count() const { return count_; }  // for the thread that changes it

private:
    using Word = std::atomic<std::uint64_t>;
    static constexpr unsigned leaf_bits = 15;    // 128 MiB
    static constexpr unsigned middle_bits = 13;  // 1 TiB
    static constexpr unsigned root_bits = 12;    // 4 PiB
    static constexpr std::uint64_t leaf_pages = std::uint64_t{1} << leaf_bits;
    static constexpr std::uint64_t middle_pages = leaf_pages << middle_bits;

    // Where a piece would hang: what hangs there once stays until the end, as readers have no lock. Without one `full`
    // tells which of the two uniform pieces it is.
    template <typename Piece>
    struct Slot {
        std::atomic<Piece*> piece{nullptr};
        std::atomic<bool> full{false};
    };
    struct Leaf {
        std::array<Word, leaf_pages / 64> words{};
    };
    struct Middle {
        std::array<Slot<Leaf>, std::size_t{1} << middle_bits> leaves{};
    };

    // Each sets the pages [first, last) of a piece and returns how many were members before.
    static std::uint64_t set_middle(Slot<Middle>& slot, std::uint64_t first, std::uint64_t last, bool member);
    static std::uint64_t set_leaf(Slot<Leaf>& slot, std::uint64_t first, std::uint64_t last, bool member);
    static std::uint64_t set_words(Leaf& leaf, std::uint64_t first, std::uint64_t last, bool member);

    std::array<Slot<Middle>, std::size_t{1} << root_bits> middles_{};
    std::uint64_t count_ = 0;
};

}  // namespace remap::cache
