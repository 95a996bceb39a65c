// SPDX-License-Identifier: MIT
// The packets of the GPU's command ring: 64 bytes each, little-endian, one layout for all opcodes. Described in
// docs/gpu.md. A field or flag that an opcode does not use must be 0 (FaultCause::BadPacket).
#pragma once

#include "base/bits.h"

#include <cstddef>
#include <cstdint>

namespace remap::gpu::spec {

// 0 is no opcode, so that a ring entry never written faults.
enum class Opcode : std::uint16_t {
    Nop = 1,
    Fill = 2,      // destination, length, pattern
    Copy = 3,      // destination, source, length; overlapping ranges: as memmove
    FillRect = 4,  // destination and pitch, width, lines, pattern
    CopyRect = 5,  // destination and pitch, source and pitch, width, lines
    Fence = 6,     // destination (a multiple of 8), value
    Context = 7,   // value: the PASID, with its flag; else none
};

// Packet::flags. A place not in VRAM is system memory, given by its logical address; one in VRAM by its offset.
struct PacketFlags {
    using DestinationInVram = Flag<0>;
    using SourceInVram = Flag<1>;
    using Interrupt = Flag<2>;   // fence: raise InterruptStatus::Fence once the value is written
    using Pasid = Flag<3>;       // context: accesses to system memory carry the PASID
    using Privileged = Flag<4>;  // context: and ask for the rights of a supervisor; only with a PASID
    // Fills and copies, of a side in system memory: its accesses do not snoop the processors' caches.
    using DestinationNoSnoop = Flag<5>;
    using SourceNoSnoop = Flag<6>;
};

struct Packet {
    std::uint16_t opcode = 0;
    std::uint16_t flags = 0;
    std::uint32_t pattern = 0;            // byte n of a line (or range) gets byte n mod 4 of it
    std::uint64_t destination = 0;        // bytes, any alignment (fence: 8)
    std::uint64_t source = 0;             // bytes, any alignment
    std::uint64_t length = 0;             // bytes, 0 to max_length
    std::uint64_t destination_pitch = 0;  // bytes from line to line, at least `width` if there is more than one line
    std::uint64_t source_pitch = 0;       // likewise
    std::uint32_t width = 0;              // bytes of a line
    std::uint32_t lines = 0;              // width * lines is at most max_length
    std::uint64_t value = 0;              // of a fence; of a context, its PASID
};

inline constexpr std::size_t packet_size = 64;                       // bytes
inline constexpr std::uint64_t max_length = std::uint64_t{1} << 40;  // bytes
inline constexpr std::uint64_t max_pasid = (1 << 20) - 1;

static_assert(sizeof(Packet) == packet_size);
static_assert(offsetof(Packet, opcode) == 0x00 && offsetof(Packet, flags) == 0x02);
static_assert(offsetof(Packet, pattern) == 0x04);
static_assert(offsetof(Packet, destination) == 0x08 && offsetof(Packet, source) == 0x10);
static_assert(offsetof(Packet, length) == 0x18);
static_assert(offsetof(Packet, destination_pitch) == 0x20 && offsetof(Packet, source_pitch) == 0x28);
static_assert(offsetof(Packet, width) == 0x30 && offsetof(Packet, lines) == 0x34);
static_assert(offsetof(Packet, value) == 0x38);

enum class Space : std::uint8_t { System, Vram };

// An address that a packet names: logical in system memory, an offset in VRAM.
struct Place {
    Space space = Space::System;
    std::uint64_t address = 0;  // bytes
    bool snoop = true;          // the processors' caches; VRAM is in none of them
};

constexpr Place system_memory(std::uint64_t logical_address) { return {Space::System, logical_address}; }
constexpr Place vram(std::uint64_t offset) { return {Space::Vram, offset}; }

// The same place in system memory, past the processors' caches. Not for fences.
constexpr Place without_snoop(Place place) { return {place.space, place.address, false}; }

// A place with the distance of its lines.
struct Surface {
    Place place;
    std::uint64_t pitch = 0;  // bytes
};

struct Rect {
    std::uint32_t width = 0;  // bytes
    std::uint32_t lines = 0;
};

namespace detail {

constexpr Packet to(Opcode opcode, Place destination) {
    Packet packet;
    packet.opcode = static_cast<std::uint16_t>(opcode);
    packet.flags = static_cast<std::uint16_t>(PacketFlags::DestinationInVram::of(destination.space == Space::Vram) |
                                              PacketFlags::DestinationNoSnoop::of(!destination.snoop));
    packet.destination = destination.address;
    return packet;
}

constexpr void from(Packet& packet, Place source) {
    packet.flags =
        static_cast<std::uint16_t>(packet.flags | PacketFlags::SourceInVram::of(source.space == Space::Vram) |
                                   PacketFlags::SourceNoSnoop::of(!source.snoop));
    packet.source = source.address;
}

constexpr void shape(Packet& packet, Rect rect) {
    packet.width = rect.width;
    packet.lines = rect.lines;
}

}  // namespace detail

constexpr Packet nop() { return detail::to(Opcode::Nop, {}); }

constexpr Packet fill(Place destination, std::uint64_t length, std::uint32_t pattern) {
    Packet packet = detail::to(Opcode::Fill, destination);
    packet.length = length;
    packet.pattern = pattern;
    return packet;
}

// The pattern that fills with one byte.
constexpr std::uint32_t pattern_of(std::uint8_t byte) { return byte * 0x01010101u; }

constexpr Packet copy(Place destination, Place source, std::uint64_t length) {
    Packet packet = detail::to(Opcode::Copy, destination);
    detail::from(packet, source);
    packet.length = length;
    return packet;
}

constexpr Packet fill_rect(Surface destination, Rect rect, std::uint32_t pattern) {
    Packet packet = detail::to(Opcode::FillRect, destination.place);
    packet.destination_pitch = destination.pitch;
    packet.pattern = pattern;
    detail::shape(packet, rect);
    return packet;
}

constexpr Packet copy_rect(Surface destination, Surface source, Rect rect) {
    Packet packet = detail::to(Opcode::CopyRect, destination.place);
    detail::from(packet, source.place);
    packet.destination_pitch = destination.pitch;
    packet.source_pitch = source.pitch;
    detail::shape(packet, rect);
    return packet;
}

// Writes `value` when everything before it in the ring is done and visible.
constexpr Packet fence(Place destination, std::uint64_t value, bool interrupt = false) {
    Packet packet = detail::to(Opcode::Fence, destination);
    packet.flags = static_cast<std::uint16_t>(PacketFlags::Interrupt::set(packet.flags, interrupt));
    packet.value = value;
    return packet;
}

// From here on, packets work on the memory of a process.
constexpr Packet context(std::uint32_t pasid, bool privileged = false) {
    Packet packet = detail::to(Opcode::Context, {});
    packet.flags = static_cast<std::uint16_t>(PacketFlags::Pasid::of(true) | PacketFlags::Privileged::of(privileged));
    packet.value = pasid;
    return packet;
}

// From here on, packets work on the memory of the function itself.
constexpr Packet no_context() { return detail::to(Opcode::Context, {}); }

}  // namespace remap::gpu::spec
