// SPDX-License-Identifier: MIT
// What the driver's side of the GPU needs from the machine it runs on.
#pragma once

#include <cstdint>

namespace remap::gpu_driver {

// The GPU's register window (BAR 0). Offsets are bytes. A 64-bit access is one access where the machine can, else the
// low half first.
class GpuRegisters {
public:
    virtual std::uint32_t read32(std::uint64_t offset) = 0;
    virtual std::uint64_t read64(std::uint64_t offset) = 0;
    virtual void write32(std::uint64_t offset, std::uint32_t value) = 0;
    virtual void write64(std::uint64_t offset, std::uint64_t value) = 0;

    // Called between two polls of a wait: a pause of the CPU in the guest, a sleep or a turn of the engine in a
    // process.
    virtual void pause() = 0;

protected:
    ~GpuRegisters() = default;
};

}  // namespace remap::gpu_driver
