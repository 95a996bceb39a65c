// SPDX-License-Identifier: MIT
// Whose memory a physical address is, as far as the trace tells: objects come, get frames, and go.
#pragma once

#include "iommu/lab/event.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>

namespace remap::tools {

class FrameOwners {
public:
    // Object, Frames and Map events change what is known; others do not.
    void note(const lab::Event& event);

    // The object that these frames were last given to, though it may be gone; 0: nobody has said.
    std::uint64_t owner_of(std::uint64_t physical) const;

    // What the events said about an object.
    std::optional<std::uint32_t> sort_of(std::uint64_t object) const;
    bool is_gone(std::uint64_t object) const { return gone_.contains(object); }

private:
    struct Run {
        std::uint64_t last = 0;
        std::uint64_t object = 0;
    };
    void give(std::uint64_t first, std::uint64_t bytes, std::uint64_t object);

    std::map<std::uint64_t, Run> runs_;  // by their first address; they do not overlap
    std::map<std::uint64_t, std::uint32_t> sorts_;
    std::set<std::uint64_t> gone_;
};

}  // namespace remap::tools
