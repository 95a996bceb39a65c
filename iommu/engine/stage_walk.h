// SPDX-License-Identifier: MIT
// Translation tables as the unit walks them: a second stage, a first stage, and one nested in the other (VT-d sections
// 3.6 to 3.8), from the lowest table that the paging-structure cache knows, setting accessed and dirty bits (3.6.2,
// 3.7.2).
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/device_tables.h"
#include "iommu/engine/permits.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/table_cache.h"
#include "iommu/paging/walker.h"
#include "iommu/spec/fault.h"

#include <cstdint>

namespace remap::iommu {

// Where a walk ended: at a leaf, or at the entry for which the access is refused.
struct StageResult {
    vtd::FaultReason reason = vtd::FaultReason::None;
    bool refused_to_all = false;  // with a reason: not this kind of access alone, but every one is refused
    PhysicalAddress leaf;         // first byte of the leaf's memory; only without a reason, as the next four
    unsigned shift = 0;
    Permits permits;
    bool dirty = false;  // writes need no further update of the tables
    bool snooped = false;
    PhysicalAddress entry_at;  // the entry that decided, and what it holds
    std::uint64_t entry = 0;

    bool found() const { return reason == vtd::FaultReason::None; }
};

// The reason for an access whose right no entry gives.
vtd::FaultReason lack_of(Access access, bool scalable);

class StageWalk {
public:
    StageWalk(const Configuration& configuration, MemoryPort& memory, TableCache& tables)
        : configuration_(configuration), memory_(memory), tables_(tables) {}

    // Through whatever stages the route has; it is not a pass-through. Checks the width of addresses on the way.
    StageResult walk(const Route& route, std::uint64_t address, Access access, const Manner& manner);

private:
    // What an address of the second stage stands for: what the device asked for, or an entry of a nested first stage.
    using Target = TableStep::Purpose;
    StageResult second_stage(const Route& route, std::uint64_t address, Access access, Target target,
                             const Manner& manner);
    StageResult first_stage(const Route& route, std::uint64_t address, Access access, const Manner& manner);

    template <typename Format>
    paging::WalkRequest<Format> start(const TableOwner& owner, std::uint64_t address, PhysicalAddress root,
                                      unsigned levels, const Manner& manner) const;
    template <typename Format>
    void remember(const TableOwner& owner, std::uint64_t address, const paging::Walk& walk, unsigned levels,
                  const Manner& manner);

    const Configuration& configuration_;
    MemoryPort& memory_;
    TableCache& tables_;
};

}  // namespace remap::iommu
