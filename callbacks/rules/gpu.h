// SPDX-License-Identifier: MIT
// The GPU of an adapter at work: accesses at any address, through a ring that its driver got from the callbacks.
#pragma once

#include "callbacks/driver/channel.h"
#include "hw/driver/device.h"

#include <cstdint>
#include <optional>

namespace remap::rules {

class Gpu {
public:
    // Ends the case when its driver cannot start it.
    Gpu(gpu_driver::GpuRegisters& registers, volatile std::uint8_t* vram, const DXGKRNL_INTERFACE& callbacks);
    ~Gpu() { stop(); }
    Gpu(const Gpu&) = delete;
    Gpu& operator=(const Gpu&) = delete;

    // False when the bus refused it.
    bool write(LogicalAddress to, std::uint8_t value, std::uint64_t bytes = 1);

    // Nothing when the bus refused it.
    std::optional<std::uint8_t> read(LogicalAddress from);

    // Gives it work for a long time on this range, and returns when it has begun.
    void keep_busy(LogicalAddress on, std::uint64_t bytes);

    // Gives its memory back.
    void stop();

private:
    bool run(const gpu::spec::Packet& packet);

    gpu_driver::Device device_;
    volatile std::uint8_t* const vram_;
    driver::Channel channel_;
};

}  // namespace remap::rules
