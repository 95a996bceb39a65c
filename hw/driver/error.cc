// SPDX-License-Identifier: MIT
#include "hw/driver/error.h"

#include "hw/spec/gpu_packets.h"

namespace remap::gpu_driver {

using gpu::spec::FaultCause;
using gpu::spec::Opcode;

const char* name_of(Error error) {
    switch (error) {
        case Error::None: return "none";
        case Error::NoDevice: return "no GPU of this kind answers";
        case Error::BadRing: return "bad ring memory";
        case Error::NotStarted: return "ring not started";
        case Error::RingFull: return "ring full";
        case Error::Timeout: return "timeout";
        case Error::Halted: return "engine halted at a fault";
        case Error::Refused: return "setting refused by the part";
    }
    return "unknown error";
}

const char* name_of(FaultCause cause) {
    switch (cause) {
        case FaultCause::None: return "none";
        case FaultCause::BusReadRefused: return "bus refused a read";
        case FaultCause::BusWriteRefused: return "bus refused a write";
        case FaultCause::OutOfReach: return "address out of reach";
        case FaultCause::VramOutOfRange: return "VRAM out of range";
        case FaultCause::BadOpcode: return "bad opcode";
        case FaultCause::BadPacket: return "bad packet";
        case FaultCause::RingUnreadable: return "ring unreadable";
        case FaultCause::ContextRefused: return "context not enabled";
    }
    return "unknown cause";
}

const char* name_of_opcode(std::uint16_t opcode) {
    switch (static_cast<Opcode>(opcode)) {
        case Opcode::Nop: return "nop";
        case Opcode::Fill: return "fill";
        case Opcode::Copy: return "copy";
        case Opcode::FillRect: return "fill_rect";
        case Opcode::CopyRect: return "copy_rect";
        case Opcode::Fence: return "fence";
        case Opcode::Context: return "context";
    }
    return "unknown opcode";
}

}  // namespace remap::gpu_driver
