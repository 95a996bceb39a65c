// SPDX-License-Identifier: MIT
// What the register file has latched and every translation depends on: one word, so that it is read in one go.
#pragma once

#include "iommu/spec/registers.h"

#include <cstdint>

namespace remap::iommu {

struct TranslationState {
    using Enabled = Flag<0>;  // among the bits that RTADDR_REG leaves free

    std::uint64_t word = 0;  // RTADDR_REG as it was at the last SRTP, and whether translation is on

    bool enabled() const { return Enabled::get(word); }
    vtd::root_table::Mode mode() const { return vtd::root_table::TranslationMode::get(word); }
    bool scalable() const { return mode() == vtd::root_table::Mode::Scalable; }
    std::uint64_t root_table() const { return word & vtd::root_table::address; }

    void set_root(std::uint64_t root_table_register) {
        word = (root_table_register & ~Enabled::mask) | (word & Enabled::mask);
    }
    void set_enabled(bool enabled) { word = Enabled::set(word, enabled); }
};

}  // namespace remap::iommu
