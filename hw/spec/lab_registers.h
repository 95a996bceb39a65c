// SPDX-License-Identifier: MIT
// The laboratory's registers (-device remap-iommu,lab=on): a page of memory-mapped registers at a fixed address to
// which a guest's driver side writes what it does, so that it stands in the machine's trace beside what the machine
// sees (docs/laboratory.md). No hardware has them; where there is no laboratory reads return all ones. Registers are 8
// bytes and are accessed as 8 bytes, by one processor at a time.
#pragma once

#include <cstdint>

namespace remap::spec::lab {

inline constexpr std::uint64_t base = 0xfed8'1000;  // physical address
inline constexpr std::uint64_t bytes = 0x1000;

inline constexpr std::uint64_t id = 0x00;                      // read: magic
inline constexpr std::uint64_t magic = 0x3162'616c'7061'6d52;  // "Rmaplab1"

inline constexpr std::uint64_t taken = 0x08;    // read: events so far that were believed
inline constexpr std::uint64_t refused = 0x10;  // read: those that were not

// Of the next event; zeros again when it was committed.
inline constexpr std::uint64_t address = 0x20;
inline constexpr std::uint64_t length = 0x28;
inline constexpr std::uint64_t result = 0x30;
inline constexpr std::uint64_t detail = 0x38;
inline constexpr std::uint64_t commit = 0x40;  // write: the head of the event, which happened

// What a driver's side can claim. Numbers and fields are those of the trace (iommu/lab/event.h); what is another's to
// say, as a device's access, is refused.
enum class DriverKind : std::uint8_t { Map = 20, Unmap = 21, Object = 22, Frames = 23, Call = 24, Return = 25 };

inline constexpr std::uint8_t flag_refused = 1 << 1;  // of a Return
inline constexpr std::uint8_t flag_ended = 1 << 6;    // of an Object, of Frames
inline constexpr std::uint16_t no_source = 0xffff;

struct DriverEvent {
    DriverKind kind{};
    std::uint8_t flags = 0;
    std::uint16_t source = no_source;
    std::uint32_t code = 0;
    std::uint64_t address = 0;
    std::uint64_t length = 0;
    std::uint64_t result = 0;
    std::uint64_t detail = 0;

    // What stands in `commit`: kind 7:0, flags 15:8, source 31:16, code 63:32.
    constexpr std::uint64_t head() const {
        return static_cast<std::uint64_t>(kind) | std::uint64_t{flags} << 8 | std::uint64_t{source} << 16 |
               std::uint64_t{code} << 32;
    }
    constexpr void set_head(std::uint64_t head) {
        kind = static_cast<DriverKind>(head & 0xff);
        flags = static_cast<std::uint8_t>(head >> 8);
        source = static_cast<std::uint16_t>(head >> 16);
        code = static_cast<std::uint32_t>(head >> 32);
    }

    // Whether a driver's side may say so.
    constexpr bool is_drivers() const {
        switch (kind) {
            case DriverKind::Map:
            case DriverKind::Unmap:
            case DriverKind::Call: return flags == 0;
            case DriverKind::Frames:
            case DriverKind::Object: return (flags & ~flag_ended) == 0;
            case DriverKind::Return: return (flags & ~flag_refused) == 0;
        }
        return false;
    }

    friend constexpr bool operator==(const DriverEvent&, const DriverEvent&) = default;
};

}  // namespace remap::spec::lab
