// SPDX-License-Identifier: MIT
#include "callbacks/hosted/driver_events.h"

#include "hw/hosted/machine_lab.h"

namespace remap::hosted {

void DriverEvents::post(const spec::lab::DriverEvent& event) { (void)laboratory_.station().driver_says(event); }

}  // namespace remap::hosted
