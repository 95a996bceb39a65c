// SPDX-License-Identifier: MIT
// The driver's end of a command ring. Freestanding; one thread at a time.
#pragma once

#include "base/address.h"
#include "hw/driver/device.h"
#include "hw/spec/gpu_packets.h"

#include <cstdint>
#include <span>

namespace remap::gpu_driver {

// Memory that the CPU and the GPU share. The number of entries is a power of two, the logical address a multiple of 64.
struct RingMemory {
    std::span<gpu::spec::Packet> entries;
    LogicalAddress base;  // of entries[0], as the GPU reaches it
};

class Ring {
public:
    // `polls` bounds every wait for a free entry and for the engine's rest.
    explicit Ring(Device& device, std::uint64_t polls = 1'000'000) : device_(device), polls_(polls) {}

    // Stops what the engine was doing and starts it with this empty ring. The memory is used until `stop`.
    Error start(const RingMemory& memory);

    // On success the engine touches neither the ring nor what its packets name any more. Timeout: it did not come to
    // rest within the bound.
    Error stop();

    // Puts a packet into the ring, waiting for room if needed. The GPU learns of it by `ring_doorbell`; a wait for room
    // rings it too.
    Error submit(const gpu::spec::Packet& packet);
    void ring_doorbell();

    // Waits until the register of the last completed fence reaches `value`; values are handed out in ascending order.
    // Halted as soon as the engine has stopped without reaching it.
    Error wait_fence(std::uint64_t value, std::uint64_t polls);

    // The same for a fence in memory, read by the CPU where the GPU writes it.
    Error wait_fence_in_memory(const volatile std::uint64_t* fence, std::uint64_t value, std::uint64_t polls);

    std::uint32_t entries() const { return static_cast<std::uint32_t>(memory_.entries.size()); }
    std::uint32_t tail() const { return tail_; }

private:
    void forget();
    bool full();
    Error wait_for_room();

    template <typename Reached>
    Error wait_until(Reached reached, std::uint64_t polls);

    Device& device_;
    std::uint64_t polls_;
    RingMemory memory_;
    std::uint32_t tail_ = 0;
    std::uint32_t known_head_ = 0;  // the part's head when it was last looked at
};

}  // namespace remap::gpu_driver
