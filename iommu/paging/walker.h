// SPDX-License-Identifier: MIT
// Walks translation tables as a device does: reads each entry once, trusts none of them.
#pragma once

#include "base/address.h"
#include "iommu/paging/format.h"

#include <array>
#include <cstdint>
#include <optional>

namespace remap::paging {

enum class WalkEnd : std::uint8_t {
    Leaf,        // a leaf that gives the wanted rights
    NotPresent,  // the entry is not present
    NoRight,     // the entry is present and lacks a wanted right
    Reserved,    // the entry is present and has a reserved bit set
    Unreadable,  // the entry could not be read from memory
};

inline constexpr unsigned most_levels = 5;

// A walk may begin at a table in the middle, if the caller knows where it is and what the entries above it gave.
template <typename Format>
struct WalkRequest {
    PhysicalAddress root;       // of the table of the highest level
    unsigned levels = 0;        // 1 to most_levels
    std::uint64_t address = 0;  // bits that the levels do not reach are ignored: the caller checks the width
    Rights wanted;              // with none wanted, every present leaf will do
    typename Format::Limits limits;
    Rights given = all_rights;  // by entries above the root
};

// An entry that a walk has gone through.
struct WalkStep {
    PhysicalAddress at;
    std::uint64_t entry = 0;
    Rights rights;  // effective ones, of all entries on the way including this one
};

struct Walk {
    WalkEnd end = WalkEnd::NotPresent;
    unsigned level = 0;             // of the entry at which the walk ended
    PhysicalAddress entry_address;  // of that entry
    std::uint64_t entry = 0;        // its contents; 0 when unreadable
    Rights rights;                  // effective ones, of all entries on the way including this one
    PhysicalAddress leaf;           // first byte of the leaf's memory; only with WalkEnd::Leaf, as the next two
    std::uint64_t attributes = 0;   // of the leaf, in the format's level 1 places
    unsigned shift = 0;             // the leaf spans 2^shift bytes
    std::array<WalkStep, most_levels> steps;  // by level, less one; of the levels from the root to `level`

    bool found() const { return end == WalkEnd::Leaf; }
    PhysicalAddress translate(std::uint64_t address) const { return leaf + (address & low_bits(shift)); }
};

// `read` takes a PhysicalAddress and returns the 64-bit entry there as std::optional, empty when memory does not
// answer.
template <typename Format, typename Reader>
Walk walk(const WalkRequest<Format>& request, Reader&& read) {
    Walk result;
    result.rights = request.given;
    PhysicalAddress table = request.root;
    for (unsigned level = request.levels; level > 0; --level) {
        result.level = level;
        result.entry_address = table + std::uint64_t{8} * index_of(request.address >> page_shift, level);
        const std::optional<std::uint64_t> entry = read(result.entry_address);
        result.entry = entry.value_or(0);
        const auto ended = [&result](WalkEnd end) {
            result.end = end;
            return result;
        };
        if (!entry) return ended(WalkEnd::Unreadable);
        if (!Format::present(*entry)) return ended(WalkEnd::NotPresent);
        if (Format::reserved(*entry, level, request.limits) != 0) return ended(WalkEnd::Reserved);

        result.rights = result.rights & Format::rights(*entry, level);
        result.steps[level - 1] = {result.entry_address, *entry, result.rights};
        if (!result.rights.covers(request.wanted)) return ended(WalkEnd::NoRight);
        table = {Format::address(*entry, level)};
        if (!Format::leaf(*entry, level)) continue;
        result.leaf = table;
        result.attributes = Format::attributes(*entry, level);
        result.shift = shift_of(level);
        return ended(WalkEnd::Leaf);
    }
    return result;  // no levels: nothing is mapped
}

}  // namespace remap::paging
