// SPDX-License-Identifier: MIT
#include "hw/gpu/packet_check.h"

namespace remap::gpu {

using namespace spec;

namespace {

// The flags and fields that an opcode uses.
struct Use {
    std::uint64_t flags = 0;
    bool pattern = false, destination = false, source = false, length = false, rect = false, value = false;
};

constexpr Use unknown_opcode{.flags = ~std::uint64_t{0}};

constexpr Use use_of(std::uint16_t opcode) {
    constexpr std::uint64_t in_vram = PacketFlags::DestinationInVram::mask;
    constexpr std::uint64_t to = in_vram | PacketFlags::DestinationNoSnoop::mask;
    constexpr std::uint64_t from = PacketFlags::SourceInVram::mask | PacketFlags::SourceNoSnoop::mask;
    switch (static_cast<Opcode>(opcode)) {
        case Opcode::Nop: return {};
        case Opcode::Fill: return {.flags = to, .pattern = true, .destination = true, .length = true};
        case Opcode::Copy: return {.flags = to | from, .destination = true, .source = true, .length = true};
        case Opcode::FillRect: return {.flags = to, .pattern = true, .destination = true, .rect = true};
        case Opcode::CopyRect: return {.flags = to | from, .destination = true, .source = true, .rect = true};
        case Opcode::Fence:
            return {.flags = in_vram | PacketFlags::Interrupt::mask, .destination = true, .value = true};
        case Opcode::Context: return {.flags = PacketFlags::Pasid::mask | PacketFlags::Privileged::mask, .value = true};
    }
    return unknown_opcode;
}

bool unused_are_zero(const Packet& packet, const Use& use) {
    return (packet.flags & ~use.flags) == 0 && (use.pattern || packet.pattern == 0) &&
           (use.destination || packet.destination == 0) && (use.source || packet.source == 0) &&
           (use.length || packet.length == 0) && (use.value || packet.value == 0) &&
           (use.rect || (packet.destination_pitch == 0 && packet.width == 0 && packet.lines == 0)) &&
           ((use.rect && use.source) || packet.source_pitch == 0);
}

// VRAM is in no processor's cache that an access could go past.
bool snooping_is_good(const Packet& packet) {
    return !(PacketFlags::DestinationInVram::get(packet.flags) && PacketFlags::DestinationNoSnoop::get(packet.flags)) &&
           !(PacketFlags::SourceInVram::get(packet.flags) && PacketFlags::SourceNoSnoop::get(packet.flags));
}

bool rect_is_good(const Packet& packet, const Use& use) {
    if (std::uint64_t{packet.width} * packet.lines > max_length) return false;
    if (packet.lines <= 1) return true;
    return packet.destination_pitch >= packet.width && (!use.source || packet.source_pitch >= packet.width);
}

// Without a PASID there is nothing to say of it.
bool context_is_good(const Packet& packet) {
    if (packet.opcode != static_cast<std::uint16_t>(Opcode::Context)) return true;
    if (PacketFlags::Pasid::get(packet.flags)) return packet.value <= max_pasid;
    return packet.flags == 0 && packet.value == 0;
}

// The bytes that a surface covers from its first to its last, if they fit 64 bits. Not empty.
bool covered(std::uint64_t pitch, const TransferShape& shape, std::uint64_t& bytes) {
    return !__builtin_mul_overflow(pitch, std::uint64_t{shape.lines - 1}, &bytes) &&
           !__builtin_add_overflow(bytes, shape.width, &bytes);
}

Fault check_surface(const Surface& surface, const TransferShape& shape, const Memory& memory) {
    std::uint64_t bytes = 0;
    if (covered(surface.pitch, shape, bytes)) return memory.check(surface.place, bytes);
    const bool system = surface.place.space == Space::System;
    return {system ? FaultCause::OutOfReach : FaultCause::VramOutOfRange, surface.place.address};
}

}  // namespace

Place source_of(const Packet& packet) {
    return {PacketFlags::SourceInVram::get(packet.flags) ? Space::Vram : Space::System, packet.source,
            !PacketFlags::SourceNoSnoop::get(packet.flags)};
}

Place destination_of(const Packet& packet) {
    return {PacketFlags::DestinationInVram::get(packet.flags) ? Space::Vram : Space::System, packet.destination,
            !PacketFlags::DestinationNoSnoop::get(packet.flags)};
}

FaultCause check_form(const Packet& packet) {
    const Use use = use_of(packet.opcode);
    if (use.flags == unknown_opcode.flags) return FaultCause::BadOpcode;
    const bool good = unused_are_zero(packet, use) && snooping_is_good(packet) && packet.length <= max_length &&
                      rect_is_good(packet, use) && context_is_good(packet) &&
                      (!use.value || packet.destination % sizeof packet.value == 0);
    return good ? FaultCause::None : FaultCause::BadPacket;
}

Result<TransferShape, Fault> shape_of(const Packet& packet, const Memory& memory) {
    const Use use = use_of(packet.opcode);
    const TransferShape shape{.destination = {destination_of(packet), packet.destination_pitch},
                              .source = {source_of(packet), packet.source_pitch},
                              .width = use.rect ? packet.width : packet.length,
                              .lines = use.rect ? packet.lines : 1,
                              .pattern = packet.pattern,
                              .copies = use.source};
    if (shape.empty()) return shape;
    if (const Fault fault = check_surface(shape.destination, shape, memory)) return Failure{fault};
    if (!shape.copies) return shape;
    if (const Fault fault = check_surface(shape.source, shape, memory)) return Failure{fault};
    return shape;
}

}  // namespace remap::gpu
