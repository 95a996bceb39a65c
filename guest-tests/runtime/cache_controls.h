// SPDX-License-Identifier: MIT
// What this processor has decided about memory types: CR0, the PAT, and the MTRRs as firmware has set them.
#pragma once

#include "guest-tests/runtime/address_space.h"
#include "iommu/paging/mtrr.h"

namespace remap::guest {

// As the registers are now.
paging::CacheControls read_cache_controls();

// The type of an access through a leaf, page and range taken together.
inline MemoryType effective_type(const paging::CacheControls& controls, const Leaf& leaf) {
    return controls.effective(leaf.address, pat_index_of(leaf));
}

}  // namespace remap::guest
