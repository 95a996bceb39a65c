// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/address_region.h"

namespace remap::guest {

bool AddressRegion::start(const VirtualRegion& region) {
    first_ = region.first.page().number;
    next_ = first_;
    return pool_.give({first_, region.bytes >> page_shift});
}

std::optional<CpuVirtualPage> AddressRegion::take(std::uint64_t pages, std::uint64_t alignment, std::uint64_t phase) {
    const std::uint64_t count = pages + 1;
    for (const std::uint64_t lowest : {next_, first_}) {
        const auto found = pool_.take({.count = phase + count, .lowest = lowest, .alignment = alignment});
        if (!found) continue;
        if (phase != 0) pool_.give({*found, phase});
        next_ = *found + phase + count;
        return CpuVirtualPage{*found + phase};
    }
    return std::nullopt;
}

}  // namespace remap::guest
