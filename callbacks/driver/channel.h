// SPDX-License-Identifier: MIT
// A GPU's command ring and fence in memory that came through the callbacks.
#pragma once

#include "callbacks/driver/allocation.h"
#include "hw/driver/device.h"
#include "hw/driver/ring.h"
#include "hw/spec/gpu_packets.h"

#include <cstdint>

namespace remap::driver {

class Channel {
public:
    // `polls` bounds every wait.
    explicit Channel(gpu_driver::Device& device, std::uint64_t polls = 1'000'000)
        : device_(device), ring_(device, polls), polls_(polls) {}
    ~Channel() { stop(); }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    struct StartError {
        NTSTATUS status = STATUS_SUCCESS;                   // of the callbacks
        gpu_driver::Error error = gpu_driver::Error::None;  // of the device
        bool ok() const { return NT_SUCCESS(status) && error == gpu_driver::Error::None; }
    };
    StartError start(const DXGKRNL_INTERFACE& callbacks);
    void stop();

    // Puts a packet into the ring; finish tells the GPU, and waits until it has done everything so far.
    gpu_driver::Error submit(const gpu::spec::Packet& packet);
    gpu_driver::Error finish(bool interrupt = false);

    // The two together.
    gpu_driver::Error run(const gpu::spec::Packet& packet);

    // After Halted: forgets the fault, and goes on behind the packet that made it. What was submitted is then done.
    gpu_driver::Error recover();

    gpu_driver::Ring& ring() { return ring_; }
    const Allocation& memory() const { return memory_; }

private:
    static constexpr std::size_t entries = 64;

    volatile std::uint64_t* fence_word() const;

    gpu_driver::Device& device_;
    gpu_driver::Ring ring_;
    std::uint64_t polls_;
    Allocation memory_;  // a page of ring, a page with the fence
    std::uint64_t fences_ = 0;
    bool started_ = false;
};

}  // namespace remap::driver
