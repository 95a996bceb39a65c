// SPDX-License-Identifier: MIT
// How often rules were met, have acted, and what came of it, where others look at it: a table that may lie in shared
// memory. It is only ever written from here, so nothing that somebody else writes there is believed.
#pragma once

#include <atomic>
#include <cstdint>

namespace remap::lab {

// By the rule's place among the rules there are. They are not read at the same moment: those below may be newer.
struct RuleCounter {
    std::atomic<std::uint64_t> matched{0};
    std::atomic<std::uint64_t> acted{0};
    std::atomic<std::uint64_t> injected{0};
};
static_assert(sizeof(RuleCounter) == 24 && std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace remap::lab
