// SPDX-License-Identifier: MIT
// Interrupt remapping: requests, table entries, and the messages that processors get (VT-d section 5.1, entries in
// section 9.9).
#pragma once

#include "base/bits.h"

#include <cstdint>

namespace remap::vtd {

// A write of 32 bits to the interrupt range is an interrupt: what a device sends, and what the unit sends on.
struct InterruptMessage {
    std::uint64_t address = 0;
    std::uint32_t data = 0;

    friend constexpr bool operator==(const InterruptMessage&, const InterruptMessage&) = default;
};

// How a processor is chosen and interrupted. The same numbers in messages and in table entries.
enum class DeliveryMode : std::uint8_t { Fixed = 0, LowestPriority = 1, Smi = 2, Nmi = 4, Init = 5, External = 7 };

// Address and data of a compatibility-format request (5.1.2.1), which is the processor's own format, and of a remapped
// one. With 32-bit destinations the upper half of the address has bits 31:8 of the destination, as in the unit's own
// event registers with EIME set (5.1.6).
namespace message {
inline constexpr std::uint64_t base = 0xfee0'0000;
using LogicalDestination = Flag<2>;           // address: DM
using RedirectionHint = Flag<3>;              // address: RH
using Remappable = Flag<4>;                   // address: the format, 0 in this one
using Destination = Field<19, 12>;            // address: APIC id, bits 7:0
using UpperDestination = Field<63, 40>;       // address: APIC id, bits 31:8
using Vector = Field<7, 0>;                   // data
using Delivery = Field<10, 8, DeliveryMode>;  // data
using Assert = Flag<14>;                      // data: level
using LevelTriggered = Flag<15>;              // data: trigger mode
}  // namespace message

// Address and data of a remappable-format request (5.1.2.2).
namespace remappable {
using HighHandle = Flag<2>;                                  // address: HANDLE[15]
using SubhandleValid = Flag<3>;                              // address: SHV
using Remappable = Flag<4>;                                  // address: the format, 1 in this one
using LowHandle = Field<19, 5>;                              // address: HANDLE[14:0]
using Subhandle = Field<15, 0>;                              // data, with SHV
inline constexpr std::uint32_t reserved_data = 0xffff'0000;  // with SHV

constexpr std::uint32_t handle_of(std::uint64_t address) {
    return static_cast<std::uint32_t>(LowHandle::get(address) | (HighHandle::get(address) ? 0x8000 : 0));
}

// Index of the table entry, up to 17 bits: a sum beyond the table is a fault, not a wrap.
constexpr std::uint32_t index_of(const InterruptMessage& request) {
    const bool more = SubhandleValid::get(request.address);
    return handle_of(request.address) + (more ? static_cast<std::uint32_t>(Subhandle::get(request.data)) : 0);
}

constexpr InterruptMessage make_request(std::uint16_t handle, bool subhandle_valid, std::uint16_t subhandle) {
    return {message::base | LowHandle::of(handle) | HighHandle::of((handle & 0x8000) != 0) |
                SubhandleValid::of(subhandle_valid) | Remappable::of(true),
            subhandle};
}
}  // namespace remappable

// Redirection entry of an IOAPIC whose interrupts are remapped (5.1.5.1): it sends a request without subhandle. Its vector
// and trigger mode repeat those of the table's entry, because the end of a level-triggered interrupt is found by them.
namespace redirection {
using Vector = Field<7, 0>;
using HighHandle = Flag<11>;  // HANDLE[15]
using LevelTriggered = Flag<15>;
using Masked = Flag<16>;
using Remappable = Flag<48>;
using LowHandle = Field<63, 49>;  // HANDLE[14:0]

constexpr std::uint64_t make(std::uint16_t handle, std::uint8_t vector, bool level) {
    return LowHandle::of(handle) | Remappable::of(true) | HighHandle::of((handle & 0x8000) != 0) |
           LevelTriggered::of(level) | Vector::of(vector);
}
}  // namespace redirection

// Interrupt remapping table entry of a remapped interrupt, 128 bits (9.9).
namespace interrupt_entry {
inline constexpr unsigned bytes = 16;

// What is compared of a request's source id with that of the entry.
enum class Validation : std::uint8_t {
    None = 0,
    Source = 1,    // the bits that the qualifier leaves
    BusRange = 2,  // the bus: Source has the first bus in bits 15:8 and the last one in bits 7:0
    Reserved = 3,
};

using Present = Flag<0>;                             // low word: P
using FaultProcessingDisable = Flag<1>;              // low word: FPD
using LogicalDestination = Flag<2>;                  // low word: DM
using RedirectionHint = Flag<3>;                     // low word: RH
using LevelTriggered = Flag<4>;                      // low word: TM
using Delivery = Field<7, 5, DeliveryMode>;          // low word: DLM
using Available = Field<11, 8>;                      // low word: AVAIL, software's
using Posted = Flag<15>;                             // low word: IM; reserved when CAP.PI is 0
using Vector = Field<23, 16>;                        // low word: V
using Destination = Field<63, 32>;                   // low word: DST with EIME
using ShortDestination = Field<47, 40>;              // low word: DST without EIME
using Source = Field<15, 0>;                         // high word: SID
using Qualifier = Field<17, 16>;                     // high word: SQ
using SourceValidation = Field<19, 18, Validation>;  // high word: SVT
inline constexpr std::uint64_t reserved_high = Field<63, 20>::mask;

// Of a unit without posted interrupts.
constexpr std::uint64_t reserved_low(bool extended_mode) {
    const std::uint64_t both = Field<14, 12>::mask | Posted::mask | Field<31, 24>::mask;
    return both | (extended_mode ? 0 : Destination::mask & ~ShortDestination::mask);
}

// Source id bits that are compared: a qualifier leaves out bit 2, bits 2:1 or bits 2:0 (the function numbers).
constexpr std::uint16_t compared_bits(std::uint64_t qualifier) {
    constexpr std::uint16_t bits[4] = {0xffff, 0xfffb, 0xfff9, 0xfff8};
    return bits[qualifier & 3];
}

constexpr bool allows(std::uint64_t high, std::uint16_t source) {
    const std::uint64_t wanted = Source::get(high);
    switch (SourceValidation::get(high)) {
        case Validation::None: return true;
        case Validation::Source: return ((wanted ^ source) & compared_bits(Qualifier::get(high))) == 0;
        case Validation::BusRange: return wanted >> 8 <= source >> 8 && source >> 8 <= (wanted & 0xff);
        case Validation::Reserved: return false;
    }
    return false;
}

// The message that the processors get.
constexpr InterruptMessage message_of(std::uint64_t low, bool extended_mode) {
    const std::uint64_t to = extended_mode ? Destination::get(low) : ShortDestination::get(low);
    return {
        message::base | message::Destination::of(to) | message::UpperDestination::of(to >> 8) |
            message::LogicalDestination::of(LogicalDestination::get(low)) |
            message::RedirectionHint::of(RedirectionHint::get(low)),
        static_cast<std::uint32_t>(message::Vector::of(Vector::get(low)) | message::Delivery::of(Delivery::get(low)) |
                                   message::Assert::of(true) | message::LevelTriggered::of(LevelTriggered::get(low)))};
}
}  // namespace interrupt_entry

}  // namespace remap::vtd
