// SPDX-License-Identifier: MIT
// What is written, so that it tells where it belongs: every word of 8 bytes is its place, mixed. No two places have the
// same word, and a word that is found at a wrong place can be asked for its own. One multiplication a word: the CPU is
// emulated and must not be what the test waits for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace remap::linux_guest {

// A series of words, for example one pass over a disk; and the bytes before the word in it.
struct Place {
    std::uint64_t series = 0;  // below 2^24
    std::uint64_t offset = 0;  // bytes, below 2^43, a multiple of 8
};

namespace content {

inline constexpr unsigned word_bits = 40;
inline constexpr std::uint64_t factor = 0x9e37'79b9'7f4a'7c15;  // odd, so that it can be undone

// Newton's iteration for the inverse modulo 2^64; each step doubles the correct low bits, of which there are three.
constexpr std::uint64_t inverse(std::uint64_t odd) {
    std::uint64_t value = odd;
    for (int i = 0; i < 5; ++i) value *= 2 - odd * value;
    return value;
}
static_assert(inverse(factor) * factor == 1);

constexpr std::uint64_t word(Place place) {
    const std::uint64_t mixed = (place.series << word_bits | place.offset / 8) * factor;
    return mixed ^ mixed >> 32;
}

constexpr Place place_of(std::uint64_t word) {
    const std::uint64_t number = (word ^ word >> 32) * inverse(factor);
    return {number >> word_bits, (number & ((std::uint64_t{1} << word_bits) - 1)) * 8};
}
static_assert(place_of(word({5, 0x123456788})).series == 5 && place_of(word({5, 0x123456788})).offset == 0x123456788);

inline void fill(void* to, std::size_t bytes, Place from) {
    for (std::size_t done = 0; done < bytes; done += 8) {
        const std::uint64_t value = word({from.series, from.offset + done});
        std::memcpy(static_cast<char*>(to) + done, &value, 8);
    }
}

// A word that is not what it should be.
struct Mismatch {
    Place place;  // of the word that should be there
    std::uint64_t found = 0;
};

// In words; also where the word that was found belongs, if it is one of ours.
std::string describe(const Mismatch& mismatch);

inline std::optional<Mismatch> compare(const void* data, std::size_t bytes, Place from) {
    for (std::size_t done = 0; done < bytes; done += 8) {
        std::uint64_t found;
        std::memcpy(&found, static_cast<const char*>(data) + done, 8);
        if (const Place place{from.series, from.offset + done}; found != word(place)) return Mismatch{place, found};
    }
    return std::nullopt;
}

}  // namespace content

}  // namespace remap::linux_guest
