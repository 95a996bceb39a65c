// SPDX-License-Identifier: MIT
// What a unit says of itself: version and capability registers (VT-d sections 11.4.1 to 11.4.3).
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
using ZeroLengthRead = Flag<22>;             // ZLR: of pages that may only be written
using FaultRecordOffset = Field<33, 24>;     // FRO: of the first fault recording register, in 16 bytes
using LargePages = Field<37, 34>;            // SLLPS, SSLPS: bit 0 is 2 MiB leaves, bit 1 is 1 GiB; second stage
using PageSelectiveInvalidation = Flag<39>;  // PSI: of second-stage translations
using FaultRecords = Field<47, 40>;          // NFR: number of fault recording registers, less one
using MaximumAddressMask = Field<53, 48>;    // MAMV: largest address mask of a page-selective invalidation
using DrainWrites = Flag<54>;                // DWD
using DrainReads = Flag<55>;                 // DRD
using FirstStageHugePages = Flag<56>;        // FS1GP: 1 GiB leaves in first-stage tables; 2 MiB ones always are
using PostedInterrupts = Flag<59>;           // PI
using FirstStageFiveLevels = Flag<60>;       // FS5LP
using EnhancedCommands = Flag<61>;           // ECMDS
using EnhancedInterruptTable = Flag<62>;     // ESIRTPS: setting the interrupt table pointer empties the entry cache
using EnhancedRootTable = Flag<63>;          // ESRTPS: setting the root table pointer empties the caches
}  // namespace capability

// ECAP_REG, 64 bits, RO, 11.4.3
namespace extended_capability {
inline constexpr std::uint64_t offset = 0x10;
using Coherent = Flag<0>;                   // C: walks in legacy mode snoop the CPU's caches
using QueuedInvalidation = Flag<1>;         // QI
using DeviceTlb = Flag<2>;                  // DT
using InterruptRemapping = Flag<3>;         // IR
using ExtendedInterruptMode = Flag<4>;      // EIM: destinations of 32 bits (x2APIC)
using PassThrough = Flag<6>;                // PT
using SnoopControl = Flag<7>;               // SC
using IotlbRegisterOffset = Field<17, 8>;   // IRO: of IVA_REG, in 16 bytes
using MaximumHandleMask = Field<23, 20>;    // MHMV: largest index mask of an interrupt-entry invalidation
using MemoryType = Flag<25>;                // MTS
using Nested = Flag<26>;                    // NEST
using PageRequest = Flag<29>;               // PRS
using ExecuteRequest = Flag<30>;            // ERS: 0 from revision 4.1 on, which has no execute requests
using SupervisorRequest = Flag<31>;         // SRS
using NoWriteFlag = Flag<33>;               // NWFS
using ExtendedAccessedFlag = Flag<34>;      // EAFS
using PasidSize = Field<39, 35>;            // PSS: bits of a PASID, less one
using Pasid = Flag<40>;                     // PASID: requests that carry one
using DeviceTlbThrottle = Flag<41>;         // DIT
using PageRequestDrain = Flag<42>;          // PDS
using ScalableMode = Flag<43>;              // SMTS
using VirtualCommands = Flag<44>;           // VCS
using SecondStageAccessedDirty = Flag<45>;  // SSADS
using SecondStage = Flag<46>;               // SSTS: in scalable mode
using FirstStage = Flag<47>;                // FSTS: in scalable mode
using ScalableCoherent = Flag<48>;          // SMPWCS: walks in scalable mode can snoop the CPU's caches
using RequesterPasid = Flag<49>;            // RPS: RID_PASID of a context entry; without it 0 is used
using PerformanceMonitoring = Flag<51>;     // PMS
using AbortDmaMode = Flag<52>;              // ADMS
using RequesterPrivilege = Flag<53>;        // RPRIVS: RID_PRIV of a context entry
}  // namespace extended_capability

}  // namespace remap::vtd
