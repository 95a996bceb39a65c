// SPDX-License-Identifier: MIT
// Which kinds of request a translation serves. A second stage makes no difference between user and supervisor.
#pragma once

#include "iommu/engine/request.h"

#include <cstdint>

namespace remap::iommu {

struct Permits {
    std::uint8_t bits = 0;

    constexpr bool allows(Permits wanted) const { return (bits & wanted.bits) == wanted.bits; }
    constexpr Permits operator&(Permits other) const { return {static_cast<std::uint8_t>(bits & other.bits)}; }
    constexpr Permits operator|(Permits other) const { return {static_cast<std::uint8_t>(bits | other.bits)}; }
    friend constexpr bool operator==(Permits, Permits) = default;
};

inline constexpr Permits user_read{1}, user_write{2}, user_execute{4};
inline constexpr Permits supervisor_read{8}, supervisor_write{16}, supervisor_execute{32};
inline constexpr Permits all_permits{63};

// The one that a request needs.
constexpr Permits needed_by(const Request& request) {
    const unsigned kind = request.access == Access::Write ? 1 : request.execute ? 2 : 0;
    return {static_cast<std::uint8_t>(1u << (kind + (request.privileged ? 3 : 0)))};
}

}  // namespace remap::iommu
