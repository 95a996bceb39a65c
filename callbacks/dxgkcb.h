// SPDX-License-Identifier: MIT
// Binds the callbacks to a DXGKRNL_INTERFACE.
//
// The WDK's callbacks carry no context pointer, and Create and Destroy need not name an adapter, so each bound machine
// gets a set of entry points of its own: several machines live in one process without sharing anything.
#pragma once

#include "callbacks/ddk/dispmprt.h"

namespace remap::callbacks {

class Dxgkrnl;

// Machines that can be bound at the same time in one process.
inline constexpr unsigned binding_slots = 16;

// Fills `interface` for a device of this machine: Size and Version of the declared WDDM version, DeviceHandle, and the
// eight callbacks, the ten older ones and PinFrameBufferForSave2; members this project does not provide are null. The first bind of a machine
// takes a slot, release gives it back (after it no callback of the machine may be called).
//   version: one of DXGKDDI_INTERFACE_VERSION_WDDM2_9, _WDDM3_0, _WDDM3_1, _WDDM3_2.
//   STATUS_INVALID_PARAMETER: null pointer or unknown version. STATUS_INSUFFICIENT_RESOURCES: no slot is free.
// Not thread safe against other bind or release calls.
NTSTATUS bind(Dxgkrnl& machine, HANDLE device, ULONG version, DXGKRNL_INTERFACE* interface);
void release(Dxgkrnl& machine);

}  // namespace remap::callbacks
