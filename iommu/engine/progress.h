// SPDX-License-Identifier: MIT
// How far a piece of the unit's own work got.
#pragma once

#include <cstdint>

namespace remap::iommu {

enum class Progress : std::uint8_t {
    Idle,       // nothing is left to do
    More,       // there is more
    MustDrain,  // accesses that have begun must end before there can be more
};

}  // namespace remap::iommu
