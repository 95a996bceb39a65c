// SPDX-License-Identifier: MIT
// Which addresses a device has used or may use, and where they led: many accesses, made few ranges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace remap::tools {

inline constexpr std::uint64_t still_there = ~std::uint64_t{0};  // a time that never comes

// Why a range is no longer there.
enum class Ending : std::uint8_t {
    None = 0,
    Unmapped = 1,
    Replaced = 2,  // by what was mapped or seen there later
    Reset = 3,
    Joined = 4,  // several that came and went, each for a reason of its own
};

struct AddressRange {
    std::uint64_t first = 0;     // as the device says it
    std::uint64_t last = 0;      // the last address of the range, not the one behind
    std::uint64_t physical = 0;  // of the first
    std::uint64_t object = 0;
    std::uint64_t uses = 0;
    std::uint64_t parts = 1;   // more than one: joined over gaps, or of several places in memory
    std::uint64_t owners = 1;  // objects that the same memory belonged to, one after the other; `object` is the last
    std::uint64_t when = 0;    // the last use; any number that grows
    std::uint64_t since = 0;   // nanoseconds of the trace: when it came; of joined ones the first
    std::uint64_t until = still_there;
    Ending ending = Ending::None;
    bool read = false;
    bool written = false;
    bool cut = false;    // a piece of what was one when its uses were counted: it had at most so many
    bool stray = false;  // used after a driver had unmapped it

    friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// The same addresses lead to the same memory, of the same object and with the same right to it.
bool lead_alike(const AddressRange& range, const AddressRange& next);

// What both have counted and seen goes to `range`, which has `next`'s addresses too.
void absorb(AddressRange& range, const AddressRange& next);

// Moves the ends outwards to those of pages of 4 KiB.
void round_to_pages(AddressRange& range);

// Rounds to whole pages of 4 KiB, and joins what touches or overlaps and leads to the same place of the same object,
// and what is the same but for the object. If more than `most` remain, neighbours are joined over gaps, the smallest
// first. In the order of addresses.
std::vector<AddressRange> compact(std::vector<AddressRange> ranges, std::size_t most);

}  // namespace remap::tools
