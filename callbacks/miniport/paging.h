// SPDX-License-Identifier: MIT
// Paging operations that name memory by an address descriptor list: DxgkDdiBuildPagingBuffer with MapApertureSegment2,
// and the unmapping of what it mapped.
#pragma once

#include "callbacks/miniport/adapter.h"

#include <cstdint>

namespace remap::miniport {

struct ApertureMapping {
    UINT segment = 0;
    SIZE_T offset_pages = 0;  // into the aperture
    SIZE_T pages = 0;
    const DXGK_ADL* adl = nullptr;
    ULONG adl_offset = 0;         // pages into the list
    PVOID cpu_visible = nullptr;  // of an allocation with MapApertureCpuVisible
    HANDLE allocation = nullptr;  // the driver's own handle of it
};

struct ApertureRange {
    UINT segment = 0;
    SIZE_T offset_pages = 0;
    SIZE_T pages = 0;
    PhysicalAddress dummy;  // where the range is to lead from now on
    HANDLE allocation = nullptr;
};

// A driver that needs another buffer is called again, from where it stopped. Beside the driver's failures:
// STATUS_NOT_SUPPORTED         the driver's caps are without MapAperture2Supported
// STATUS_INVALID_PARAMETER     no pages, or pages behind the list's end
// STATUS_INVALID_DEVICE_STATE  (ours) not started; or the driver moved pDmaBuffer out of its buffer, asked for another
// one
//                              without having got on, or for more than a thousand
Outcome map_aperture(LogicalAdapter& adapter, unsigned index, const ApertureMapping& mapping);
Outcome unmap_aperture(LogicalAdapter& adapter, unsigned index, const ApertureRange& range);

}  // namespace remap::miniport
