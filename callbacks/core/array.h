// SPDX-License-Identifier: MIT
// Arrays whose length a driver chooses.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

namespace remap::callbacks {

// Longest list of page numbers that is written out for an ADL: a terabyte of pages, two gigabytes of numbers.
inline constexpr std::uint64_t most_listed_pages = std::uint64_t{1} << 28;

// Null when there is no memory, or there are more than `most`.
template <typename T>
std::unique_ptr<T[]> allocate_array(std::uint64_t count, std::uint64_t most = most_listed_pages) {
    return std::unique_ptr<T[]>(count > most ? nullptr : new (std::nothrow) T[count]);
}

}  // namespace remap::callbacks
