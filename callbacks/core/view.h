// SPDX-License-Identifier: MIT
// What a view of frames for the CPU is: which frames, with which cache type, for whom.
#pragma once

#include "callbacks/core/frame_list.h"

#include <cstdint>

namespace remap::callbacks {

enum class CacheType : std::uint8_t { Uncached, WriteBack, WriteCombined };
inline constexpr unsigned cache_type_count = 3;
enum class AccessMode : std::uint8_t { Kernel, User };

// "write-combined", for people.
constexpr const char* name_of(CacheType cache) {
    return cache == CacheType::WriteBack ? "cached" : cache == CacheType::WriteCombined ? "write-combined" : "uncached";
}

struct ViewRequest {
    const FrameList& frames;
    std::uint64_t first = 0;  // index of the first frame shown
    std::uint64_t pages = 0;  // how many are mapped side by side, in the list's order
    CacheType cache = CacheType::WriteBack;
    AccessMode mode = AccessMode::Kernel;  // User: in the process that calls
    bool writable = true;
};

}  // namespace remap::callbacks
