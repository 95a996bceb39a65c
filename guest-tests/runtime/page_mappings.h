// SPDX-License-Identifier: MIT
// Who maps a physical page, as the host sees it: the question goes over the serial port, run_guest.py asks QEMU.
#pragma once

#include "base/address.h"

#include <cstddef>

namespace remap::guest {

// The answer as text, "ADDRESS:TYPE" of each mapping ("0xffff800000001000:WC"), by ascending addresses and with a space
// between two, cut off where there is no more room. False when none comes.
bool ask_for_mappings(PhysicalAddress page, char* text, std::size_t room);

}  // namespace remap::guest
