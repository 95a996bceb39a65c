// SPDX-License-Identifier: MIT
// The machines of this user that tools can attach to.
#pragma once

#include "iommu/lab/layout.h"

#include <cstdint>
#include <string>
#include <vector>

namespace remap::lab {

struct FoundMachine {
    enum class State : std::uint8_t {
        Running,
        Removed,  // its process was gone: what it had left is removed now
        Unusable  // it is there, and `problem` says why nobody can attach
    };
    std::string name;
    State state = State::Running;
    SegmentHeader header;  // of a machine that runs
    std::string problem;
};

// By their names. Removes what dead machines have left; looks only at this user's objects.
std::vector<FoundMachine> find_machines();

}  // namespace remap::lab
