// SPDX-License-Identifier: MIT
// Memory types of the x86 architecture (Intel SDM volume 3, chapter "Memory Cache Control"): as PAT and MTRRs encode
// them, the PAT that pages choose from, and what page and range give together.
#pragma once

#include "base/bits.h"

#include <cstdint>
#include <optional>

namespace remap::paging {

enum class MemoryType : std::uint8_t {
    Uncacheable = 0,
    WriteCombining = 1,
    WriteThrough = 4,
    WriteProtected = 5,
    WriteBack = 6,
    UncachedMinus = 7,  // PAT only: uncacheable, unless an MTRR says write-combining
};

// The type of an encoding; nothing for a reserved one (2, 3, 8 and above).
constexpr std::optional<MemoryType> memory_type_of(std::uint64_t encoding) {
    if (encoding > 7 || encoding == 2 || encoding == 3) return std::nullopt;
    return static_cast<MemoryType>(encoding);
}

// For people: "write-back"; and as the manuals abbreviate it: "WB".
constexpr const char* name_of(MemoryType type) {
    switch (type) {
        case MemoryType::Uncacheable: return "uncacheable";
        case MemoryType::WriteCombining: return "write-combining";
        case MemoryType::WriteThrough: return "write-through";
        case MemoryType::WriteProtected: return "write-protected";
        case MemoryType::WriteBack: return "write-back";
        case MemoryType::UncachedMinus: return "uncached-minus";
    }
    return "?";
}
constexpr const char* abbreviation_of(MemoryType type) {
    switch (type) {
        case MemoryType::Uncacheable: return "UC";
        case MemoryType::WriteCombining: return "WC";
        case MemoryType::WriteThrough: return "WT";
        case MemoryType::WriteProtected: return "WP";
        case MemoryType::WriteBack: return "WB";
        case MemoryType::UncachedMinus: return "UC-";
    }
    return "?";
}

// The IA32_PAT MSR: eight types that leaves of the page tables select by number (section "IA32_PAT MSR").
struct Pat {
    static constexpr std::uint32_t msr = 0x277;
    static constexpr unsigned entries = 8;
    static constexpr std::uint64_t power_on = 0x0007'0406'0007'0406;

    std::uint64_t value = power_on;

    // `index` 0 to 7. Nothing for a reserved encoding, which a processor refuses to load (#GP).
    constexpr std::optional<MemoryType> type(unsigned index) const {
        return memory_type_of(value >> (8 * index) & 0xff);
    }
    constexpr Pat with(unsigned index, MemoryType type) const {
        const std::uint64_t mask = std::uint64_t{0xff} << (8 * index);
        return {(value & ~mask) | static_cast<std::uint64_t>(type) << (8 * index)};
    }
};

// The type of an access through a page of one type in a range of another (table "Effective Page-Level Memory Types for
// Pentium III and More Recent Processor Families"). `range` is an MTRR's type, never UC-.
constexpr MemoryType effective_type(MemoryType page, MemoryType range) {
    using enum MemoryType;
    const bool cached_range = range == WriteThrough || range == WriteBack || range == WriteProtected;
    switch (page) {
        case Uncacheable: return Uncacheable;
        case UncachedMinus: return range == WriteCombining || range == WriteProtected ? WriteCombining : Uncacheable;
        case WriteCombining: return WriteCombining;
        case WriteThrough: return cached_range ? WriteThrough : Uncacheable;
        case WriteProtected: return cached_range ? WriteProtected : Uncacheable;
        case WriteBack: return range;
    }
    return Uncacheable;
}

}  // namespace remap::paging
