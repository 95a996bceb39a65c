// SPDX-License-Identifier: MIT
// The CPU's tables of 64-bit mode (Intel SDM volume 3, section 4.5): 4 levels, or 5 where they are turned on.
#pragma once

#include "iommu/paging/format.h"

namespace remap {

struct CpuVirtualKind;
using CpuVirtualAddress = Address<CpuVirtualKind>;
using CpuVirtualPage = Page<CpuVirtualKind>;  // address bits 63:12: the upper half keeps its sign bits

namespace paging {

struct X86Long {
    using Page = CpuVirtualPage;

    struct Limits {
        unsigned physical_address_width = 52;  // bits
        unsigned largest_leaf = leaf_1g;       // shift
    };

    static constexpr unsigned levels = 4;

    // Attributes of a leaf; the present bit is implied. `pat` is moved to where leaves of 2 MiB and 1 GiB have it.
    static constexpr std::uint64_t writable = Flag<1>::mask;
    static constexpr std::uint64_t user = Flag<2>::mask;
    static constexpr std::uint64_t write_through = Flag<3>::mask;
    static constexpr std::uint64_t cache_disable = Flag<4>::mask;
    static constexpr std::uint64_t pat = Flag<7>::mask;
    static constexpr std::uint64_t global = Flag<8>::mask;
    static constexpr std::uint64_t no_execute = Flag<63>::mask;

    // The attributes that select an entry (0 to 7) of the PAT MSR (SDM section 11.12.3).
    static constexpr std::uint64_t memory_type(unsigned pat_index) {
        return (pat_index & 1 ? write_through : 0) | (pat_index & 2 ? cache_disable : 0) | (pat_index & 4 ? pat : 0);
    }

    // The entry that attributes of a leaf select; of a leaf of any size: pat_index(attributes(entry, level)).
    static constexpr unsigned pat_index(std::uint64_t attributes) {
        return (attributes & write_through ? 1 : 0) | (attributes & cache_disable ? 2 : 0) | (attributes & pat ? 4 : 0);
    }

    static constexpr bool present(std::uint64_t entry) { return (entry & present_bit) != 0; }

    static constexpr bool leaf(std::uint64_t entry, unsigned level) {
        return level == 1 || ((level == 2 || level == 3) && (entry & page_size_bit) != 0);
    }

    static constexpr std::uint64_t address(std::uint64_t entry, unsigned level) {
        return entry & address_bits & ~(level > 1 && leaf(entry, level) ? large_pat : 0);
    }

    static constexpr std::uint64_t attributes(std::uint64_t entry, unsigned level) {
        const std::uint64_t plain = entry & (all_attributes & ~pat);
        return plain | ((entry & (level == 1 ? pat : large_pat)) != 0 ? pat : 0);
    }

    static constexpr bool valid_attributes(std::uint64_t attributes) { return (attributes & ~all_attributes) == 0; }

    static constexpr std::uint64_t make_leaf(std::uint64_t address, std::uint64_t attributes, unsigned level) {
        if (level == 1) return address | attributes | present_bit;
        return address | (attributes & ~pat) | ((attributes & pat) != 0 ? large_pat : 0) | page_size_bit | present_bit;
    }

    // Tables give every right; leaves restrict.
    static constexpr std::uint64_t make_table(std::uint64_t address) { return address | present_bit | writable | user; }

    static constexpr Rights rights(std::uint64_t entry, unsigned) {
        return right_read | Rights{static_cast<std::uint8_t>((entry & writable ? right_write.bits : 0) |
                                                             (entry & user ? right_user.bits : 0) |
                                                             (entry & no_execute ? 0 : right_execute.bits))};
    }

    static constexpr std::uint64_t reserved(std::uint64_t entry, unsigned level, const Limits& limits) {
        std::uint64_t mask = address_bits & ~low_bits(limits.physical_address_width);
        if (level > 1 && shift_of(level) > limits.largest_leaf) {
            mask |= page_size_bit;
        } else if (level > 1 && leaf(entry, level)) {
            mask |= low_bits(shift_of(level)) & address_bits & ~large_pat;
        }
        return entry & mask;
    }

    // Both ends in the same canonical half, of whatever kind of address.
    template <typename Kind>
    static constexpr bool in_range(remap::Page<Kind> first, remap::Page<Kind> last, unsigned levels) {
        const unsigned sign = bits_per_level * levels - 1;
        const std::uint64_t upper = low_bits(64 - page_shift) >> sign;
        const std::uint64_t half = first.number >> sign;
        return first <= last && (half == 0 || half == upper) && last.number >> sign == half;
    }

private:
    static constexpr std::uint64_t present_bit = Flag<0>::mask;
    static constexpr std::uint64_t page_size_bit = Flag<7>::mask;
    static constexpr std::uint64_t large_pat = Flag<12>::mask;
    static constexpr std::uint64_t address_bits = Field<51, 12>::mask;
    static constexpr std::uint64_t all_attributes =
        writable | user | write_through | cache_disable | pat | global | no_execute;
};

}  // namespace paging
}  // namespace remap
