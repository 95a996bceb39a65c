// SPDX-License-Identifier: MIT
// How the driver's side answers, and names for reports.
#pragma once

#include "hw/spec/gpu_registers.h"

#include <cstdint>

namespace remap::gpu_driver {

enum class Error : std::uint8_t {
    None,
    NoDevice,    // the registers are not those of this part, or of another major version
    BadRing,     // the ring's memory has a size or alignment that the part does not take
    NotStarted,  // no ring was started
    RingFull,    // no entry became free within the bound
    Timeout,     // what was waited for did not happen within the bound
    Halted,      // the engine stopped at a fault; see Device::read_fault
    Refused,     // the part did not take the setting
};

const char* name_of(Error error);
const char* name_of(gpu::spec::FaultCause cause);
const char* name_of_opcode(std::uint16_t opcode);

}  // namespace remap::gpu_driver
