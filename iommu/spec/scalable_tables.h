// SPDX-License-Identifier: MIT
// VT-d tables of scalable mode: root, context, PASID directory and PASID table entries, first-stage entries. Section
// numbers are those of the Intel VT-d specification, revision 4. Every table is one page, but a PASID directory of more
// than 512 entries.
//
// What a unit does not offer is reserved in the entries: the masks take the unit's ECAP_REG, and the physical
// address bits it has. Of an entry that is not present nothing but FaultProcessingDisable has a meaning.
#pragma once

#include "base/bits.h"
#include "iommu/spec/registers_capabilities.h"
#include "iommu/spec/tables.h"

#include <array>
#include <cstdint>

namespace remap::vtd {

inline constexpr unsigned pasid_bits = 20;

// Scalable-mode root entry, 128 bits, one for each bus (section 9.2): the low word leads to the context entries of the
// devices 0 to 15, the high word to those of 16 to 31. Each half stands for itself.
namespace scalable_root_entry {
inline constexpr unsigned bytes = 16;
using Present = Flag<0>;                                             // LP, UP
inline constexpr std::uint64_t context_table = Field<63, 12>::mask;  // LCTP, UCTP

constexpr unsigned word_of(std::uint8_t devfn) { return devfn >> 7; }

constexpr std::uint64_t reserved(unsigned host_address_width) {
    return Field<11, 1>::mask | beyond_host_width(host_address_width);
}
}  // namespace scalable_root_entry

// Scalable-mode context entry, 256 bits, one for each device and function of half a bus (section 9.4).
namespace scalable_context_entry {
inline constexpr unsigned bytes = 32;
using Words = std::array<std::uint64_t, 4>;
using Present = Flag<0>;                                               // word 0: P
using FaultProcessingDisable = Flag<1>;                                // word 0: FPD
using DeviceTlb = Flag<2>;                                             // word 0: DTE
using Pasid = Flag<3>;                                                 // word 0: PASIDE, requests that carry one
using PageRequest = Flag<4>;                                           // word 0: PRE
using DirectorySize = Field<11, 9>;                                    // word 0: PDTS, 2^(value + 7) entries
inline constexpr std::uint64_t pasid_directory = Field<63, 12>::mask;  // word 0: PASIDDIRPTR
using RequesterPasid = Field<19, 0>;                                   // word 1: RID_PASID, of requests without one
using RequesterPrivilege = Flag<20>;                                   // word 1: RID_PRIV

constexpr unsigned index_of(std::uint8_t devfn) { return devfn & 0x7f; }

// One more than the highest PASID that the directory reaches.
constexpr std::uint32_t pasid_limit(std::uint64_t word0) {
    return std::uint32_t{1} << (DirectorySize::get(word0) + 7 + 6);
}

constexpr Words reserved(std::uint64_t offered, unsigned host_address_width) {
    namespace ecap = extended_capability;
    return {Field<8, 5>::mask | DeviceTlb::of(!ecap::DeviceTlb::get(offered)) | Pasid::of(!ecap::Pasid::get(offered)) |
                PageRequest::of(!ecap::PageRequest::get(offered)) | beyond_host_width(host_address_width),
            Field<63, 21>::mask | (ecap::RequesterPasid::get(offered) ? 0 : RequesterPasid::mask) |
                RequesterPrivilege::of(!ecap::RequesterPrivilege::get(offered)),
            ~std::uint64_t{0}, ~std::uint64_t{0}};
}
}  // namespace scalable_context_entry

// PASID directory entry, 64 bits, one for 64 PASIDs (section 9.5).
namespace pasid_directory_entry {
inline constexpr unsigned bytes = 8;
using Present = Flag<0>;                                           // P
using FaultProcessingDisable = Flag<1>;                            // FPD
inline constexpr std::uint64_t pasid_table = Field<63, 12>::mask;  // SMPTBLPTR

constexpr std::uint32_t index_of(std::uint32_t pasid) { return pasid >> 6; }

constexpr std::uint64_t reserved(unsigned host_address_width) {
    return Field<11, 2>::mask | beyond_host_width(host_address_width);
}
}  // namespace pasid_directory_entry

// PASID table entry, 512 bits (section 9.6).
namespace pasid_entry {
inline constexpr unsigned bytes = 64;
using Words = std::array<std::uint64_t, 8>;
enum class TranslationType : std::uint8_t { FirstStage = 1, SecondStage = 2, Nested = 3, PassThrough = 4 };

using Present = Flag<0>;                                            // word 0: P
using FaultProcessingDisable = Flag<1>;                             // word 0: FPD
using AddressWidth = Field<4, 2>;                                   // word 0: AW, of the second stage
using Type = Field<8, 6, TranslationType>;                          // word 0: PGTT
using SecondStageAccessedDirty = Flag<9>;                           // word 0: SSADE
inline constexpr std::uint64_t second_stage = Field<63, 12>::mask;  // word 0: SSPTPTR
using Domain = Field<15, 0>;                                        // word 1: DID
using WalkSnoop = Flag<23>;                                         // word 1: PWSNP
using PageSnoop = Flag<24>;                                         // word 1: PGSNP
using CacheDisable = Flag<25>;                                      // word 1: CD
using ExtendedMemoryType = Flag<26>;                                // word 1: EMTE
using AttributeTable = Field<63, 32>;                               // word 1: PAT
using SupervisorRequest = Flag<0>;                                  // word 2: SRE
using ExecuteRequest = Flag<1>;                                     // word 2: ERE
enum class PagingMode : std::uint8_t { FourLevels = 0, FiveLevels = 1 };
using FirstStageMode = Field<3, 2, PagingMode>;                    // word 2: FSPM
using WriteProtect = Flag<4>;                                      // word 2: WPE, for supervisor requests too
using NoExecute = Flag<5>;                                         // word 2: NXE; ignored without ECAP.ERS
using SupervisorExecutePrevention = Flag<6>;                       // word 2: SMEP; ignored without ECAP.ERS
using ExtendedAccessed = Flag<7>;                                  // word 2: EAFE
inline constexpr std::uint64_t first_stage = Field<63, 12>::mask;  // word 2: FSPTPTR

constexpr std::uint32_t index_of(std::uint32_t pasid) { return pasid & 0x3f; }

// Fields that the translation type does not use are ignored, but not these.
constexpr Words reserved(std::uint64_t offered, unsigned host_address_width) {
    namespace ecap = extended_capability;
    const std::uint64_t beyond = beyond_host_width(host_address_width);
    const std::uint64_t memory_type = CacheDisable::mask | ExtendedMemoryType::mask | AttributeTable::mask;
    const std::uint64_t only_first_stage = FirstStageMode::mask | WriteProtect::mask | first_stage;
    const std::uint64_t all = ~std::uint64_t{0};
    return {Flag<5>::mask | Field<11, 10>::mask | beyond |
                SecondStageAccessedDirty::of(!ecap::SecondStageAccessedDirty::get(offered)),
            Field<22, 16>::mask | Field<31, 27>::mask | WalkSnoop::of(!ecap::ScalableCoherent::get(offered)) |
                PageSnoop::of(!ecap::SnoopControl::get(offered)) | (ecap::MemoryType::get(offered) ? 0 : memory_type),
            Field<11, 8>::mask | beyond | SupervisorRequest::of(!ecap::SupervisorRequest::get(offered)) |
                ExecuteRequest::of(!ecap::ExecuteRequest::get(offered)) |
                ExtendedAccessed::of(!ecap::ExtendedAccessedFlag::get(offered)) |
                (ecap::FirstStage::get(offered) ? 0 : only_first_stage),
            all,
            all,
            all,
            all,
            all};
}
}  // namespace pasid_entry

// First-stage entry, 64 bits (section 9.7): the CPU's format, and an accessed bit of a second kind. A request without
// privilege takes pages only that every entry on the way gives to users.
namespace first_stage {
using Present = Flag<0>;            // P
using Write = Flag<1>;              // R/W
using User = Flag<2>;               // U/S
using WriteThrough = Flag<3>;       // PWT
using CacheDisable = Flag<4>;       // PCD
using Accessed = Flag<5>;           // A: set by the unit in every entry it uses
using Dirty = Flag<6>;              // D: set by the unit in a leaf that is written through
using PageSize = Flag<7>;           // PS, level 2 or 3: the entry is a leaf
using ExtendedAccessed = Flag<10>;  // EA: set as A where the PASID entry has EAFE set
using ExecuteDisable = Flag<63>;    // XD
inline constexpr std::uint64_t address = Field<51, 12>::mask;
}  // namespace first_stage

}  // namespace remap::vtd
