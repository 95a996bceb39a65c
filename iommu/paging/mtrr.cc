// SPDX-License-Identifier: MIT
#include "iommu/paging/mtrr.h"

#include <algorithm>

namespace remap::paging {

namespace {

constexpr std::uint64_t fixed_end = std::uint64_t{1} << 20;

// Fields of all fixed registers, counted from address 0 up: 8 of 64 KiB, 16 of 16 KiB, 64 of 4 KiB.
constexpr unsigned field_of(std::uint64_t address) {
    if (address < 0x80000) return static_cast<unsigned>(address >> 16);
    if (address < 0xc0000) return static_cast<unsigned>(8 + ((address - 0x80000) >> 14));
    return static_cast<unsigned>(24 + ((address - 0xc0000) >> 12));
}

// MTRRs know no UC-.
constexpr std::optional<MemoryType> range_type(std::uint64_t encoding) {
    const auto type = memory_type_of(encoding);
    return type == MemoryType::UncachedMinus ? std::nullopt : type;
}

// Two ranges over one address: UC wins, WT wins over WB, equal ones agree; nothing else is defined.
constexpr std::optional<MemoryType> overlap(MemoryType one, MemoryType other) {
    using enum MemoryType;
    if (one == other) return one;
    if (one == Uncacheable || other == Uncacheable) return Uncacheable;
    const bool through = (one == WriteThrough && other == WriteBack) || (one == WriteBack && other == WriteThrough);
    return through ? std::optional(WriteThrough) : std::nullopt;
}

}  // namespace

unsigned Mtrrs::variable_count() const {
    return static_cast<unsigned>(std::min<std::uint64_t>(mtrr::VariableCount::get(capabilities), mtrr::most_variable));
}

std::optional<MemoryType> Mtrrs::fixed_type_at(std::uint64_t address) const {
    const unsigned field = field_of(address);
    return range_type(fixed[field / 8] >> (field % 8 * 8) & 0xff);
}

std::optional<MemoryType> Mtrrs::type_at(PhysicalAddress address, unsigned width) const {
    if (!mtrr::Enable::get(default_type)) return MemoryType::Uncacheable;
    const bool fixed_used = mtrr::HasFixed::get(capabilities) && mtrr::FixedEnable::get(default_type);
    if (fixed_used && address.value < fixed_end) return fixed_type_at(address.value);

    const std::uint64_t compared = mtrr::RangeAddress::mask & low_bits(width);
    bool covered = false, uncacheable = false;
    std::optional<MemoryType> found;
    for (unsigned i = 0; i < variable_count(); ++i) {
        const Variable& range = variable[i];
        const std::uint64_t mask = range.mask & compared;
        if (!mtrr::Valid::get(range.mask) || (address.value & mask) != (range.base & mask)) continue;
        const auto type = range_type(mtrr::RangeType::get(range.base));
        uncacheable = uncacheable || type == MemoryType::Uncacheable;  // whatever else overlaps
        if (!covered)
            found = type;
        else
            found = found && type ? overlap(*found, *type) : std::nullopt;
        covered = true;
    }
    if (uncacheable) return MemoryType::Uncacheable;
    return covered ? found : range_type(mtrr::DefaultType::get(default_type));
}

MemoryType CacheControls::effective(PhysicalAddress address, unsigned pat_index) const {
    const auto page = pat.type(pat_index);
    const auto range = mtrrs.type_at(address, physical_address_width);
    if (!caching() || !page || !range) return MemoryType::Uncacheable;
    return effective_type(*page, *range);
}

}  // namespace remap::paging
