// SPDX-License-Identifier: MIT
// What the table formats have in common: 512 entries of 64 bits a table, nine address bits a level. Level 1 is the
// table of 4 KiB leaves.
//
// A format is a struct with:
//     Page                             page number type of the addresses it translates
//     Limits                           what the walker checks entries against
//     present(entry), leaf(entry, level), reserved(entry, level, limits), rights(entry, level)
//     address(entry, level)            physical address of the next table or of the leaf
//     attributes(entry, level)         of a leaf, as they stand in a level 1 leaf
//     make_leaf(address, attributes, level), make_table(address)
//     valid_attributes(attributes)     they make a present leaf and touch nothing else
//     in_range(first, last, levels)    whether tables of that depth reach these page numbers
#pragma once

#include "base/address.h"
#include "base/bits.h"

#include <cstdint>

namespace remap::paging {

inline constexpr unsigned entries_per_table = 512;
inline constexpr unsigned bits_per_level = 9;

// Shifts of the leaves: 4 KiB, 2 MiB, 1 GiB.
inline constexpr unsigned leaf_4k = 12;
inline constexpr unsigned leaf_2m = 21;
inline constexpr unsigned leaf_1g = 30;

// Address bits below what one entry of a level spans.
constexpr unsigned shift_of(unsigned level) { return page_shift + bits_per_level * (level - 1); }

// Pages that one entry of a level spans.
constexpr std::uint64_t pages_per_entry(unsigned level) { return std::uint64_t{1} << (bits_per_level * (level - 1)); }

constexpr unsigned index_of(std::uint64_t page, unsigned level) {
    return static_cast<unsigned>(page >> (bits_per_level * (level - 1))) & (entries_per_table - 1);
}

// A set of rights. The effective ones are those that every entry of a walk gives.
struct Rights {
    std::uint8_t bits = 0;

    constexpr bool covers(Rights wanted) const { return (bits & wanted.bits) == wanted.bits; }
    constexpr Rights operator&(Rights other) const { return {static_cast<std::uint8_t>(bits & other.bits)}; }
    constexpr Rights operator|(Rights other) const { return {static_cast<std::uint8_t>(bits | other.bits)}; }
    friend constexpr bool operator==(Rights, Rights) = default;
};

inline constexpr Rights right_read{1};
inline constexpr Rights right_write{2};
inline constexpr Rights right_execute{4};
inline constexpr Rights right_user{8};
inline constexpr Rights all_rights{15};

}  // namespace remap::paging
