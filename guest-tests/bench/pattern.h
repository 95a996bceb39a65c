// SPDX-License-Identifier: MIT
// Which memory a pass touches, and in which order: the same for the GPU in a guest and for memcpy on the host.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <span>
#include <utility>

namespace remap::bench {

// The numbers 0 to N-1 in an order that no prefetcher follows and every run repeats: Fisher and Yates, over xorshift64.
inline void shuffle(std::span<std::uint32_t> order, std::uint64_t seed) {
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::uint64_t random = seed;
    for (std::uint64_t i = order.size(); i > 1; --i) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::swap(order[i - 1], order[random % i]);
    }
}

inline constexpr std::uint64_t placement_seed = 0x9e3779b97f4a7c15;  // which frame is behind a page of the set
inline constexpr std::uint64_t order_seed = 0xd1b54a32d192ed03;      // which page comes when

// One copy of a pass, from one page of the working set to another. Offsets and lengths are in bytes.
struct Piece {
    std::uint64_t from = 0;  // page of the set
    std::uint64_t to = 0;
    std::uint64_t offset = 0;  // in both pages
    std::uint64_t bytes = 0;
};

// The n-th copy. A pass over all pages of the set reads one half of them and writes the other, each page once; small
// pieces move through their pages, so that they do not meet in one set of the host's caches.
inline Piece piece(std::span<const std::uint32_t> order, std::uint64_t n, std::uint64_t bytes) {
    const std::uint64_t first = 2 * n % order.size();
    return {order[first], order[first + 1], n * bytes % page_size, bytes};
}

// The n-th copy of a pass over memory in a row, in units as large as a large page: the first half of the set goes to
// the second.
inline constexpr std::uint64_t row_pages = 512;

inline Piece row(std::uint64_t pages, std::uint64_t n) {
    const std::uint64_t half = pages / 2;
    const std::uint64_t from = n * row_pages % half;
    return {from, half + from, 0, row_pages * page_size};
}

}  // namespace remap::bench
