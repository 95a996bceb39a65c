// SPDX-License-Identifier: MIT
#include "iommu/engine/cacheable.h"

#include "iommu/paging/walker.h"
#include "iommu/spec/tables.h"

namespace remap::iommu {

using vtd::FaultReason;

namespace {

bool is_leaf_shift(const Configuration& configuration, TranslationKind kind, unsigned shift) {
    const unsigned largest =
        has_first_stage(kind) ? configuration.first_stage.largest_leaf : configuration.second_stage.largest_leaf;
    return shift >= paging::leaf_4k && shift <= largest && (shift - paging::leaf_4k) % paging::bits_per_level == 0;
}

// Addresses that a walk of this kind looks at: canonical ones, or those within the width.
bool is_in_reach(const Configuration& configuration, TranslationKind kind, std::uint64_t address) {
    if (!has_first_stage(kind)) return address >> configuration.address_width == 0;
    const unsigned sign = paging::shift_of(configuration.first_stage_levels + 1) - 1;
    return address >> sign == 0 || address >> sign == ~std::uint64_t{0} >> sign;
}

// Tables of a nested first stage lie at guest-physical addresses.
bool is_table_place(const Configuration& configuration, TranslationKind kind, std::uint64_t address) {
    const unsigned width =
        kind == TranslationKind::Nested ? vtd::widest_host_address : configuration.host_address_width;
    return address >> width == 0;
}

bool is_kind_of_table(const Configuration& configuration, TranslationKind kind) {
    return kind == TranslationKind::SecondStage || (configuration.scalable && has_first_stage(kind));
}

// What a walk ends with that no other access to the page would get around.
bool is_refusal_of_page(const Configuration& configuration, FaultReason reason) {
    switch (reason) {
        case FaultReason::ContextInvalid:
        case FaultReason::AddressBeyondWidth:
        case FaultReason::NoWrite:
        case FaultReason::NoRead:
        case FaultReason::PagingEntryUnreadable:
        case FaultReason::PagingReserved: return true;
        case FaultReason::FirstStageUnreadable:
        case FaultReason::FirstStageNotPresent:
        case FaultReason::FirstStageReserved:
        case FaultReason::FirstStageRootUnreadable:
        case FaultReason::NestedEntryBeyondWidth:
        case FaultReason::NestedRootNotReadable:
        case FaultReason::NestedEntryNotReadable:
        case FaultReason::SecondStageUnreadable:
        case FaultReason::SecondStageNotPresent:
        case FaultReason::SecondStageReserved:
        case FaultReason::SecondStageRootUnreadable:
        case FaultReason::SecondStageUpdateNeedsSnoop:
        case FaultReason::NotCanonical:
        case FaultReason::ScalableAddressBeyondWidth: return configuration.scalable;
        default: return false;
    }
}

}  // namespace

bool is_cacheable(const Configuration& configuration, const CachedTranslation& one) {
    if (!is_kind_of_table(configuration, one.kind)) return false;
    if ((one.tagged || one.pasid.value != 0) && !configuration.scalable) return false;
    if (one.refusal != FaultReason::None)
        return configuration.caching_mode && one.shift == paging::leaf_4k &&
               is_refusal_of_page(configuration, one.refusal);
    return is_leaf_shift(configuration, one.kind, one.shift) && (one.first.value & low_bits(one.shift)) == 0 &&
           is_in_reach(configuration, one.kind, one.first.value) && (one.leaf.value & low_bits(one.shift)) == 0 &&
           one.leaf.value >> configuration.host_address_width == 0;
}

bool is_cacheable(const Configuration& configuration, const TableOwner& owner, std::uint64_t address,
                  const CachedTable& table) {
    const unsigned most = has_first_stage(owner.kind) ? configuration.first_stage_levels : paging::most_levels;
    return is_kind_of_table(configuration, owner.kind) && table.level >= 1 && table.level < most &&
           is_in_reach(configuration, owner.kind, address) &&
           is_table_place(configuration, owner.kind, table.table.value);
}

}  // namespace remap::iommu
