// SPDX-License-Identifier: MIT
// Which kinds of request a translation serves. A second stage makes no difference between user and supervisor. There
// are no requests to execute: ECAP.ERS is 0, as from revision 4.1 on.
//
// Whether a first stage gives the page to users at all is kept apart from what they may do there: requests that are
// refused for the one and for the other have reasons of their own, also when the answer comes from a cache.
// Likewise, whether the PASID table entry lets requests for supervisors through at all (SRE).
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

inline constexpr Permits user_read{1}, user_write{2}, supervisor_read{4}, supervisor_write{8}, for_users{16},
    for_supervisors{32};

// The one that a request needs.
constexpr Permits needed_by(Access access, bool privileged) {
    if (access == Access::Write) return privileged ? supervisor_write : user_write;
    return privileged ? supervisor_read : user_read;
}

}  // namespace remap::iommu
