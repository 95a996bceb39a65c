// SPDX-License-Identifier: MIT
// Addresses of one region, handed out upwards, round and round: a stale one faults for as long as possible.
#pragma once

#include "base/extents.h"
#include "guest-tests/runtime/address_space.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

class AddressRegion {
public:
    // False when there is no memory.
    bool start(const VirtualRegion& region);

    // Room for `pages` pages that begin `phase` pages after a multiple of `alignment` pages (a power of two above it),
    // and a guard page behind them.
    std::optional<CpuVirtualPage> take(std::uint64_t pages, std::uint64_t alignment, std::uint64_t phase);
    bool give(CpuVirtualPage first, std::uint64_t pages) { return pool_.give({first.number, pages + 1}); }

private:
    ExtentPool pool_;
    std::uint64_t first_ = 0;
    std::uint64_t next_ = 0;
};

}  // namespace remap::guest
