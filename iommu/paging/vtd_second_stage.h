// SPDX-License-Identifier: MIT
// VT-d second-stage tables of 3 to 5 levels (VT-d section 9.8).
#pragma once

#include "iommu/paging/format.h"
#include "iommu/spec/tables.h"

namespace remap::paging {

struct VtdSecondStage {
    using Page = LogicalPage;

    struct Limits {
        unsigned host_address_width = vtd::widest_host_address;  // bits
        unsigned largest_leaf = leaf_1g;                         // shift; bit 7 of larger entries is reserved
        bool snoop_control = false;                              // ECAP.SC: leaves have the bit
    };

    // Attributes of a leaf.
    static constexpr std::uint64_t read = vtd::second_stage::Read::mask;
    static constexpr std::uint64_t write = vtd::second_stage::Write::mask;

    static constexpr bool present(std::uint64_t entry) { return (entry & (read | write)) != 0; }

    static constexpr bool leaf(std::uint64_t entry, unsigned level) {
        return level == 1 || ((level == 2 || level == 3) && vtd::second_stage::PageSize::get(entry));
    }

    static constexpr std::uint64_t address(std::uint64_t entry, unsigned) { return entry & vtd::second_stage::address; }

    static constexpr std::uint64_t attributes(std::uint64_t entry, unsigned) { return entry & (read | write); }

    static constexpr bool valid_attributes(std::uint64_t attributes) {
        return present(attributes) && (attributes & ~(read | write)) == 0;
    }

    static constexpr std::uint64_t make_leaf(std::uint64_t address, std::uint64_t attributes, unsigned level) {
        return address | attributes | vtd::second_stage::PageSize::of(level > 1);
    }

    static constexpr std::uint64_t make_table(std::uint64_t address) { return address | read | write; }

    static constexpr Rights rights(std::uint64_t entry, unsigned) {
        return {
            static_cast<std::uint8_t>((entry & read ? right_read.bits : 0) | (entry & write ? right_write.bits : 0))};
    }

    // Accessed and dirty bits are ignored where they are not in use, so they are never reserved.
    static constexpr std::uint64_t reserved(std::uint64_t entry, unsigned level, const Limits& limits) {
        std::uint64_t mask = vtd::second_stage::address & vtd::beyond_host_width(limits.host_address_width);
        mask |= vtd::second_stage::transient_mapping;
        if (!limits.snoop_control || !leaf(entry, level)) mask |= vtd::second_stage::snoop;
        if (level > 1 && shift_of(level) > limits.largest_leaf) {
            mask |= vtd::second_stage::PageSize::mask;
        } else if (level > 1 && leaf(entry, level)) {
            mask |= level == 2 ? vtd::second_stage::below_2m : vtd::second_stage::below_1g;
        }
        return entry & mask;
    }

    static constexpr bool in_range(Page first, Page last, unsigned levels) {
        return first <= last && last.number >> (bits_per_level * levels) == 0;
    }
};

}  // namespace remap::paging
