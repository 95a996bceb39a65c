// SPDX-License-Identifier: MIT
#include "hw/driver/device.h"

#include "base/bits.h"

namespace remap::gpu_driver {

using namespace gpu::spec;

namespace {

constexpr std::uint32_t word(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

std::uint64_t Identity::highest_address() const { return low_bits(address_bits); }

std::optional<Identity> Device::identify() const {
    if (registers_.read32(Magic::offset) != Magic::value) return std::nullopt;
    const std::uint32_t version = registers_.read32(Version::offset);
    if (Version::Major::get(version) != Version::Major::get(Version::value)) return std::nullopt;
    const std::uint64_t capability = registers_.read64(Capability::offset);
    return Identity{
        .major = static_cast<unsigned>(Version::Major::get(version)),
        .minor = static_cast<unsigned>(Version::Minor::get(version)),
        .vram_bytes = registers_.read64(VramSize::offset),
        .address_bits = static_cast<unsigned>(Capability::AddressBits::get(capability)),
        .max_log2_entries = static_cast<unsigned>(Capability::MaxLog2Entries::get(capability)),
        .vectors = static_cast<unsigned>(Capability::Vectors::get(capability)),
    };
}

Status::State Device::state() const { return Status::EngineState::get(registers_.read32(Status::offset)); }

bool Device::stopping() const { return Status::Stopping::get(registers_.read32(Status::offset)); }

std::uint64_t Device::completed_fence() const { return registers_.read64(CompletedFence::offset); }

Counters Device::counters() const {
    return {registers_.read64(PacketCount::offset), registers_.read64(ByteCount::offset)};
}

void Device::reset() { registers_.write32(Control::offset, word(Control::Reset::mask)); }

std::optional<Fault> Device::read_fault() const {
    const std::uint32_t status = registers_.read32(FaultStatus::offset);
    if (!FaultStatus::Valid::get(status)) return std::nullopt;
    return Fault{
        .cause = FaultStatus::Cause::get(status),
        .opcode = static_cast<std::uint16_t>(FaultStatus::Opcode::get(status)),
        .entry = registers_.read32(FaultEntry::offset),
        .address = registers_.read64(FaultAddress::offset),
        .overflow = FaultStatus::Overflow::get(status),
    };
}

void Device::clear_fault() { registers_.write32(FaultStatus::offset, word(FaultStatus::Valid::mask)); }

Error Device::resume() {
    const bool valid = FaultStatus::Valid::get(registers_.read32(FaultStatus::offset));
    if (valid || state() != Status::State::Halted) return Error::Refused;
    registers_.write32(Control::offset, word(Control::Enable::mask | Control::Resume::mask));
    return Error::None;
}

void Device::enable_interrupts(std::uint32_t causes) {
    registers_.write32(InterruptMask::offset, ~causes & InterruptStatus::all);
}

std::uint32_t Device::take_interrupts() {
    const std::uint32_t causes = registers_.read32(InterruptStatus::offset);
    registers_.write32(InterruptStatus::offset, causes);
    return causes;
}

void Device::raise_interrupts(std::uint32_t causes) { registers_.write32(InterruptRaise::offset, causes); }

Error Device::set_scanout(const ScanoutMode& mode) {
    registers_.write64(ScanoutOffset::offset, mode.offset);
    registers_.write32(ScanoutWidth::offset, mode.width);
    registers_.write32(ScanoutHeight::offset, mode.height);
    registers_.write32(ScanoutStride::offset, mode.stride);
    registers_.write32(ScanoutControl::offset, word(ScanoutControl::Enable::mask |
                                                    ScanoutControl::Format::of(ScanoutControl::PixelFormat::Xrgb8888)));
    return ScanoutControl::Shown::get(registers_.read32(ScanoutControl::offset)) ? Error::None : Error::Refused;
}

void Device::stop_scanout() { registers_.write32(ScanoutControl::offset, 0); }

}  // namespace remap::gpu_driver
