// SPDX-License-Identifier: MIT
// What the GPU model needs from the machine around it.
#pragma once

#include "base/address.h"

#include <cstddef>
#include <cstdint>

namespace remap::gpu {

// The GPU's side of the bus. Addresses are what the device puts on it; who translates them is not the GPU's business.
// An access may cross pages. False: some part was refused, and bytes before it may have been transferred. Called on the
// engine thread without any lock of the model held.
class BusPort {
public:
    virtual bool read(LogicalAddress from, void* to, std::size_t bytes) = 0;
    virtual bool write(LogicalAddress to, const void* from, std::size_t bytes) = 0;

protected:
    ~BusPort() = default;
};

// Calls out of the model. They may be made on any thread, without any lock of the model held, and must not block.
class HostPort {
public:
    // There is work: someone has to call Gpu::run soon, on a thread of its own.
    virtual void work_available() = 0;

    // Sends the MSI-X message of a vector (0 to interrupt_vectors - 1).
    virtual void interrupt(unsigned vector) = 0;

    // The engine may have written any byte of these pages of VRAM; the last is cut off where VRAM ends. For a machine
    // that keeps a log of what changes. Called on the engine's thread, before the packet is complete.
    virtual void vram_written(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) {}

protected:
    ~HostPort() = default;
};

}  // namespace remap::gpu
