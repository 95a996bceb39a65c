// SPDX-License-Identifier: MIT
#include "iommu/engine/context_cache.h"

namespace remap::iommu {

std::optional<Context> ContextCache::find(SourceId source) const {
    for (const Line& line : lines_[set_of(source)]) {
        if (line.valid && line.source.value == source.value) return line.context;
    }
    return std::nullopt;
}

void ContextCache::insert(SourceId source, const Context& context) {
    const unsigned set = set_of(source);
    Line* victim = &lines_[set][next_[set]];
    for (Line& line : lines_[set]) {
        if (!line.valid) victim = &line;
    }
    if (victim == &lines_[set][next_[set]]) next_[set] = static_cast<std::uint8_t>((next_[set] + 1) % ways);
    *victim = {true, source, context};
}

void ContextCache::clear() {
    for (auto& set : lines_) {
        for (Line& line : set) line.valid = false;
    }
}

void ContextCache::invalidate(vtd::ContextGranularity granularity, std::uint16_t domain, SourceId source,
                              std::uint16_t ignored_bits) {
    if (granularity == vtd::ContextGranularity::Global) return clear();
    for (auto& set : lines_) {
        for (Line& line : set) {
            const bool device_matches = ((line.source.value ^ source.value) & ~ignored_bits) == 0;
            if (line.context.domain != domain) continue;
            if (granularity == vtd::ContextGranularity::Domain || device_matches) line.valid = false;
        }
    }
}

}  // namespace remap::iommu
