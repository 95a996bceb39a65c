// SPDX-License-Identifier: MIT
// What the register file has latched and the remapping of every interrupt depends on: one word, so that it is read in
// one go.
#pragma once

#include "iommu/spec/registers.h"

#include <cstdint>

namespace remap::iommu {

struct InterruptState {
    // Among the bits that IRTA_REG leaves free.
    using Enabled = Flag<4>;
    using CompatibilityPasses = Flag<5>;

    std::uint64_t word = 0;  // IRTA_REG as it was at the last SIRTP, and IRES and CFIS of GSTS_REG

    bool enabled() const { return Enabled::get(word); }
    bool compatibility_passes() const { return CompatibilityPasses::get(word); }
    bool extended() const { return vtd::interrupt_table::ExtendedMode::get(word); }
    std::uint64_t table() const { return word & vtd::interrupt_table::address; }
    std::uint64_t entries() const { return vtd::interrupt_table::entries(word); }

    void set_table(std::uint64_t table_register) {
        constexpr std::uint64_t ours = Enabled::mask | CompatibilityPasses::mask;
        word = (table_register & ~ours) | (word & ours);
    }
    void set_enabled(bool enabled) { word = Enabled::set(word, enabled); }
    void set_compatibility_passes(bool passes) { word = CompatibilityPasses::set(word, passes); }
};

}  // namespace remap::iommu
