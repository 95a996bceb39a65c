// SPDX-License-Identifier: MIT
// The CPU's data caches.
#pragma once

#include <cstdint>

namespace remap::guest {

// Writes back and drops every line of the range, and returns when that is done. Large ranges empty the whole cache.
void flush_cache_lines(const volatile void* first, std::uint64_t bytes);

}  // namespace remap::guest
