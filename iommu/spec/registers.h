// SPDX-License-Identifier: MIT
// VT-d registers. Section numbers are those of the Intel VT-d specification, revision 4 and later.
//
// A namespace a register: its offset in the window in bytes, then its fields. The comment over it says the manual's
// name, width, access and section. Access: RO read only, RW, W1C write 1 to clear, WO reads as zero.
#pragma once

#include "base/bits.h"
#include "iommu/spec/registers_capabilities.h"
#include "iommu/spec/registers_queues.h"

#include <cstdint>

namespace remap::vtd {

// GCMD_REG, 32 bits, WO, 11.4.4.1; and GSTS_REG, 32 bits, RO, 11.4.4.2, which has the state at the same bits
namespace global_command {
inline constexpr std::uint64_t offset = 0x18;
inline constexpr std::uint64_t status_offset = 0x1c;
using CompatibilityInterrupt = Flag<23>;  // CFI: let those pass that are not to be remapped
using SetInterruptTable = Flag<24>;       // SIRTP, one-shot; its status IRTPS stays
using InterruptRemapping = Flag<25>;      // IRE
using QueuedInvalidation = Flag<26>;      // QIE
using WriteBufferFlush = Flag<27>;        // WBF, one-shot
using AdvancedFaultLogging = Flag<28>;    // EAFL
using SetFaultLog = Flag<29>;             // SFL, one-shot
using SetRootTable = Flag<30>;            // SRTP, one-shot; its status RTPS stays
using Translation = Flag<31>;             // TE
// The status bits that a write of the command register must repeat to keep (11.4.4.1).
inline constexpr std::uint32_t persistent = CompatibilityInterrupt::mask | InterruptRemapping::mask |
                                            QueuedInvalidation::mask | AdvancedFaultLogging::mask | Translation::mask;
}  // namespace global_command

// RTADDR_REG, 64 bits, RW, 11.4.5
namespace root_table {
inline constexpr std::uint64_t offset = 0x20;
enum class Mode : std::uint8_t {
    Legacy = 0,
    Scalable = 1,  // needs ECAP.SMTS
    Reserved = 2,
    Abort = 3,  // all DMA is refused; needs ECAP.ADMS
};
using TranslationMode = Field<11, 10, Mode>;                   // TTM
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // RTA
}  // namespace root_table

// What an invalidation asks for; also the value for what was done (0: request refused).
enum class ContextGranularity : std::uint8_t { None = 0, Global = 1, Domain = 2, Device = 3 };
enum class IotlbGranularity : std::uint8_t { None = 0, Global = 1, Domain = 2, Page = 3 };

// CCMD_REG, 64 bits, RW, 11.4.6.1; in legacy mode only. Writing the half with Invalidate submits.
namespace context_command {
inline constexpr std::uint64_t offset = 0x28;
using Domain = Field<15, 0>;                          // DID
using Source = Field<31, 16>;                         // SID
using FunctionMask = Field<33, 32>;                   // FM: low source id bits to ignore
using Actual = Field<60, 59, ContextGranularity>;     // CAIG, RO
using Requested = Field<62, 61, ContextGranularity>;  // CIRG
using Invalidate = Flag<63>;                          // ICC, cleared by the unit when done
}  // namespace context_command

// FSTS_REG, 32 bits, 11.4.7.1
namespace fault_status {
inline constexpr std::uint64_t offset = 0x34;
using Overflow = Flag<0>;          // PFO, W1C
using Pending = Flag<1>;           // PPF, RO: the logical OR of the F bits of all records
using QueueError = Flag<4>;        // IQE, W1C
using CompletionError = Flag<5>;   // ICE, W1C; only with device TLBs
using TimeoutError = Flag<6>;      // ITE, W1C; only with device TLBs
using RecordIndex = Field<15, 8>;  // FRI, RO: the record that set Pending
}  // namespace fault_status

// FECTL_REG, 32 bits, 11.4.7.2; IECTL_REG, 32 bits, 11.4.9.5; PECTL_REG, 32 bits
namespace event_control {
using Pending = Flag<30>;  // IP, RO
using Mask = Flag<31>;     // IM, RW, set at reset
}  // namespace event_control

// Registers of one event: control; data (RW, 16 bits of it); address (RW, dword aligned); upper address (RW).
struct EventRegisters {
    std::uint64_t control, data, address, upper_address;
};
inline constexpr std::uint32_t event_data_mask = 0xffff;
inline constexpr std::uint32_t event_address_mask = 0xffff'fffc;

// FECTL_REG, FEDATA_REG, FEADDR_REG, FEUADDR_REG, 32 bits each, 11.4.7.2 to 11.4.7.5
inline constexpr EventRegisters fault_event{0x38, 0x3c, 0x40, 0x44};

// IECTL_REG, IEDATA_REG, IEADDR_REG, IEUADDR_REG, 32 bits each, 11.4.9.5 to 11.4.9.8
inline constexpr EventRegisters completion_event{0xa0, 0xa4, 0xa8, 0xac};

// PECTL_REG, PEDATA_REG, PEADDR_REG, PEUADDR_REG, 32 bits each
inline constexpr EventRegisters page_request_event{0xe0, 0xe4, 0xe8, 0xec};

// PMEN_REG, 32 bits, 11.4.8: reads as zero where CAP has neither PLMR nor PHMR
namespace protected_memory {
inline constexpr std::uint64_t offset = 0x64;
}  // namespace protected_memory

// IRTA_REG, 64 bits, RW: the interrupt remapping table, latched by SIRTP
namespace interrupt_table {
inline constexpr std::uint64_t offset = 0xb8;
using Size = Field<3, 0>;                                      // S: 2^(value + 1) entries
using ExtendedMode = Flag<11>;                                 // EIME: destinations of 32 bits; needs ECAP.EIM
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // IRTA

constexpr std::uint64_t entries(std::uint64_t value) { return std::uint64_t{2} << Size::get(value); }
}  // namespace interrupt_table

// IVA_REG, 64 bits, WO, 11.4.6; at ECAP.IRO * 16
namespace invalidate_address {
inline constexpr std::uint64_t offset_from_iro = 0;
using AddressMask = Field<5, 0>;                               // AM: low page number bits to ignore
using LeavesOnly = Flag<6>;                                    // IH: no entry that points to a table was changed
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // ADDR
}  // namespace invalidate_address

// IOTLB_REG, 64 bits, RW, 11.4.6; at ECAP.IRO * 16 + 8. Writing the half with Invalidate submits.
namespace iotlb_invalidate {
inline constexpr std::uint64_t offset_from_iro = 8;
using Domain = Field<47, 32>;                       // DID
using DrainWrites = Flag<48>;                       // DW
using DrainReads = Flag<49>;                        // DR
using Actual = Field<58, 57, IotlbGranularity>;     // IAIG, RO
using Requested = Field<61, 60, IotlbGranularity>;  // IIRG
using Invalidate = Flag<63>;                        // IVT, cleared by the unit when done
}  // namespace iotlb_invalidate

}  // namespace remap::vtd
