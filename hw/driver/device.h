// SPDX-License-Identifier: MIT
// The registers of a GPU apart from its ring: identity, engine state, faults, interrupts, scan-out. Freestanding.
#pragma once

#include "hw/driver/error.h"
#include "hw/driver/ports.h"
#include "hw/spec/gpu_registers.h"

#include <cstdint>
#include <optional>

namespace remap::gpu_driver {

struct Identity {
    unsigned major = 0;
    unsigned minor = 0;
    std::uint64_t vram_bytes = 0;
    unsigned address_bits = 0;
    unsigned max_log2_entries = 0;
    unsigned vectors = 0;

    // The highest address that the part can put on the bus.
    std::uint64_t highest_address() const;
};

struct Fault {
    gpu::spec::FaultCause cause = gpu::spec::FaultCause::None;
    std::uint16_t opcode = 0;  // 0: the packet could not be read
    std::uint32_t entry = 0;   // of the ring
    std::uint64_t address = 0;
    bool overflow = false;  // a later fault was not recorded
};

struct Counters {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
};

struct ScanoutMode {
    std::uint64_t offset = 0;  // bytes into VRAM
    std::uint32_t width = 0;   // pixels
    std::uint32_t height = 0;  // lines
    std::uint32_t stride = 0;  // bytes from line to line
};

class Device {
public:
    explicit Device(GpuRegisters& registers) : registers_(registers) {}

    GpuRegisters& registers() const { return registers_; }

    // Nothing when the registers are not those of a part this driver knows.
    std::optional<Identity> identify() const;

    gpu::spec::Status::State state() const;

    // Whether a packet that was abandoned by reset or by stopping the ring may still touch memory.
    bool stopping() const;
    std::uint64_t completed_fence() const;
    Counters counters() const;

    // Ends what the engine does and takes it, its counters and interrupt causes back to power-on. The scan-out stays.
    // Its last access may still be under way, see `stopping`.
    void reset();

    std::optional<Fault> read_fault() const;
    void clear_fault();

    // Goes on behind the packet at fault. Refused while a fault is reported, or when the engine is not halted.
    Error resume();

    // `causes` are bits of spec::InterruptStatus; those not named send no message.
    void enable_interrupts(std::uint32_t causes);

    // The pending causes, acknowledged. Take them before looking at fences and faults, so that none is missed.
    std::uint32_t take_interrupts();
    void raise_interrupts(std::uint32_t causes);

    // Shows a picture, or nothing. Refused when it does not lie in VRAM; then nothing is shown.
    Error set_scanout(const ScanoutMode& mode);
    void stop_scanout();

private:
    GpuRegisters& registers_;
};

}  // namespace remap::gpu_driver
