// SPDX-License-Identifier: MIT
// The port side of the display miniport interface (WDK header dispmprt.h): the device, the graphics kernel's functions,
// and the registration of a driver's own.
#ifndef REMAP_DDK_DISPMPRT_H
#define REMAP_DDK_DISPMPRT_H

#include "d3dkmddi.h"
#include "dispmprt/device.h"
#include "dispmprt/initialization.h"
#include "dispmprt/interface.h"

#endif
