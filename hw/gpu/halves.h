// SPDX-License-Identifier: MIT
// 64-bit registers, which lie at multiples of 8, as the two 32-bit halves they may be accessed by.
#pragma once

#include <cstdint>

namespace remap::gpu {

constexpr bool is_high_half(std::uint64_t offset) { return (offset & 4) != 0; }

constexpr std::uint32_t half_of(std::uint64_t value, std::uint64_t offset) {
    return static_cast<std::uint32_t>(is_high_half(offset) ? value >> 32 : value);
}

constexpr void set_half(std::uint64_t& value, std::uint64_t offset, std::uint32_t half) {
    if (is_high_half(offset))
        value = (value & 0xffffffffu) | std::uint64_t{half} << 32;
    else
        value = (value & ~std::uint64_t{0xffffffffu}) | half;
}

}  // namespace remap::gpu
