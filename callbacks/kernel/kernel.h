// SPDX-License-Identifier: MIT
// The kernel services that a driver calls (callbacks/ddk/wdm.h), over one port. A driver's calls carry no context, so
// there is one kernel a process: whoever has started it may load drivers. The services themselves may be called by
// several threads; start, stop, set_dxgkrnl and unload may not.
//
// The kernel verifies as Driver Verifier does: a misuse is a bugcheck with the documented code; the port decides what
// that means. Rules, codes and parameters stand at each service in callbacks/ddk/wdm/, after the WDK pages of the
// services and of bugchecks 0xC2 and 0xC4.
#pragma once

#include "callbacks/ddk/dispmprt.h"
#include "callbacks/kernel/ports.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace remap::kernel {

// Parameter 1 of bugcheck 0xC4 for what no page has a number for.
enum class OwnCheck : std::uint64_t {
    AssertionFailed = 0x5245'0001,  // NT_ASSERT of the driver
};

// Starts the kernel. False when one runs already, or when there is no memory. The port outlives it.
bool start(KernelPort& port);

// Ends it; memory that is left is given back, without a word. Nothing when none runs.
void stop();

bool running();

// Ends a driver's stay: what it has not given back (pool, MDLs, contiguous memory, mappings) is listed on the console,
// reported with bugcheck 0xC4, 0x62 and taken back. Returns how many there were. `name` is for messages.
std::uint64_t unload(const char* name);

// ---- what a driver's image imports

struct Export {
    const char* name;
    const void* address;
};

// The exports of a module (compared without regard to case: "ntoskrnl.exe", "hal.dll"), sorted by name; empty for a
// module that this kernel does not have.
std::span<const Export> exports(std::string_view module);

// The address of one; null when the module has none of this name.
const void* find_export(std::string_view module, std::string_view name);

// ---- the graphics kernel

// Registers a display driver: what DxgkInitialize calls, and what the WDK's display library gets as the answer to its
// request.
using RegisterDriver = NTSTATUS(NTAPI*)(PDRIVER_OBJECT, PUNICODE_STRING, PDRIVER_INITIALIZATION_DATA);

// Null takes it away.
void set_dxgkrnl(RegisterDriver function);

// How many bytes of DRIVER_INITIALIZATION_DATA a version has; 0 for one that is not known.
std::size_t initialization_data_size(ULONG version);

}  // namespace remap::kernel
