// SPDX-License-Identifier: MIT
// The GPU's copy engine with a ring full of copies: what one pass takes, from the doorbell to the last fence.
#pragma once

#include "guest-tests/bench/working_set.h"
#include "guest-tests/runtime/gpu.h"
#include "hw/driver/ring.h"
#include "hw/spec/gpu_packets.h"

#include <cstdint>
#include <span>

namespace remap::bench {

class Copier {
public:
    static constexpr std::uint64_t most_copies = 65'534;  // a ring holds one packet less than entries, one is the fence

    Copier(const guest::pci::Function& function, WorkingSet& set);
    Copier(const Copier&) = delete;
    Copier& operator=(const Copier&) = delete;

    // Begins a new list of copies.
    void clear() { copies_ = 0; }
    void add(const gpu::spec::Packet& packet);  // panics when there is no room

    // Makes all copies of the list, and leaves it. The CPU sleeps meanwhile. Nanoseconds; panics when the GPU refuses.
    std::uint64_t run();

private:
    void wait_for_fence(std::uint64_t interrupts_before);

    guest::GpuMmio registers_;
    gpu_driver::Device device_;
    gpu_driver::Ring ring_;
    gpu_driver::RingMemory memory_;
    std::uint64_t copies_ = 0;
    std::uint64_t fences_ = 0;
};

}  // namespace remap::bench
