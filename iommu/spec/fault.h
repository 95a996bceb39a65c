// SPDX-License-Identifier: MIT
// Fault recording registers (VT-d section 11.4.7.6) and fault reasons of legacy mode (section 7.1.3, table 30).
#pragma once

#include "base/bits.h"

#include <cstdint>

namespace remap::vtd {

// FRCD_REG, 128 bits, at CAP.FRO * 16; all fields RO but Fault.
namespace fault_record {
inline constexpr unsigned bytes = 16;
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // low word: FI, page address
using Source = Field<15, 0>;                                   // high word: SID
using PasidPresent = Flag<31>;                                 // high word: PP
using Reason = Field<39, 32>;                                  // high word: FR
using Pasid = Field<59, 40>;                                   // high word: PV
using AddressType = Field<61, 60>;                             // high word: AT, of the PCIe request
using Read = Flag<62>;                                         // high word: T1, 1 = read, 0 = write
using Fault = Flag<63>;                                        // high word: F, W1C
}  // namespace fault_record

enum class FaultReason : std::uint8_t {
    None = 0x0,
    RootNotPresent = 0x1,         // LRT.2
    ContextNotPresent = 0x2,      // LCT.2
    ContextInvalid = 0x3,         // LCT.4: width or type not supported, or the top paging entry cannot be read
    AddressBeyondWidth = 0x4,     // LGN.1
    NoWrite = 0x5,                // LGN.2
    NoRead = 0x6,                 // LGN.3
    PagingEntryUnreadable = 0x7,  // LSS.1: below the top level
    RootUnreadable = 0x8,         // LRT.1
    ContextUnreadable = 0x9,      // LCT.1
    RootReserved = 0xa,           // LRT.3
    ContextReserved = 0xb,        // LCT.3
    PagingReserved = 0xc,         // LSS.2
    TypeBlocked = 0xd,            // LCT.5: translated or translation request
    InterruptOutput = 0xe,        // LGN.4: the result lies in the interrupt range
    BadRootTableMode = 0x30,      // RTA.1
};

// Whether the fault processing disable bit of the context entry silences this fault (table 30, column "Qualified").
constexpr bool is_qualified(FaultReason reason) {
    switch (reason) {
        case FaultReason::RootNotPresent:
        case FaultReason::RootUnreadable:
        case FaultReason::ContextUnreadable:
        case FaultReason::RootReserved:
        case FaultReason::BadRootTableMode: return false;
        default: return true;
    }
}

constexpr const char* text_of(FaultReason reason) {
    switch (reason) {
        case FaultReason::None: return "no fault";
        case FaultReason::RootNotPresent: return "root entry not present";
        case FaultReason::ContextNotPresent: return "context entry not present";
        case FaultReason::ContextInvalid: return "context entry invalid";
        case FaultReason::AddressBeyondWidth: return "address beyond the width";
        case FaultReason::NoWrite: return "no write permission";
        case FaultReason::NoRead: return "no read permission";
        case FaultReason::PagingEntryUnreadable: return "paging entry unreadable";
        case FaultReason::RootUnreadable: return "root entry unreadable";
        case FaultReason::ContextUnreadable: return "context entry unreadable";
        case FaultReason::RootReserved: return "reserved bit set in a root entry";
        case FaultReason::ContextReserved: return "reserved bit set in a context entry";
        case FaultReason::PagingReserved: return "reserved bit set in a paging entry";
        case FaultReason::TypeBlocked: return "request type blocked by the context entry";
        case FaultReason::InterruptOutput: return "translated into the interrupt range";
        case FaultReason::BadRootTableMode: return "translation mode of the root table not supported";
    }
    return "unknown fault reason";
}

// Device addresses that are interrupt messages, not memory (section 3.15).
inline constexpr std::uint64_t interrupt_range_first = 0xfee0'0000;
inline constexpr std::uint64_t interrupt_range_last = 0xfeef'ffff;

constexpr bool in_interrupt_range(std::uint64_t address) {
    return address >= interrupt_range_first && address <= interrupt_range_last;
}

}  // namespace remap::vtd
