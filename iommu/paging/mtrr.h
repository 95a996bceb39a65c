// SPDX-License-Identifier: MIT
// Memory type range registers (Intel SDM volume 3, section "Memory Type Range Registers (MTRRs)"): the type that each
// range of physical memory has before page tables have their say.
#pragma once

#include "base/address.h"
#include "base/bits.h"
#include "iommu/paging/memory_type.h"

#include <array>
#include <cstdint>
#include <optional>

namespace remap::paging {

namespace mtrr {

// Numbers of the MSRs.
inline constexpr std::uint32_t capabilities = 0xfe;
inline constexpr std::uint32_t default_type = 0x2ff;
constexpr std::uint32_t variable_base(unsigned index) { return 0x200 + 2 * index; }
constexpr std::uint32_t variable_mask(unsigned index) { return 0x201 + 2 * index; }

// Those of the first MiB, eight fields of eight bits each: one of 64 KiB fields, two of 16 KiB, eight of 4 KiB.
inline constexpr unsigned fixed_count = 11;
inline constexpr std::array<std::uint32_t, fixed_count> fixed{0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                                              0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
inline constexpr unsigned most_variable = 16;  // that are read; processors have 8 or 10

// IA32_MTRRCAP
using VariableCount = Field<7, 0>;  // VCNT
using HasFixed = Flag<8>;           // FIX

// IA32_MTRR_DEF_TYPE
using DefaultType = Field<7, 0>;
using FixedEnable = Flag<10>;  // FE
using Enable = Flag<11>;       // E

// IA32_MTRR_PHYSBASEn, IA32_MTRR_PHYSMASKn
using RangeType = Field<7, 0>;
using RangeAddress = Field<51, 12>;  // both: bits from the physical address width on are reserved
using Valid = Flag<11>;              // of the mask

}  // namespace mtrr

struct Mtrrs {
    struct Variable {
        std::uint64_t base = 0, mask = 0;
    };

    // As read from the MSRs. These are of a processor without MTRRs in use but with all memory write-back.
    std::uint64_t capabilities = 0;
    std::uint64_t default_type = mtrr::Enable::mask | static_cast<std::uint64_t>(MemoryType::WriteBack);
    std::array<std::uint64_t, mtrr::fixed_count> fixed{};
    std::array<Variable, mtrr::most_variable> variable{};

    unsigned variable_count() const;  // that the processor has and that are kept here

    // The type at an address (section "MTRR Precedences"). Nothing where the manual leaves it undefined: ranges overlap
    // that may not, or a register holds a reserved encoding. `width`: physical address bits of the processor.
    std::optional<MemoryType> type_at(PhysicalAddress address, unsigned width) const;

private:
    std::optional<MemoryType> fixed_type_at(std::uint64_t address) const;
};

// All that decides about the type of an access.
struct CacheControls {
    using NotWriteThrough = Flag<29>;  // CR0.NW
    using CacheDisable = Flag<30>;     // CR0.CD

    std::uint64_t cr0 = 0;
    Pat pat{};
    Mtrrs mtrrs{};
    unsigned physical_address_width = 52;  // bits

    // Whether CR0 lets caches work (table "Cache Operating Modes"). CD = 0 with NW = 1 cannot be loaded.
    constexpr bool caching() const { return !CacheDisable::get(cr0); }

    // The type of an access to an address through a leaf that selects a PAT entry. With CD set every access is
    // uncacheable (section "Memory Type Used for Translated Guest-Physical Addresses" has the rule in one sentence).
    // What the manual leaves undefined is taken as uncacheable.
    MemoryType effective(PhysicalAddress address, unsigned pat_index) const;
};

}  // namespace remap::paging
