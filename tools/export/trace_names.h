// SPDX-License-Identifier: MIT
// The names that follow from the events themselves.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/trace_context.h"

#include <span>

namespace remap::tools {

// Names callbacks and sorts of memory by their numbers, and a device whose engine fetched packets or stopped "GPU",
// since nothing else has such an engine. Of other devices a trace says the source id and no more, and so do we. Names
// that are in the context already stay.
void add_names(TraceContext& context, std::span<const lab::Event> events);

}  // namespace remap::tools
