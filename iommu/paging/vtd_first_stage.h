// SPDX-License-Identifier: MIT
// VT-d first-stage tables of 4 or 5 levels (VT-d section 9.7): the CPU's format with bits that the unit sets, for the
// addresses of devices.
#pragma once

#include "iommu/paging/x86_long.h"
#include "iommu/spec/scalable_tables.h"

namespace remap::paging {

// Whether a right counts is up to the walk: user and execute are wanted only by requests that ask for them, and write
// only where the PASID entry does not let supervisor requests pass over it (WPE).
struct VtdFirstStage : X86Long {
    using Page = LogicalPage;  // address bits 63:12: the upper half keeps its sign bits

    struct Limits {
        unsigned host_address_width = vtd::widest_host_address;  // bits
        unsigned largest_leaf = leaf_1g;                         // shift; leaf_2m without CAP.FS1GP
    };

    // Attributes of a leaf that the unit sets too. A driver that sets them itself spares the unit the update.
    static constexpr std::uint64_t accessed = vtd::first_stage::Accessed::mask;
    static constexpr std::uint64_t dirty = vtd::first_stage::Dirty::mask;
    static constexpr std::uint64_t extended_accessed = vtd::first_stage::ExtendedAccessed::mask;

    static constexpr std::uint64_t attributes(std::uint64_t entry, unsigned level) {
        return X86Long::attributes(entry, level) | (entry & set_by_unit);
    }

    static constexpr bool valid_attributes(std::uint64_t attributes) {
        return X86Long::valid_attributes(attributes & ~set_by_unit);
    }

    static constexpr std::uint64_t reserved(std::uint64_t entry, unsigned level, const Limits& limits) {
        return X86Long::reserved(entry, level, {limits.host_address_width, limits.largest_leaf});
    }

private:
    static constexpr std::uint64_t set_by_unit = accessed | dirty | extended_accessed;

    // The two rooms write the same format down.
    static_assert(writable == vtd::first_stage::Write::mask && user == vtd::first_stage::User::mask &&
                  write_through == vtd::first_stage::WriteThrough::mask &&
                  cache_disable == vtd::first_stage::CacheDisable::mask &&
                  no_execute == vtd::first_stage::ExecuteDisable::mask);
};

}  // namespace remap::paging
