// SPDX-License-Identifier: MIT
// VT-d registers in legacy mode. Section numbers are those of the Intel VT-d specification, revision 4 and later.
//
// A namespace a register: its offset in the window in bytes, then its fields. The comment over it says the manual's
// name, width, access and section. Access: RO read only, RW, W1C write 1 to clear, WO reads as zero.
#pragma once

#include "base/bits.h"

#include <cstdint>

namespace remap::vtd {

// VER_REG, 32 bits, RO, 11.4.1
namespace version {
inline constexpr std::uint64_t offset = 0x00;
using Minor = Field<3, 0>;
using Major = Field<7, 4>;
}  // namespace version

// CAP_REG, 64 bits, RO, 11.4.2
namespace capability {
inline constexpr std::uint64_t offset = 0x08;
using DomainsSupported = Field<2, 0>;        // ND: 2^(4 + 2 * value) domain ids
using AdvancedFaultLogging = Flag<3>;        // AFL
using WriteBufferFlushing = Flag<4>;         // RWBF
using ProtectedLowMemory = Flag<5>;          // PLMR
using ProtectedHighMemory = Flag<6>;         // PHMR
using CachingMode = Flag<7>;                 // CM: faulting translations may be cached too
using AdjustedGuestWidths = Field<12, 8>;    // SAGAW: bit 1 is 39 bits (3 levels), bit 2 is 48 (4), bit 3 is 57 (5)
using MaximumGuestWidth = Field<21, 16>;     // MGAW: bits of a device's address, less one
using ZeroLengthRead = Flag<22>;             // ZLR
using FaultRecordOffset = Field<33, 24>;     // FRO: of the first fault recording register, in 16 bytes
using LargePages = Field<37, 34>;            // SLLPS, SSLPS: bit 0 is 2 MiB leaves, bit 1 is 1 GiB
using PageSelectiveInvalidation = Flag<39>;  // PSI
using FaultRecords = Field<47, 40>;          // NFR: number of fault recording registers, less one
using MaximumAddressMask = Field<53, 48>;    // MAMV: largest address mask of a page-selective invalidation
using DrainWrites = Flag<54>;                // DWD
using DrainReads = Flag<55>;                 // DRD
using EnhancedInterruptTable = Flag<62>;     // ESIRTPS
using EnhancedRootTable = Flag<63>;          // ESRTPS: setting the root table pointer empties the caches
}  // namespace capability

// ECAP_REG, 64 bits, RO, 11.4.3
namespace extended_capability {
inline constexpr std::uint64_t offset = 0x10;
using Coherent = Flag<0>;                  // C: walks snoop the CPU's caches
using QueuedInvalidation = Flag<1>;        // QI
using DeviceTlb = Flag<2>;                 // DT
using InterruptRemapping = Flag<3>;        // IR
using PassThrough = Flag<6>;               // PT
using SnoopControl = Flag<7>;              // SC
using IotlbRegisterOffset = Field<17, 8>;  // IRO: of IVA_REG, in 16 bytes
using ScalableMode = Flag<43>;             // SMTS
}  // namespace extended_capability

// GCMD_REG, 32 bits, WO, 11.4.4.1; and GSTS_REG, 32 bits, RO, 11.4.4.2, which has the state at the same bits
namespace global_command {
inline constexpr std::uint64_t offset = 0x18;
inline constexpr std::uint64_t status_offset = 0x1c;
using CompatibilityInterrupt = Flag<23>;  // CFI
using SetInterruptTable = Flag<24>;       // SIRTP, one-shot
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
enum class Mode : std::uint8_t { Legacy = 0, Scalable = 1, Reserved = 2, Abort = 3 };
using TranslationMode = Field<11, 10, Mode>;                   // TTM
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // RTA
}  // namespace root_table

// What an invalidation asks for; also the value for what was done (0: request refused).
enum class ContextGranularity : std::uint8_t { None = 0, Global = 1, Domain = 2, Device = 3 };
enum class IotlbGranularity : std::uint8_t { None = 0, Global = 1, Domain = 2, Page = 3 };

// CCMD_REG, 64 bits, RW, 11.4.6.1. Writing the half with Invalidate submits.
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

// FECTL_REG, 32 bits, 11.4.7.2; IECTL_REG, 32 bits, 11.4.9.5
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

// PMEN_REG, 32 bits, 11.4.8: reads as zero where CAP has neither PLMR nor PHMR
namespace protected_memory {
inline constexpr std::uint64_t offset = 0x64;
}  // namespace protected_memory

// IQH_REG, 64 bits, RO, 11.4.9.1
namespace queue_head {
inline constexpr std::uint64_t offset = 0x80;
inline constexpr std::uint64_t position = Field<18, 4>::mask;  // QH: bytes from the queue's start
}  // namespace queue_head

// IQT_REG, 64 bits, RW, 11.4.9.2
namespace queue_tail {
inline constexpr std::uint64_t offset = 0x88;
inline constexpr std::uint64_t position = Field<18, 4>::mask;  // QT: bytes from the queue's start
}  // namespace queue_tail

// IQA_REG, 64 bits, RW, 11.4.9.3
namespace queue_address {
inline constexpr std::uint64_t offset = 0x90;
using Size = Field<2, 0>;                                      // QS: 2^value pages
using WideDescriptors = Flag<11>;                              // DW: 256-bit descriptors, needs scalable mode
inline constexpr std::uint64_t address = Field<63, 12>::mask;  // IQA
}  // namespace queue_address

// ICS_REG, 32 bits, 11.4.9.4
namespace completion_status {
inline constexpr std::uint64_t offset = 0x9c;
using WaitComplete = Flag<0>;  // IWC, W1C
}  // namespace completion_status

// IQERCD_REG, 64 bits, RO, 11.4.9.9: why IQE was set
namespace queue_error {
inline constexpr std::uint64_t offset = 0xb0;
enum class Info : std::uint8_t {
    None = 0,
    BadTail = 1,             // the tail is beyond the queue
    Unreadable = 2,          // a descriptor could not be fetched
    BadType = 3,             // no descriptor type, or not one of this mode
    ReservedField = 4,       // a reserved field is not zero
    BadWidth = 5,            // a descriptor width that the mode does not have
    UnalignedTail = 6,       // the tail is not a multiple of the descriptor width
    BadTranslationMode = 7,  // RTADDR_REG.TTM
};
using Error = Field<3, 0, Info>;  // IQEI
}  // namespace queue_error

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
