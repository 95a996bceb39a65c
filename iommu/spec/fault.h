// SPDX-License-Identifier: MIT
// Fault recording registers (VT-d section 11.4.7.6).
#pragma once

#include "base/bits.h"
#include "iommu/spec/fault_reasons.h"

#include <cstdint>

namespace remap::vtd {

// FRCD_REG, 128 bits, at CAP.FRO * 16; all fields RO but Fault.
namespace fault_record {
inline constexpr unsigned bytes = 16;
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // low word: FI, page address
using InterruptIndex = Field<63, 48>;                          // low word: FI of an interrupt remapping fault
using Source = Field<15, 0>;                                   // high word: SID
using SecondType = Flag<28>;                                   // high word: T2, see RequestType
using Privileged = Flag<29>;                                   // high word: PRIV; with PP, as the next one
using Execute = Flag<30>;                                      // high word: EXE
using PasidPresent = Flag<31>;                                 // high word: PP
using Reason = Field<39, 32>;                                  // high word: FR
using Pasid = Field<59, 40>;                                   // high word: PV
using AddressType = Field<61, 60>;                             // high word: AT, of the PCIe request
using Read = Flag<62>;                                         // high word: T1, 1 = read, 0 = write; see RequestType
using Fault = Flag<63>;                                        // high word: F, W1C

// T1 and T2 together.
enum class RequestType : std::uint8_t { Write = 0, Page = 1, Read = 2, Atomic = 3 };

constexpr RequestType type_of(std::uint64_t high) {
    return static_cast<RequestType>((Read::get(high) ? 2 : 0) | (SecondType::get(high) ? 1 : 0));
}
constexpr std::uint64_t type(RequestType type) {
    return Read::of((static_cast<unsigned>(type) & 2) != 0) | SecondType::of((static_cast<unsigned>(type) & 1) != 0);
}
}  // namespace fault_record

// Device addresses that are interrupt messages, not memory (section 3.15).
inline constexpr std::uint64_t interrupt_range_first = 0xfee0'0000;
inline constexpr std::uint64_t interrupt_range_last = 0xfeef'ffff;

constexpr bool in_interrupt_range(std::uint64_t address) {
    return address >= interrupt_range_first && address <= interrupt_range_last;
}

}  // namespace remap::vtd
