// SPDX-License-Identifier: MIT
// What the GPU model needs from the machine around it.
#pragma once

#include "base/address.h"
#include "hw/spec/gpu_packets.h"
#include "hw/spec/gpu_registers.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace remap::gpu {

enum class Refusal : std::uint8_t { None, Read, Write };

// Where an access goes, and how.
struct BusAddress {
    LogicalAddress address;
    bool snoop = true;  // else the request says No Snoop: the processors' caches need not be asked
};

// The GPU's side of the bus. Addresses are what the device puts on it; who translates them is not the GPU's business.
// No access crosses a 4 KiB page. False: it was refused. Called on the engine thread without any lock of the model
// held.
class BusPort {
public:
    virtual bool read(const BusAddress& from, void* to, std::size_t bytes) = 0;
    virtual bool write(const BusAddress& to, const void* from, std::size_t bytes) = 0;

    // From memory to memory, as a read and then a write, for a machine that can spare the stop in between.
    virtual Refusal copy(const BusAddress& to, const BusAddress& from, std::size_t bytes) {
        std::byte piece[page_size];
        if (!read(from, piece, bytes)) return Refusal::Read;
        return write(to, piece, bytes) ? Refusal::None : Refusal::Write;
    }

    // Accesses are to come there, perhaps: a machine may get ready for them. Nothing that anybody could see comes of
    // it.
    virtual void expect(std::span<const LogicalAddress>) {}

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

    // For a machine that keeps a trace or breaks on purpose, on the engine's thread: the packet of a ring entry has
    // been fetched, and is not yet executed. Once for each. True: the engine hangs at it, until it is reset.
    virtual bool packet_fetched(std::uint32_t /*entry*/, const spec::Packet&) { return false; }

    // The engine has halted at an entry. Of one that could not be fetched the opcode is 0.
    virtual void halted(std::uint32_t /*entry*/, std::uint16_t /*opcode*/, spec::FaultCause,
                        std::uint64_t /*address*/) {}

    // Asked between two pieces of work, on the engine's thread: whether run() is to end for now, although there is
    // more. For a machine whose time stands still while the engine works: an access that takes long ends a run, and the
    // next one comes that much later. Each run does at least a piece.
    virtual bool rest_wanted() { return false; }

protected:
    ~HostPort() = default;
};

}  // namespace remap::gpu
