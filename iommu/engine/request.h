// SPDX-License-Identifier: MIT
// What a device asks of the unit, and the answer.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <optional>

namespace remap::iommu {

// PCI requester: bus 15:8, device 7:3, function 2:0.
struct SourceId {
    std::uint16_t value = 0;
    friend constexpr bool operator==(SourceId, SourceId) = default;
};

// A process address space identifier, 20 bits.
struct Pasid {
    std::uint32_t value = 0;
    friend constexpr bool operator==(Pasid, Pasid) = default;
};
inline constexpr unsigned pasid_width = 20;

// Of a translation request: whether rights to write are asked for (the No Write flag is clear).
enum class Access : std::uint8_t { Read, Write };

// The address type (AT) of a PCIe memory request.
enum class RequestType : std::uint8_t { Untranslated, Translation, Translated };

// Whether an interrupt's table entry is asked if it is for this source (SVT). Not asked: for a machine in which who
// sends an interrupt cannot be known.
enum class SourceCheck : std::uint8_t { ByEntry, None };

struct Request {
    SourceId source;
    LogicalAddress address;
    Access access = Access::Read;
    RequestType type = RequestType::Untranslated;
    std::optional<Pasid> pasid = {};  // the PASID TLP prefix, and what it says of the request:
    bool privileged = false;          // supervisor rights wanted (PR)
    bool execute = false;             // instructions are read (ER); reads only
};

// A page that a device wants to have (PCIe's PRI; VT-d section 7.4). One that asks for neither reading nor writing, and
// is the last of its group, is a stop marker.
struct PageRequest {
    SourceId source;
    LogicalAddress address = {};  // anywhere in the page
    bool read = false;
    bool write = false;
    std::optional<Pasid> pasid = {};
    bool privileged = false;
    bool execute = false;
    bool last = true;         // of its group: what software answers, it answers to the last one
    std::uint16_t group = 0;  // 9 bits

    bool is_stop_marker() const { return last && !read && !write; }
};

// What a device's access meets. `granule` bytes around the address (a power of two, at least a page, naturally aligned
// on both sides) translate alike and with the same rights, so that a caller may use the answer for all of them once.
struct Translation {
    bool allowed = false;
    PhysicalAddress address;    // of the very byte asked for; meaningless when not allowed
    std::uint64_t granule = 0;  // bytes
    bool readable = false;      // to requests of the same kind
    bool writable = false;
    bool snooped = false;           // the access has to snoop the processors' caches, whatever the device says
    std::uint8_t fault_reason = 0;  // when not allowed: the specification's fault reason (iommu/spec/fault.h), else 0;
                                    // 0 as well when an injector has refused it and nothing was recorded

    // Of translation requests, for which `allowed` says that there is a right. When it is not and `refused` is neither,
    // the device may ask for the page.
    bool refused = false;            // answered with an error (Unsupported Request)
    bool untranslated_only = false;  // U: to be accessed by untranslated requests alone
    bool privileged = false;         // the rights are those of privileged requests

    bool tampered = false;  // an injector had part in it: it holds for this access alone
};

}  // namespace remap::iommu
