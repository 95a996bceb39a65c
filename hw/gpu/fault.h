// SPDX-License-Identifier: MIT
// Why a packet could not be executed, as it goes into the fault report.
#pragma once

#include "hw/spec/gpu_registers.h"

#include <cstdint>

namespace remap::gpu {

struct Fault {
    spec::FaultCause cause = spec::FaultCause::None;
    std::uint64_t address = 0;  // what it is depends on the cause, see spec::FaultCause
    bool waits = false;         // no fault yet: the packet has to wait for a page, and is tried again from there

    explicit operator bool() const { return cause != spec::FaultCause::None || waits; }
};

}  // namespace remap::gpu
