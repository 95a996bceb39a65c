// SPDX-License-Identifier: MIT
// What a driver's DriverEntry registers with DxgkInitialize: its DDIs.
#pragma once

#include "callbacks/miniport/outcome.h"

namespace remap::miniport {

// Copies what the driver's version has, and no byte more; the rest of `copy` is null.
// STATUS_INVALID_PARAMETER: null, or a DDI that every driver must have is missing. STATUS_REVISION_MISMATCH: a version
// that is not known.
Outcome copy_registration(const DRIVER_INITIALIZATION_DATA* given, DRIVER_INITIALIZATION_DATA& copy);

}  // namespace remap::miniport
