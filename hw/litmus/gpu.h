// SPDX-License-Identifier: MIT
// The GPU of a litmus machine: told of an access by a doorbell, and waited for by a fence in memory, without a look at
// its registers.
#pragma once

#include "base/address.h"
#include "hw/driver/device.h"
#include "hw/driver/ring.h"
#include "hw/litmus/machine.h"
#include "hw/spec/gpu_packets.h"

#include <cstdint>
#include <span>

namespace remap::litmus {

class Gpu {
public:
    explicit Gpu(gpu_driver::GpuRegisters& registers) : device_(registers), ring_(device_) {}

    // The ring and a word for fences, in memory that the GPU snoops. False: the GPU does not start.
    bool start(const gpu_driver::RingMemory& ring, volatile std::uint64_t* fence, LogicalAddress fence_at);

    // The packet of an access, to or from memory at `at`. What is read comes to the beginning of VRAM.
    static gpu::spec::Packet packet_of(const Dma& dma, LogicalAddress at);

    // Packets and a fence behind them, and the doorbell. False: there is no room, or the ring was not started.
    bool tell(std::span<const gpu::spec::Packet> packets);

    // Waits for the fence, in memory only. False: it does not come, the GPU has halted for example.
    bool wait(std::uint64_t polls = 2'000'000'000);

private:
    gpu_driver::Device device_;
    gpu_driver::Ring ring_;
    volatile std::uint64_t* fence_ = nullptr;
    LogicalAddress fence_at_;
    std::uint64_t told_ = 0;  // the last fence value
};

}  // namespace remap::litmus
