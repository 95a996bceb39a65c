// SPDX-License-Identifier: MIT
// VT-d translation tables in legacy mode: root, context and second-stage entries. Section numbers are those of the
// Intel VT-d specification, revision 4. Every table is one page.
#pragma once

#include "base/bits.h"

#include <cstdint>

namespace remap::vtd {

// One bit more than the highest physical address bit that any table entry can hold.
inline constexpr unsigned widest_host_address = 52;

// Physical address bits 63:12 at or above the host address width, which entries must leave zero.
constexpr std::uint64_t beyond_host_width(unsigned host_address_width) { return ~low_bits(host_address_width); }

// Root entry, 128 bits, one for each bus (section 9.1).
namespace root_entry {
inline constexpr unsigned bytes = 16;
using Present = Flag<0>;                                             // low word
inline constexpr std::uint64_t context_table = Field<63, 12>::mask;  // low word: address of the bus's context table
inline constexpr std::uint64_t reserved_low = Field<11, 1>::mask;
inline constexpr std::uint64_t reserved_high = ~std::uint64_t{0};
}  // namespace root_entry

// Context entry, 128 bits, one for each device and function of a bus (section 9.3).
namespace context_entry {
enum class TranslationType : std::uint8_t {
    SecondStage = 0,  // untranslated requests go through second-stage tables; others are blocked
    DeviceTlb = 1,    // as 0, and translated and translation requests pass; needs ECAP.DT
    PassThrough = 2,  // untranslated requests pass as they are; needs ECAP.PT
    Reserved = 3,
};

inline constexpr unsigned bytes = 16;
using Present = Flag<0>;                                            // low word
using FaultProcessingDisable = Flag<1>;                             // low word: faults of this device are not recorded
using Type = Field<3, 2, TranslationType>;                          // low word
inline constexpr std::uint64_t second_stage = Field<63, 12>::mask;  // low word: address of the second-stage root
using AddressWidth = Field<2, 0>;                                   // high word: 1 = 39 bits, 2 = 48, 3 = 57
using Domain = Field<23, 8>;                                        // high word: domain id, tag of cached translations
inline constexpr std::uint64_t reserved_low = Field<11, 4>::mask;
inline constexpr std::uint64_t reserved_high = Field<7, 7>::mask | Field<63, 24>::mask;

// Table levels an AddressWidth value stands for, and back: 1 is 3 levels (39 bits), 2 is 4 (48), 3 is 5 (57).
constexpr unsigned levels_of(std::uint64_t address_width) { return static_cast<unsigned>(address_width) + 2; }
constexpr std::uint64_t width_of(unsigned levels) { return levels - 2; }
}  // namespace context_entry

// Second-stage entry, 64 bits (section 9.8). Present when Read or Write is set; the rights of a page are those that all
// entries on the way to it give. Bit 2 is the execute bit of the CPU's nested tables and means nothing to a unit.
namespace second_stage {
using Read = Flag<0>;
using Write = Flag<1>;
using PageSize = Flag<7>;                                           // level 2 or 3: the entry is a leaf
using Accessed = Flag<8>;                                           // A: ignored unless the PASID entry has SSADE set
using Dirty = Flag<9>;                                              // D: of a leaf; ignored as Accessed is
inline constexpr std::uint64_t snoop = Flag<11>::mask;              // SNP: of a leaf; reserved when ECAP.SC is 0
inline constexpr std::uint64_t transient_mapping = Flag<62>::mask;  // TM: of old revisions; reserved
inline constexpr std::uint64_t address = Field<51, 12>::mask;       // bits at or above the host width are reserved
inline constexpr std::uint64_t below_2m = Field<20, 12>::mask;      // reserved in a leaf of level 2
inline constexpr std::uint64_t below_1g = Field<29, 12>::mask;      // reserved in a leaf of level 3
}  // namespace second_stage

}  // namespace remap::vtd
