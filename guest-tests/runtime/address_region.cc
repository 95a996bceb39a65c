// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/address_region.h"

namespace remap::guest {

namespace {

constexpr std::uint64_t pages_per_large_leaf = 512;

}  // namespace

bool AddressRegion::start(const VirtualRegion& region) {
    first_ = region.first.page().number;
    next_ = first_;
    return pool_.give({first_, region.bytes >> page_shift});
}

std::optional<CpuVirtualPage> AddressRegion::take(std::uint64_t pages, std::uint64_t phase) {
    const std::uint64_t count = pages + 1;
    for (const std::uint64_t lowest : {next_, first_}) {
        ExtentPool::Request request{.count = phase + count, .lowest = lowest, .alignment = pages_per_large_leaf};
        if (pages < pages_per_large_leaf) request.count = count, request.alignment = 1, phase = 0;
        const auto found = pool_.take(request);
        if (!found) continue;
        if (phase != 0) pool_.give({*found, phase});
        next_ = *found + phase + count;
        return CpuVirtualPage{*found + phase};
    }
    return std::nullopt;
}

}  // namespace remap::guest
