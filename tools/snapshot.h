// SPDX-License-Identifier: MIT
// What a machine's trace holds now, with what makes it readable: rules, counters, what devices can reach.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/trace_context.h"
#include "tools/target.h"

#include <optional>
#include <vector>

namespace remap::tools {

struct Snapshot {
    std::vector<lab::Event> events;  // in the order of their times, nanoseconds
    TraceContext context;
};

// Nothing, and said why, if there is no such machine or no trace in it. What needs an answer of the machine is left out
// when it has ended.
std::optional<Snapshot> take_snapshot(const Target& target);

}  // namespace remap::tools
