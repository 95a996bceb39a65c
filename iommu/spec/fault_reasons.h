// SPDX-License-Identifier: MIT
// Why a request was refused (VT-d sections 7.1.3, translation, and 5.1.4, interrupts). The code of the condition is the
// manual's; its sub-codes share one reason.
#pragma once

#include <cstdint>

namespace remap::vtd {

enum class FaultReason : std::uint8_t {
    None = 0x0,

    // Legacy mode
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

    // Interrupt remapping
    InterruptRequestReserved = 0x20,   // a reserved field of a remappable request
    InterruptIndexBeyondTable = 0x21,  // or its entry lies beyond the host address width
    InterruptNotPresent = 0x22,
    InterruptUnreadable = 0x23,
    InterruptReserved = 0x24,       // a reserved field of a present entry
    InterruptFormatBlocked = 0x25,  // a compatibility-format request, with EIME set or CFIS clear
    InterruptSourceRefused = 0x26,  // source validation

    // Root table register, any mode
    BadRootTableMode = 0x30,         // RTA.1
    PasidInLegacyMode = 0x31,        // RTA.2: a request with a PASID
    PageRequestInLegacyMode = 0x32,  // RTA.3

    // Scalable mode: tables
    ScalableRootUnreadable = 0x38,     // SRT.1
    ScalableRootNotPresent = 0x39,     // SRT.2
    ScalableRootReserved = 0x3a,       // SRT.3
    ScalableContextUnreadable = 0x40,  // SCT.1
    ScalableContextNotPresent = 0x41,  // SCT.2
    ScalableContextReserved = 0x42,    // SCT.3
    ScalableContextInvalid = 0x43,     // SCT.4: also a RID_PASID that the directory does not reach
    DeviceTlbBlocked = 0x44,           // SCT.5: translated or translation request, DTE clear
    PasidBlocked = 0x45,               // SCT.6: a request with a PASID, PASIDE clear
    PasidBeyondDirectory = 0x46,       // SCT.7: of a request with a PASID
    PageRequestBlocked = 0x47,         // SCT.8: PRE clear
    RequesterPasidInvalid = 0x48,      // SCT.9
    PasidDirectoryUnreadable = 0x50,   // SPD.1
    PasidDirectoryNotPresent = 0x51,   // SPD.2
    PasidDirectoryReserved = 0x52,     // SPD.3
    PasidUnreadable = 0x58,            // SPT.1
    PasidNotPresent = 0x59,            // SPT.2
    PasidReserved = 0x5a,              // SPT.3
    PasidInvalid = 0x5b,               // SPT.4: type, width or paging mode not supported
    ExecuteBlocked = 0x5c,             // SPT.5: ERE clear
    SupervisorBlocked = 0x5d,          // SPT.6: SRE clear

    // Scalable mode: first-stage entries
    FirstStageUnreadable = 0x70,        // SFS.1: below the top level
    FirstStageNotPresent = 0x71,        // SFS.2
    FirstStageReserved = 0x72,          // SFS.3
    FirstStageRootUnreadable = 0x73,    // SFS.4: of the top level
    NestedEntryBeyondWidth = 0x74,      // SFS.5: the address of a first-stage entry, as all of these in nested mode
    NestedRootNotReadable = 0x75,       // SFS.6: of the top level
    NestedEntryNotReadable = 0x76,      // SFS.7: below the top level
    NestedEntryNotWritable = 0x77,      // SFS.8: an accessed or dirty bit has to be set
    FirstStageUpdateNeedsSnoop = 0x90,  // SFS.9: an accessed or dirty bit has to be set, but walks do not snoop
    FirstStageUpdateFailed = 0x91,      // SFS.10

    // Scalable mode: second-stage entries
    SecondStageUnreadable = 0x78,        // SSS.1: below the top level
    SecondStageNotPresent = 0x79,        // SSS.2: neither readable nor writable
    SecondStageReserved = 0x7a,          // SSS.3
    SecondStageRootUnreadable = 0x7b,    // SSS.4: of the top level
    SecondStageUpdateNeedsSnoop = 0x7c,  // SSS.5: an accessed or dirty bit has to be set, but walks do not snoop
    SecondStageUpdateFailed = 0x7d,      // SSS.6

    // Scalable mode: requests
    NotCanonical = 0x80,                // SGN.1: input of the first stage
    NotForUser = 0x81,                  // SGN.2: user request, and an entry with U/S clear
    NoExecute = 0x82,                   // SGN.3
    HostAddressBeyondWidth = 0x83,      // SGN.4: pass-through
    ScalableAddressBeyondWidth = 0x84,  // SGN.5: input of the second stage
    ScalableNoWrite = 0x85,             // SGN.6
    ScalableNoRead = 0x86,              // SGN.7
    ScalableInterruptOutput = 0x87,     // SGN.8: the result lies in the interrupt range
};

// Whether a fault processing disable bit silences this fault (column "Qualified" of the manual's tables): that of the
// interrupt entry, that of the context entry, and in scalable mode also those of the PASID directory and table entries.
// Each counts once it was read, present or not. A table that could not be read is always told of.
constexpr bool is_qualified(FaultReason reason) {
    switch (reason) {
        case FaultReason::RootNotPresent:
        case FaultReason::RootUnreadable:
        case FaultReason::ContextUnreadable:
        case FaultReason::RootReserved:
        case FaultReason::InterruptRequestReserved:
        case FaultReason::InterruptIndexBeyondTable:
        case FaultReason::InterruptUnreadable:
        case FaultReason::InterruptFormatBlocked:
        case FaultReason::BadRootTableMode:
        case FaultReason::PasidInLegacyMode:
        case FaultReason::PageRequestInLegacyMode:
        case FaultReason::ScalableRootUnreadable:
        case FaultReason::ScalableRootNotPresent:
        case FaultReason::ScalableRootReserved:
        case FaultReason::ScalableContextUnreadable:
        case FaultReason::PasidDirectoryUnreadable:
        case FaultReason::PasidUnreadable: return false;
        default: return true;
    }
}

// Interrupt remapping faults have an interrupt index in the record instead of an address.
constexpr bool is_interrupt_fault(FaultReason reason) {
    return reason >= FaultReason::InterruptRequestReserved && reason <= FaultReason::InterruptSourceRefused;
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
        case FaultReason::InterruptRequestReserved: return "reserved bit set in an interrupt request";
        case FaultReason::InterruptIndexBeyondTable: return "interrupt index beyond the table";
        case FaultReason::InterruptNotPresent: return "interrupt entry not present";
        case FaultReason::InterruptUnreadable: return "interrupt entry unreadable";
        case FaultReason::InterruptReserved: return "reserved bit set in an interrupt entry";
        case FaultReason::InterruptFormatBlocked: return "compatibility-format interrupt blocked";
        case FaultReason::InterruptSourceRefused: return "interrupt from a source that the entry does not allow";
        case FaultReason::BadRootTableMode: return "translation mode of the root table not supported";
        case FaultReason::PasidInLegacyMode: return "request with a PASID in legacy mode";
        case FaultReason::PageRequestInLegacyMode: return "page request in legacy mode";
        case FaultReason::ScalableRootUnreadable: return "scalable root entry unreadable";
        case FaultReason::ScalableRootNotPresent: return "scalable root entry not present";
        case FaultReason::ScalableRootReserved: return "reserved bit set in a scalable root entry";
        case FaultReason::ScalableContextUnreadable: return "scalable context entry unreadable";
        case FaultReason::ScalableContextNotPresent: return "scalable context entry not present";
        case FaultReason::ScalableContextReserved: return "reserved bit set in a scalable context entry";
        case FaultReason::ScalableContextInvalid: return "scalable context entry invalid";
        case FaultReason::DeviceTlbBlocked: return "device TLB not enabled in the context entry";
        case FaultReason::PasidBlocked: return "PASIDs not enabled in the context entry";
        case FaultReason::PasidBeyondDirectory: return "PASID beyond the directory";
        case FaultReason::PageRequestBlocked: return "page requests not enabled in the context entry";
        case FaultReason::RequesterPasidInvalid: return "PASID of the context entry invalid";
        case FaultReason::PasidDirectoryUnreadable: return "PASID directory entry unreadable";
        case FaultReason::PasidDirectoryNotPresent: return "PASID directory entry not present";
        case FaultReason::PasidDirectoryReserved: return "reserved bit set in a PASID directory entry";
        case FaultReason::PasidUnreadable: return "PASID entry unreadable";
        case FaultReason::PasidNotPresent: return "PASID entry not present";
        case FaultReason::PasidReserved: return "reserved bit set in a PASID entry";
        case FaultReason::PasidInvalid: return "PASID entry invalid";
        case FaultReason::ExecuteBlocked: return "execute requests not enabled in the PASID entry";
        case FaultReason::SupervisorBlocked: return "supervisor requests not enabled in the PASID entry";
        case FaultReason::FirstStageUnreadable: return "first-stage entry unreadable";
        case FaultReason::FirstStageNotPresent: return "first-stage entry not present";
        case FaultReason::FirstStageReserved: return "reserved bit set in a first-stage entry";
        case FaultReason::FirstStageRootUnreadable: return "first-stage root entry unreadable";
        case FaultReason::NestedEntryBeyondWidth: return "first-stage table beyond the second stage's width";
        case FaultReason::NestedRootNotReadable: return "second stage gives no read of the first-stage root";
        case FaultReason::NestedEntryNotReadable: return "second stage gives no read of a first-stage table";
        case FaultReason::NestedEntryNotWritable: return "second stage gives no write of a first-stage table";
        case FaultReason::FirstStageUpdateNeedsSnoop: return "first-stage accessed or dirty bit without snooping";
        case FaultReason::FirstStageUpdateFailed: return "first-stage accessed or dirty bit could not be set";
        case FaultReason::SecondStageUnreadable: return "second-stage entry unreadable";
        case FaultReason::SecondStageNotPresent: return "second-stage entry not present";
        case FaultReason::SecondStageReserved: return "reserved bit set in a second-stage entry";
        case FaultReason::SecondStageRootUnreadable: return "second-stage root entry unreadable";
        case FaultReason::SecondStageUpdateNeedsSnoop: return "second-stage accessed or dirty bit without snooping";
        case FaultReason::SecondStageUpdateFailed: return "second-stage accessed or dirty bit could not be set";
        case FaultReason::NotCanonical: return "address not canonical";
        case FaultReason::NotForUser: return "page not for user requests";
        case FaultReason::NoExecute: return "no execute permission";
        case FaultReason::HostAddressBeyondWidth: return "address beyond the host width";
        case FaultReason::ScalableAddressBeyondWidth: return "address beyond the second stage's width";
        case FaultReason::ScalableNoWrite: return "no write permission (scalable mode)";
        case FaultReason::ScalableNoRead: return "no read permission (scalable mode)";
        case FaultReason::ScalableInterruptOutput: return "translated into the interrupt range (scalable mode)";
    }
    return "unknown fault reason";
}

}  // namespace remap::vtd
