// SPDX-License-Identifier: MIT
// Which addresses a device has used or may use, and where they led: many accesses, made few ranges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace remap::tools {

struct AddressRange {
    std::uint64_t first = 0;     // as the device says it
    std::uint64_t last = 0;      // the last address of the range, not the one behind
    std::uint64_t physical = 0;  // of the first
    std::uint64_t object = 0;
    std::uint64_t uses = 0;
    std::uint64_t parts = 1;   // more than one: joined over gaps, or of several places in memory
    std::uint64_t owners = 1;  // objects that the same memory belonged to, one after the other; `object` is the last
    std::uint64_t when = 0;    // the last use; any number that grows
    bool read = false;
    bool written = false;

    friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// Rounds to whole pages of 4 KiB, and joins what touches or overlaps and leads to the same place of the same object,
// and what is the same but for the object. If more than `most` remain, neighbours are joined over gaps, the smallest
// first. In the order of addresses.
std::vector<AddressRange> compact(std::vector<AddressRange> ranges, std::size_t most);

}  // namespace remap::tools
