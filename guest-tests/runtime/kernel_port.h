// SPDX-License-Identifier: MIT
// The machine as the kernel services that drivers call see it (callbacks/kernel). The IRQL is the processor's own: CR8.
#pragma once

#include "callbacks/kernel/kernel.h"

namespace remap::guest {

// Starts the kernel services, once; they run as long as the machine. False when there is no memory. A bugcheck is
// counted by reports() and ends the case, which has failed.
bool start_kernel();

}  // namespace remap::guest
