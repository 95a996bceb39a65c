// SPDX-License-Identifier: MIT
// What a driver's side says, as an event of the trace, if it may say so.
#pragma once

#include "hw/spec/lab_registers.h"
#include "iommu/lab/event.h"

#include <optional>

namespace remap::lab {

// Nothing for a kind that is not a driver's to claim, or flags that such an event does not have.
std::optional<Event> event_of(const spec::lab::DriverEvent& said);

}  // namespace remap::lab
