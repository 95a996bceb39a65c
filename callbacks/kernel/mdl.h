// SPDX-License-Identifier: MIT
// What the end of a driver's stay needs to know of MDLs.
#pragma once

#include "callbacks/kernel/state.h"

namespace remap::kernel {

// The tag of MDLs that have pages of their own.
bool has_pages_tag(std::uint32_t tag);

// Gives those pages back, and their mapping; false when they are given back already. The lock is held.
bool free_pages_of(Kernel& state, MDL& mdl);

}  // namespace remap::kernel
