// SPDX-License-Identifier: MIT
// The members of DXGKRNL_INTERFACE about the device itself. As in callbacks/dxgkcb.h each started adapter has entry
// points of its own.
#pragma once

#include "callbacks/ddk/dispmprt.h"

#include <span>

namespace remap::miniport {

class LogicalAdapter;

// Fills DxgkCbGetDeviceInformation, DxgkCbMapMemory and DxgkCbUnmapMemory. False when adapter_slots adapters have them.
bool bind_services(LogicalAdapter& adapter, std::span<DXGKRNL_INTERFACE> interfaces);

// After it their calls fail with STATUS_INVALID_DEVICE_STATE.
void release_services(const LogicalAdapter& adapter);

}  // namespace remap::miniport
