// SPDX-License-Identifier: MIT
// How a translation lies in the IOTLB: three words, and what they say.
#pragma once

#include "base/bits.h"
#include "iommu/engine/domain_floors.h"
#include "iommu/engine/permits.h"
#include "iommu/engine/request.h"
#include "iommu/engine/set_cache.h"
#include "iommu/spec/fault.h"

#include <cstdint>

namespace remap::iommu::iotlb_line {

using Words = CacheWords<3>;

// The first word: address bits 63:12 of what the leaf spans, and its size.
using Shift = Field<5, 0, unsigned>;
constexpr LogicalAddress first_of(const Words& words) { return {words[0] & ~low_bits(page_shift)}; }

// The second: whom it is for.
using Source = Field<15, 0, std::uint16_t>;
using Tagged = Flag<16>;
using PasidValue = Field<36, 17, std::uint32_t>;
using Domain = Field<52, 37, std::uint16_t>;
using Kind = Field<55, 53, TranslationKind>;

// The third: what it says, around address bits 51:12 of the leaf.
using Allowed = Field<5, 0, std::uint8_t>;
using Dirty = Flag<6>;
using Quiet = Flag<7>;
using Snooped = Flag<8>;
inline constexpr std::uint64_t leaf_address = Field<51, 12>::mask;
using Refusal = Field<59, 52, vtd::FaultReason>;

inline CacheKey key_of(LogicalAddress first, unsigned shift, const Request& request) {
    const std::uint64_t tag = first.value | Shift::of(shift);
    const std::uint64_t whom = Source::of(request.source.value);
    if (!request.pasid) return {tag, whom, Source::mask | Tagged::mask};
    return {tag, whom | Tagged::mask | PasidValue::of(request.pasid->value),
            Source::mask | Tagged::mask | PasidValue::mask};
}

// Sources share the sets, so that a page is found for all of them by looking into one set.
constexpr std::uint64_t hash_of(LogicalAddress first, unsigned shift) {
    const std::uint64_t number = first.value >> shift;
    return number ^ number >> 15 ^ number >> 30;
}

}  // namespace remap::iommu::iotlb_line
