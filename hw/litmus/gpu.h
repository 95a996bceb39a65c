// SPDX-License-Identifier: MIT
// The GPU of a litmus machine: told of an access by its doorbell, and waited for by a fence in memory. The processor
// executes no fence and no locked instruction on the way, as those are what the cases are about; hence a ring of its
// own in place of a driver's. Of the registers none but the doorbell is touched once it works.
#pragma once

#include "base/address.h"
#include "hw/driver/ports.h"
#include "hw/litmus/machine.h"
#include "hw/spec/gpu_packets.h"

#include <cstdint>
#include <span>

namespace remap::litmus {

class Gpu {
public:
    // A page for the ring and a word for fences behind it, in memory that the GPU snoops.
    static constexpr std::uint64_t memory_bytes = 2 * page_size;

    explicit Gpu(gpu_driver::GpuRegisters& registers) : registers_(registers) {}

    // `memory` is what the GPU reaches at `at`, a page. False: it does not start.
    bool start(volatile void* memory, LogicalAddress at);

    // The packet of an access, to or from memory at `at`. What is read comes to the beginning of VRAM.
    static gpu::spec::Packet packet_of(const Dma& dma, LogicalAddress at);

    // Packets and a fence behind them, and the doorbell. After the wait for those before, and fewer than there are
    // entries.
    void tell(std::span<const gpu::spec::Packet> packets);

    // Waits for the fence, in memory only. False: it does not come, as the GPU has halted for example.
    bool wait(std::uint64_t polls);

private:
    static constexpr unsigned log2_entries = 6, entries = 1 << log2_entries;

    void put(const gpu::spec::Packet& packet);

    gpu_driver::GpuRegisters& registers_;
    volatile gpu::spec::Packet* ring_ = nullptr;
    std::uint64_t* fence_ = nullptr;
    LogicalAddress fence_at_;
    std::uint64_t told_ = 0;  // the last fence value
    unsigned tail_ = 0;
};

}  // namespace remap::litmus
