// SPDX-License-Identifier: MIT
// Reads the ring ahead: several packets in one access. What they name is announced to the machine, whose memory is far
// away from the processor that has to wait for it; pages that were announced lately are close still.
#pragma once

#include "hw/gpu/fault.h"
#include "hw/gpu/memory.h"
#include "hw/gpu/register_file.h"
#include "hw/spec/gpu_packets.h"

#include <array>
#include <cstdint>

namespace remap::gpu {

class Fetcher {
public:
    static constexpr unsigned most_ahead = 8;  // packets of one read

    explicit Fetcher(Memory& memory) : memory_(memory) {}

    // The packet of an order. The fault names the order's entry.
    Fault fetch(const Order& order, spec::Packet& packet);

    // What was read ahead is read again.
    void forget() { next_ = end_ = 0; }

private:
    bool has(const Order& order) const {
        return next_ < end_ && order.generation == generation_ && order.entry == first_ + next_;
    }
    Fault read(const Order& order);
    void announce();
    bool is_new(std::uint64_t address);

    Memory& memory_;
    std::array<spec::Packet, most_ahead> packets_;
    std::uint64_t generation_ = 0;  // of the orders they are for
    std::uint32_t first_ = 0;       // ring entry of the first
    unsigned next_ = 0;             // in the array
    unsigned end_ = 0;
    std::array<std::uint64_t, 1024> told_{};  // pages that were announced, each at its place
};

}  // namespace remap::gpu
