// SPDX-License-Identifier: MIT
// A trace as a file for Perfetto's viewer (https://ui.perfetto.dev).
//
// A process for each device, one for the unit, one for the driver and its callbacks, one for the laboratory; below each
// a track for each group of events and counters of DMA and faults. What has a beginning and an end in the trace is a
// slice: a batch of invalidations up to its wait, a question to a device up to its answer, a callback. Everything else
// is an instant, because the trace does not say how long it took. An arrow leads from an injection to what it changed,
// and what was lost stands at the beginning.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/trace_context.h"

#include <ostream>
#include <span>

namespace remap::tools {

// Events in the order of their times, which are nanoseconds. Writes as it goes: memory does not grow with the number of
// events, but for the injections among them. The state of the stream says whether all could be written.
void write_perfetto(std::ostream& out, std::span<const lab::Event> events, const TraceContext& context);

}  // namespace remap::tools
