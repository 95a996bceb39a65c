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
    bool privileged = false;     // supervisor rights wanted (PR)
    bool execute = false;        // instructions are read (ER); reads only
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
    std::uint8_t fault_reason = 0;  // when not allowed: the specification's fault reason (iommu/spec/fault.h), else 0
};

}  // namespace remap::iommu
