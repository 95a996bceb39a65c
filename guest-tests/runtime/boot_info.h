// SPDX-License-Identifier: MIT
// What the PVH loader tells the kernel, copied out of memory that the runtime gives up later.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <span>

namespace remap::guest {

struct MemoryRange {
    PhysicalAddress first;
    std::uint64_t bytes = 0;
    bool usable = false;  // RAM that nobody has reserved
};

// Reads the loader's structures; called once, while the boot tables still map low memory. Panics when they are not what
// the ABI promises.
void read_boot_info(PhysicalAddress start_info);

std::span<const MemoryRange> memory_map();

// The file that QEMU was given by -initrd, in memory that belongs to nobody else; no bytes: none.
struct BootModule {
    PhysicalAddress first;
    std::uint64_t bytes = 0;
};
BootModule boot_module();
const char* command_line();
PhysicalAddress rsdp_address();  // 0: the loader names none

// The value of `name=value` on the kernel's command line, "" for a bare `name`, null without it. A value ends at a
// space.
const char* option(const char* name);

// The same as a number (decimal, or hexadecimal after 0x), `otherwise` without the option. Panics on anything else.
std::uint64_t number_option(const char* name, std::uint64_t otherwise);

}  // namespace remap::guest
