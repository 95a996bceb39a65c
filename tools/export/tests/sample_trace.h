// SPDX-License-Identifier: MIT
// Made-up traces for the tests of exports: what a machine with a GPU and a disk could have written.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/trace_context.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace remap::tools::sample {

inline constexpr std::uint16_t gpu = 0x10;   // 00:02.0
inline constexpr std::uint16_t disk = 0x18;  // 00:03.0

struct Trace {
    std::vector<lab::Event> events;
    TraceContext context;
};

// A few milliseconds: objects are made and mapped, used, invalidated and destroyed; rules act, faults follow.
Trace small();

// Like it, over and over, with so many events.
Trace large(std::size_t events);

Trace empty();

// 100 microseconds in which a GPU's memory is mapped, used, unmapped in parts and across mappings, used all the same,
// and mapped anew. Objects 1 to 4.
Trace unmaps();

// So many events that map, use and unmap ranges of any size, one over the other, up to the last address.
Trace overlaps(std::size_t events);

// Every name tries to be markup, script, an end of the data; and events hold what no machine writes.
Trace hostile();

// By its name; small() if there is none.
Trace named(std::string_view name);

}  // namespace remap::tools::sample
