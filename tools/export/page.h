// SPDX-License-Identifier: MIT
// A trace as one HTML file to look at: a timeline, the address space of each device, tables of rules and faults. It
// needs nothing but a browser: no network, no other file, no server.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/trace_context.h"

#include <cstddef>
#include <ostream>
#include <span>

namespace remap::tools {

// What keeps the file small enough to open. The page says what it leaves out.
struct PageLimits {
    std::size_t common = 30'000;   // if there are more events of no special interest, they are counted in bins
    std::size_t notable = 20'000;  // of injections, and again of all else that is not common; the rest is counted
    std::size_t bins = 4096;       // over the whole time, for each lane
    std::size_t lanes = 128;       // devices times groups; the rest shares one
    std::size_t spaces = 32;       // address spaces
    std::size_t ranges = 256;      // in each of them; more are joined where the gaps are smallest
    std::size_t past = 256;        // in each of them, of those that are no longer there; those before are joined
};

// Events in the order of their times, which are nanoseconds. The state of the stream says whether all could be written.
void write_page(std::ostream& out, std::span<const lab::Event> events, const TraceContext& context,
                const PageLimits& limits = {});

}  // namespace remap::tools
