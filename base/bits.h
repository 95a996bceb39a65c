// SPDX-License-Identifier: MIT
// Bit fields of registers and table words, written high:low as the manuals write them.
#pragma once

#include <cstdint>

namespace remap {

// The field High:Low of a word of up to 64 bits. `Value` is what the field holds: a number, or an enumeration.
//     using FaultRecordingOffset = Field<33, 24>;
//     unsigned offset = FaultRecordingOffset::get(capability);
template <unsigned High, unsigned Low, typename Value = std::uint64_t>
struct Field {
    static_assert(High >= Low && High < 64);
    static constexpr unsigned width = High - Low + 1;
    static constexpr std::uint64_t max = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
    static constexpr std::uint64_t mask = max << Low;

    static constexpr Value get(std::uint64_t word) { return static_cast<Value>((word >> Low) & max); }

    // The field alone, to be combined with others by `|`. Bits that do not fit are dropped.
    static constexpr std::uint64_t of(Value value) { return (static_cast<std::uint64_t>(value) & max) << Low; }

    static constexpr std::uint64_t set(std::uint64_t word, Value value) { return (word & ~mask) | of(value); }
};

// A field of one bit.
template <unsigned Position>
struct Flag {
    static_assert(Position < 64);
    static constexpr std::uint64_t mask = std::uint64_t{1} << Position;

    static constexpr bool get(std::uint64_t word) { return (word & mask) != 0; }
    static constexpr std::uint64_t of(bool value) { return value ? mask : 0; }
    static constexpr std::uint64_t set(std::uint64_t word, bool value) { return (word & ~mask) | of(value); }
};

constexpr bool is_power_of_two(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

// A mask of the `count` lowest bits, 0 to 64.
constexpr std::uint64_t low_bits(unsigned count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

// `alignment` is a power of two. round_up wraps to 0 past the end of the 64-bit range.
constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t alignment) { return value & ~(alignment - 1); }
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) {
    return round_down(value + alignment - 1, alignment);
}

}  // namespace remap
