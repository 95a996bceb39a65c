// SPDX-License-Identifier: MIT
// The fields of an event by name: what iommu/lab/event.h says about each kind, for a viewer.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/perfetto_packets.h"

#include <vector>

namespace remap::tools {

// Appends those that the kind gives a meaning, and the flags that are set.
void add_arguments(std::vector<Argument>& arguments, const lab::Event& event);

}  // namespace remap::tools
