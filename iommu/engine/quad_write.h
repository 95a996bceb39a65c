// SPDX-License-Identifier: MIT
// A write to the 8 bytes of a register, or of two 32-bit registers.
#pragma once

#include <cstdint>

namespace remap::iommu {

struct QuadWrite {
    std::uint64_t value = 0;
    std::uint64_t mask = 0;  // ones where bytes are written

    bool low() const { return static_cast<std::uint32_t>(mask) != 0; }
    bool high() const { return mask >> 32 != 0; }
    std::uint32_t low_value() const { return static_cast<std::uint32_t>(value); }
    std::uint32_t high_value() const { return static_cast<std::uint32_t>(value >> 32); }
    std::uint64_t merged_into(std::uint64_t old) const { return (old & ~mask) | (value & mask); }
};

// Two 32-bit registers as one.
constexpr std::uint64_t quad(std::uint64_t low, std::uint64_t high) { return low | high << 32; }

// The 8 bytes that hold a 32-bit register.
constexpr std::uint64_t quad_of(std::uint64_t offset) { return offset & ~std::uint64_t{7}; }

}  // namespace remap::iommu
