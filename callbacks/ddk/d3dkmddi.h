// SPDX-License-Identifier: MIT
// The memory side of the display miniport interface, for C11 and C++: callbacks that the graphics kernel provides and
// DDIs that a driver implements, with their structures, enumerations, flags and capabilities. Names and layouts are
// those of d3dkmddi.h of the Windows Driver Kit. The parts:
//
//   types.h            memory and cache types, address descriptor lists
//   physical_memory.h  the eight callbacks of physical memory objects (WDDM 2.9)
//   escape.h           private requests of the user-mode driver
//   isolation.h        the older callbacks of IOMMU isolation (WDDM 2.4)
//   caps.h             what a driver says it can do
//   adapter.h          queries of an adapter, exclusive access
//   paging.h           paging buffers
#ifndef REMAP_DDK_D3DKMDDI_H
#define REMAP_DDK_D3DKMDDI_H

#include "d3dkmddi/adapter.h"
#include "d3dkmddi/caps.h"
#include "d3dkmddi/escape.h"
#include "d3dkmddi/isolation.h"
#include "d3dkmddi/paging.h"
#include "d3dkmddi/physical_memory.h"
#include "d3dkmddi/types.h"
#include "d3dkmdt.h"
#include "wdm.h"

#endif
