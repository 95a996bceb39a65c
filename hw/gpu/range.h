// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace remap::gpu {

// Whether `bytes` (at least 1) from `first` end at `last` or before. Nothing wraps.
constexpr bool in_range(std::uint64_t first, std::uint64_t bytes, std::uint64_t last) {
    return first <= last && bytes - 1 <= last - first;
}

}  // namespace remap::gpu
