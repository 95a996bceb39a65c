// SPDX-License-Identifier: MIT
#include "iommu/engine/iotlb.h"

#include <algorithm>

namespace remap::iommu {

const CachedTranslation* Iotlb::find(SourceId source, LogicalAddress address) const {
    for (unsigned size = 0; size < sizes; ++size) {
        if (live_[size] == 0) continue;
        const unsigned shift = shift_of(size);
        const std::uint64_t tag = address.value >> shift;
        const CachedTranslation* line = &lines_[set_of(tag) * ways];
        for (unsigned way = 0; way < ways; ++way, ++line) {
            if (line->tag == tag && line->shift == shift && line->source.value == source.value) return line;
        }
    }
    return nullptr;
}

void Iotlb::insert(const CachedTranslation& translation) {
    const unsigned set = set_of(translation.tag);
    CachedTranslation* const begin = &lines_[set * ways];
    CachedTranslation* victim =
        std::find_if(begin, begin + ways, [](const CachedTranslation& line) { return line.shift == 0; });
    if (victim == begin + ways) {
        victim = begin + next_[set];
        next_[set] = static_cast<std::uint8_t>((next_[set] + 1) % ways);
        drop(*victim);
    }
    *victim = translation;
    ++live_[size_of(translation.shift)];
}

void Iotlb::drop(CachedTranslation& line) {
    --live_[size_of(line.shift)];
    line.shift = 0;
}

void Iotlb::clear() {
    for (CachedTranslation& line : lines_) line.shift = 0;
    live_.fill(0);
}

void Iotlb::invalidate(vtd::IotlbGranularity granularity, std::uint16_t domain, LogicalAddress address,
                       unsigned address_mask) {
    if (granularity == vtd::IotlbGranularity::Global) return clear();
    if (granularity == vtd::IotlbGranularity::Page) return drop_pages(domain, address, address_mask);
    for (CachedTranslation& line : lines_) {
        if (line.shift != 0 && line.domain == domain) drop(line);
    }
}

// Looks into the sets where the pages can be, or through all lines when that is less.
void Iotlb::drop_pages(std::uint16_t domain, LogicalAddress first, unsigned address_mask) {
    const unsigned range_shift = page_shift + address_mask;
    for (unsigned size = 0; size < sizes; ++size) {
        if (live_[size] == 0) continue;
        const unsigned shift = shift_of(size);
        const unsigned ignored = range_shift > shift ? range_shift - shift : 0;  // low bits of the tag
        const std::uint64_t tag = first.value >> shift >> ignored;
        const auto matches = [&](const CachedTranslation& line) {
            return line.shift == shift && line.domain == domain && line.tag >> ignored == tag;
        };
        if ((std::uint64_t{1} << ignored) < sets) {
            for (std::uint64_t i = 0; i < std::uint64_t{1} << ignored; ++i) {
                CachedTranslation* line = &lines_[set_of((tag << ignored) + i) * ways];
                for (unsigned way = 0; way < ways; ++way, ++line) {
                    if (matches(*line)) drop(*line);
                }
            }
        } else {
            for (CachedTranslation& line : lines_) {
                if (matches(line)) drop(line);
            }
        }
    }
}

}  // namespace remap::iommu
