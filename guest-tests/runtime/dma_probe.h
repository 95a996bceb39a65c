// SPDX-License-Identifier: MIT
// The GPU as a probe of what is between it and memory: single reads and writes at any address.
#pragma once

#include "base/address.h"
#include "guest-tests/runtime/gpu.h"
#include "hw/driver/ring.h"

#include <cstdint>

namespace remap::guest {

class DmaProbe {
public:
    // What a read returns that was refused.
    static constexpr std::uint64_t refused = ~std::uint64_t{0};

    // Takes the machine's first GPU; ends the case when there is none.
    DmaProbe();
    ~DmaProbe();
    DmaProbe(const DmaProbe&) = delete;
    DmaProbe& operator=(const DmaProbe&) = delete;

    std::uint16_t source() const { return function_.source(); }

    // The GPU fetches its commands from this page, and has to find it at its physical address. It touches no other
    // memory than that and the address it is asked for.
    PhysicalPage command_page() const { return ring_page_; }

    std::uint64_t read(LogicalAddress from);             // 8 bytes
    bool write(LogicalAddress to, std::uint64_t value);  // 8 bytes; false when it was refused
    bool works();                                        // does it reach its commands?

private:
    gpu_driver::Error run(const gpu::spec::Packet& packet);
    gpu_driver::Error start();

    const pci::Function& function_;
    GpuMmio registers_;
    gpu_driver::Device device_;
    gpu_driver::Ring ring_;
    PhysicalPage ring_page_;
    PhysicalView vram_;
    std::uint64_t fences_ = 0;
};

}  // namespace remap::guest
