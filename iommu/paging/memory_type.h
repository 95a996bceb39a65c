// SPDX-License-Identifier: MIT
// Memory types of the x86 architecture (Intel SDM volume 3, chapter "Memory Cache Control"): as PAT and MTRRs encode
// them.
#pragma once

#include <cstdint>

namespace remap::paging {

enum class MemoryType : std::uint8_t {
    Uncacheable = 0,
    WriteCombining = 1,
    WriteThrough = 4,
    WriteProtected = 5,
    WriteBack = 6,
    UncachedMinus = 7,  // PAT only: uncacheable, unless an MTRR says write-combining
};

}  // namespace remap::paging
