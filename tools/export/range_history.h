// SPDX-License-Identifier: MIT
// Which addresses of one space led where, from when to when. What was told or seen last counts: it ends what it
// overlaps, and no two ranges that are there at a time have an address in common.
//
// Each call costs the logarithm of what there is and what it ends, and adds at most two ranges, so that no sequence of
// calls takes longer than in proportion to its length. Times do not go back.
#pragma once

#include "tools/export/address_ranges.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace remap::tools {

class RangeHistory {
public:
    // Ranges of whole pages, whose `since` is the time of the call.
    void put(const AddressRange& range);

    // Like put(), but what touches it and leads to the same place becomes one with it.
    void join(AddressRange range);

    // As far as they lie within these addresses.
    void end(std::uint64_t first, std::uint64_t last, std::uint64_t time, Ending ending);

    // The range that is there at an address.
    const AddressRange* at(std::uint64_t address) const;
    bool covers(const AddressRange& range) const;

    struct Summary {
        std::vector<AddressRange> ranges;  // those that are there, then those that were
        std::uint64_t complete_from = 0;   // before it, what was there when is not known of each
    };
    // At most `most` that are there, `past` that ended last, and `most` that the others are joined to.
    Summary summary(std::size_t most, std::size_t past) const;

private:
    using Open = std::map<std::uint64_t, AddressRange>;  // by their first addresses

    Open::iterator first_touched(std::uint64_t address);
    void absorb_neighbours(AddressRange& range);

    Open open_;
    std::vector<AddressRange> past_;  // in the order of their ends
};

// What is known of one device's addresses: what a driver has mapped for it, and what the device has used.
class SpaceHistory {
public:
    // `since` of a range is now.
    void map(const AddressRange& range);
    void use(AddressRange range);
    void unmap(std::uint64_t first, std::uint64_t last, std::uint64_t time);
    void reset(std::uint64_t time);

    const RangeHistory& mapped() const { return mapped_; }
    const RangeHistory& used() const { return used_; }

private:
    RangeHistory mapped_;
    RangeHistory used_;
    RangeHistory unmapped_;  // where the driver's last word was that nothing is there
};

}  // namespace remap::tools
