// SPDX-License-Identifier: MIT
// Context entries the unit has read, kept until software invalidates them (VT-d section 6.2.3). Only entries that
// passed every check are cached, as CAP.CM = 0 promises.
#pragma once

#include "iommu/engine/iommu.h"
#include "iommu/spec/registers.h"

#include <array>
#include <cstdint>
#include <optional>

namespace remap::iommu {

// A present and valid context entry.
struct Context {
    std::uint16_t domain = 0;
    bool pass_through = false;
    bool quiet = false;            // fault processing disable
    unsigned levels = 0;           // of the second-stage tables
    PhysicalAddress second_stage;  // their root
};

class ContextCache {
public:
    std::optional<Context> find(SourceId source) const;
    void insert(SourceId source, const Context& context);
    void clear();

    // Domain: all sources of the domain. Device: the sources that equal `source` but for the bits in `ignored_bits`,
    // and belong to the domain.
    void invalidate(vtd::ContextGranularity granularity, std::uint16_t domain, SourceId source,
                    std::uint16_t ignored_bits);

private:
    static constexpr unsigned sets = 64;
    static constexpr unsigned ways = 4;

    struct Line {
        bool valid = false;
        SourceId source;
        Context context;
    };

    static unsigned set_of(SourceId source) { return (source.value ^ source.value >> 8) % sets; }

    std::array<std::array<Line, ways>, sets> lines_;
    std::array<std::uint8_t, sets> next_{};  // way to replace
};

}  // namespace remap::iommu
