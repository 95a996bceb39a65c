// SPDX-License-Identifier: MIT
// What a device can reach, and with which addresses: for people who look into a machine, and for tests.
#pragma once

#include "iommu/engine/domain_floors.h"
#include "iommu/engine/request.h"
#include "iommu/spec/fault_reasons.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace remap::iommu {

struct ReachQuestion {
    SourceId source;
    std::optional<Pasid> pasid = {};  // untranslated requests with it, without privilege; else those without PASID
    LogicalAddress first = {};        // addresses that are asked about, the last one inside
    LogicalAddress last = {std::numeric_limits<std::uint64_t>::max()};

    // A guest's tables may be as large, and as strange, as it likes.
    std::uint64_t most_entries = 1 << 20;  // of tables, that are looked at
    std::size_t most_runs = 4096;          // that are given
};

// Addresses side by side that lead to memory side by side, with the same rights and by leaves of the same size.
struct ReachedRun {
    LogicalAddress logical;
    std::uint64_t bytes = 0;
    PhysicalAddress physical;
    bool readable = false;
    bool writable = false;
    bool snooped = false;
    unsigned leaf_shift = 0;  // of nested leaves the smaller one

    friend bool operator==(const ReachedRun&, const ReachedRun&) = default;
};

struct Reach {
    enum class How : std::uint8_t {
        Refused,        // every request is, for `reason`; no runs
        NotTranslated,  // translation is off: every address is a physical one; no runs
        PassThrough,    // addresses are physical ones, of the host's width, but for the interrupt range; no runs
        Tables,         // the runs
    };

    How how = How::Refused;
    vtd::FaultReason reason = vtd::FaultReason::None;
    TranslationKind kind = TranslationKind::SecondStage;  // of Tables; as the next one, of PassThrough too
    std::uint16_t domain = 0;

    std::vector<ReachedRun> runs;  // in the order of their logical addresses
    std::uint64_t entries = 0;     // that were looked at

    // A limit was met: what lies from here on was not looked at. Another question may begin here.
    std::optional<LogicalAddress> cut_off_at = {};
};

}  // namespace remap::iommu
