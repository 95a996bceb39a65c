// SPDX-License-Identifier: MIT
#include "iommu/lab/advice.h"

#include <fmt/format.h>

#include <cctype>

namespace remap::lab {

namespace {

using vtd::FaultReason;

// Puts sentences together: what to change, and what must be invalidated afterwards.
class Words {
public:
    explicit Words(const Circumstances& about) : about_(about) {}

    // Of an entry that may be cached.
    std::string change(const std::string& what, const std::string& cache) const {
        return fmt::format("{}, then invalidate {}", what, cache);
    }
    // Of an entry that is cached only by a unit that caches everything (VT-d section 6.1).
    std::string fill(const std::string& what, const std::string& cache) const {
        return about_.caching_mode ? change(what, cache) + ", as CAP.CM is 1" : what;
    }
    std::string not_present(const std::string& what, const std::string& cache) const {
        return fill(about_.entry + " is not present: " + what, cache);
    }
    std::string reserved(const std::string& cache) const {
        return fill(about_.entry + " has " + about_.reserved + " set, which must be 0: clear them", cache);
    }
    std::string unreadable() const {
        return about_.entry + " lies where there is no RAM: correct the address in what leads to it";
    }
    std::string lacks(const std::string& right) const {
        if (!about_.present) return not_present("map the page", about_.translations);
        return change(fmt::format("{} lacks {}: map the page with that right", about_.entry, right),
                      about_.translations);
    }

private:
    const Circumstances& about_;
};

std::string of_tables(FaultReason reason, const Circumstances& about) {
    const Words say(about);
    const std::string contexts = "the context cache for " + about.device;
    const std::string pasids = "the PASID cache for " + about.device;
    switch (reason) {
        case FaultReason::RootNotPresent:
        case FaultReason::ScalableRootNotPresent: return say.not_present("give the bus a context table", contexts);
        case FaultReason::ContextNotPresent:
        case FaultReason::ScalableContextNotPresent:
            return say.not_present("attach " + about.device + " to a domain", contexts);
        case FaultReason::RootUnreadable:
        case FaultReason::ScalableRootUnreadable:
            return about.entry + " lies where there is no RAM: set RTADDR_REG to the root table, then set SRTP";
        case FaultReason::ContextUnreadable:
        case FaultReason::ScalableContextUnreadable:
        case FaultReason::PasidDirectoryUnreadable:
        case FaultReason::PasidUnreadable: return say.unreadable();
        case FaultReason::RootReserved:
        case FaultReason::ScalableRootReserved:
        case FaultReason::ContextReserved:
        case FaultReason::ScalableContextReserved: return say.reserved(contexts);
        case FaultReason::ContextInvalid:
            return say.fill(about.entry +
                                " has a type or width that the unit does not have (CAP.SAGAW, ECAP), or its "
                                "top table lies where there is no RAM: correct it",
                            contexts);
        case FaultReason::ScalableContextInvalid:
            return say.fill("RID_PASID of " + about.entry +
                                " lies beyond the PASID directory: set a lower one, or a "
                                "larger PDTS",
                            contexts);
        case FaultReason::TypeBlocked:
            return say.change(about.entry + " blocks translated and translation requests: set TT to 1 if " +
                                  about.device + " may use its device TLB, or turn ATS off in the device",
                              contexts);
        case FaultReason::DeviceTlbBlocked:
            return say.change(about.entry + " has DTE clear: set it if " + about.device +
                                  " may use its device TLB, or turn ATS off in the device",
                              contexts);
        case FaultReason::PasidBlocked:
            return say.change(about.entry + " has PASIDE clear: set it, or have the device send no PASID", contexts);
        case FaultReason::PasidBeyondDirectory:
            return say.change("the PASID lies beyond the PASID directory of " + about.entry +
                                  ": use a lower one, or a larger directory and PDTS",
                              contexts);
        case FaultReason::PageRequestBlocked:
            return say.change(about.entry + " has PRE clear: set it, or turn page requests off in the device",
                              contexts);
        case FaultReason::RequesterPasidInvalid:
            return say.change("RID_PASID of " + about.entry + " is not valid: set one that the directory reaches",
                              contexts);
        case FaultReason::PasidDirectoryNotPresent:
            return say.not_present("give these 64 PASIDs a PASID table", pasids);
        case FaultReason::PasidNotPresent: return say.not_present("bind the PASID to tables", pasids);
        case FaultReason::PasidDirectoryReserved:
        case FaultReason::PasidReserved: return say.reserved(pasids);
        case FaultReason::PasidInvalid:
            return say.fill(about.entry + " has a PGTT, AW or FSPM that the unit does not have (CAP, ECAP): correct it",
                            pasids);
        case FaultReason::ExecuteBlocked:
            return "the unit has no requests to execute: have the device send the request as a read";
        case FaultReason::SupervisorBlocked:
            return say.change(about.entry +
                                  " has SRE clear: set it, or have the device send the request without "
                                  "privilege",
                              pasids);
        default: return {};
    }
}

std::string of_registers(FaultReason reason) {
    switch (reason) {
        case FaultReason::BadRootTableMode:
            return "RTADDR_REG has a translation mode (TTM) that the unit does not have: set another one, then set "
                   "SRTP";
        case FaultReason::PasidInLegacyMode:
            return "the unit is in legacy mode, which knows no PASIDs: use scalable mode (TTM of RTADDR_REG), or have "
                   "the device send no PASID";
        case FaultReason::PageRequestInLegacyMode:
            return "the unit is in legacy mode, which knows no page requests: use scalable mode (TTM of RTADDR_REG), "
                   "or "
                   "turn page requests off in the device";
        default: return {};
    }
}

std::string of_pages(FaultReason reason, const Circumstances& about) {
    const Words say(about);
    switch (reason) {
        case FaultReason::AddressBeyondWidth:
        case FaultReason::ScalableAddressBeyondWidth:
            return "the address has more bits than the tables translate (or, of a device that passes through, than "
                   "physical addresses have): hand the device a lower one, or use tables of more levels (AW)";
        case FaultReason::HostAddressBeyondWidth:
            return "the address is not translated, and has more bits than physical addresses have: correct what the "
                   "device was given";
        case FaultReason::NotCanonical:
            return "the address is not canonical: bits above the width of the first stage have to equal its top bit";
        case FaultReason::NoWrite:
        case FaultReason::ScalableNoWrite: return say.lacks("the right to write");
        case FaultReason::NoRead:
        case FaultReason::ScalableNoRead: return say.lacks("the right to read");
        case FaultReason::NoExecute: return say.lacks("the right to execute");
        case FaultReason::NotForUser:
            return say.change(about.entry +
                                  " has U/S clear: map the page for users, or have the device send the "
                                  "request with privilege (and set SRE)",
                              about.translations);
        case FaultReason::FirstStageNotPresent:
            return say.not_present("map the page in the first stage", about.translations);
        case FaultReason::SecondStageNotPresent:
            return about.present ? say.change("the entries down to " + about.entry +
                                                  " leave no right over: give all "
                                                  "of them the rights of the page",
                                              about.translations)
                                 : say.not_present("map the page in the second stage", about.translations);
        case FaultReason::PagingReserved:
        case FaultReason::FirstStageReserved:
        case FaultReason::SecondStageReserved: return say.reserved(about.translations);
        case FaultReason::PagingEntryUnreadable:
        case FaultReason::FirstStageUnreadable:
        case FaultReason::FirstStageRootUnreadable:
        case FaultReason::SecondStageUnreadable:
        case FaultReason::SecondStageRootUnreadable: return say.unreadable();
        case FaultReason::NestedEntryBeyondWidth:
            return "a first-stage table lies at a guest-physical address beyond the second stage's width: move the "
                   "table, or use a second stage of more levels (AW)";
        case FaultReason::NestedRootNotReadable:
        case FaultReason::NestedEntryNotReadable:
            return say.change("the second stage does not let the unit read a table of the first stage, by " +
                                  about.entry + ": map the table's page readable",
                              about.translations);
        case FaultReason::NestedEntryNotWritable:
            return say.change(
                "the second stage does not let the unit set accessed and dirty bits in a table of the "
                "first stage, by " +
                    about.entry + ": map the table's page writable",
                about.translations);
        case FaultReason::FirstStageUpdateNeedsSnoop:
        case FaultReason::SecondStageUpdateNeedsSnoop:
            return say.change(
                "an accessed or dirty bit has to be set, and walks do not snoop: set PWSNP in the PASID "
                "table entry, or the bits in the entries",
                "the PASID cache for " + about.device);
        case FaultReason::FirstStageUpdateFailed:
        case FaultReason::SecondStageUpdateFailed:
            return "an accessed or dirty bit cannot be set in " + about.entry +
                   ": keep tables in RAM that can be written, and do not change entries all the time";
        case FaultReason::InterruptOutput:
        case FaultReason::ScalableInterruptOutput:
            return say.change(about.entry +
                                  " leads into the interrupt range 0xfee00000 to 0xfeefffff, which no "
                                  "memory request may reach: map another page",
                              about.translations);
        default: return {};
    }
}

std::string of_interrupts(FaultReason reason, const Circumstances& about) {
    const Words say(about);
    const std::string cache = "the interrupt entry cache";
    switch (reason) {
        case FaultReason::InterruptRequestReserved:
            return "the message has bits set above the subhandle: write only its low 16 bits to the device's MSI data";
        case FaultReason::InterruptIndexBeyondTable:
            return "the message names an entry beyond the table: set up the device with a handle that was allocated, "
                   "or give IRTA_REG a larger table";
        case FaultReason::InterruptNotPresent:
            return say.not_present("set it up before the device may send the interrupt", cache);
        case FaultReason::InterruptUnreadable:
            return about.entry + " lies where there is no RAM: set IRTA_REG to the table, then set SIRTP";
        case FaultReason::InterruptReserved: return say.reserved(cache);
        case FaultReason::InterruptFormatBlocked:
            return "the message is in the compatibility format, which is blocked: set up the device with a remappable "
                   "message";
        case FaultReason::InterruptSourceRefused:
            return say.change(about.entry + " is for another source (SID, SQ, SVT): give it the requester id of " +
                                  about.device + ", or the device an entry of its own",
                              cache);
        default: return {};
    }
}

// `default` above is for the reasons of the other tables; that none is left out is a test's business.
std::string unfinished(FaultReason reason, const Circumstances& about) {
    if (reason == FaultReason::None) return "nothing needs to be done";
    for (const std::string& text :
         {of_registers(reason), of_tables(reason, about), of_pages(reason, about), of_interrupts(reason, about)}) {
        if (!text.empty()) return text;
    }
    return fmt::format("fault 0x{:x} is none of the specification's", static_cast<unsigned>(reason));
}

}  // namespace

std::string advice_on(FaultReason reason, const Circumstances& about) {
    std::string text = unfinished(reason, about);
    text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    return text + ".";
}

}  // namespace remap::lab
