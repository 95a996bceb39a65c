// SPDX-License-Identifier: MIT
#pragma once

namespace remap::iommu {

// Where the tail of the invalidation queue may be: so many places, so many bytes apart. None while the queue is off.
struct QueuePlaces {
    unsigned count = 0;
    unsigned bytes = 0;
};

}  // namespace remap::iommu
