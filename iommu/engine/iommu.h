// SPDX-License-Identifier: MIT
// One emulated VT-d remapping unit: registers on one side, translation of device accesses on the other.
#pragma once

#include "base/address.h"
#include "iommu/engine/ports.h"

#include <cstdint>
#include <memory>

namespace remap::iommu {

// PCI requester: bus 15:8, device 7:3, function 2:0.
struct SourceId {
    std::uint16_t value = 0;
};

enum class Access : std::uint8_t { Read, Write };

struct Options {
    unsigned address_width = 48;       // bits a device's address may have: 39 or 48
    bool huge_pages = true;            // second-stage leaves of 2 MiB and 1 GiB
    unsigned host_address_width = 46;  // bits of physical addresses, 32 to 52; what the DMAR table tells
};

// The address type (AT) of a PCIe memory request. The unit offers no device TLBs, so that only the first kind is
// served.
enum class RequestType : std::uint8_t { Untranslated, Translation, Translated };

// What a device's access meets. `granule` bytes around the address (a power of two, at least a page, naturally aligned
// on both sides) translate alike and with the same rights, so that a caller may use the answer for all of them once.
struct Translation {
    bool allowed = false;
    PhysicalAddress address;    // of the very byte asked for; meaningless when not allowed
    std::uint64_t granule = 0;  // bytes
    bool readable = false;
    bool writable = false;
    std::uint8_t fault_reason = 0;  // when not allowed: the specification's fault reason (iommu/spec/fault.h), else 0
};

// Thread safe: registers and translations may be used from any thread. Ports must outlive the object.
class Iommu {
public:
    // Size in bytes of the register window.
    static constexpr std::uint64_t window_size = 4096;

    Iommu(const Options& options, MemoryPort& memory, InterruptPort& interrupts);
    ~Iommu();
    Iommu(const Iommu&) = delete;
    Iommu& operator=(const Iommu&) = delete;

    // Register access of `bytes` (4 or 8) at an offset into the window. Any other size or a misaligned offset reads as
    // zero and writes nothing, as do offsets that hold no register.
    std::uint64_t read(std::uint64_t offset, unsigned bytes);
    void write(std::uint64_t offset, std::uint64_t value, unsigned bytes);

    // Translates one access of a device and records the fault (and sends its interrupt) when it is refused. The access
    // lies within one page. Writes to the interrupt range 0xfee00000-0xfeefffff pass untranslated.
    Translation translate(SourceId source, LogicalAddress address, Access access,
                          RequestType type = RequestType::Untranslated);

    // As translate, but leaves no trace: no fault record, nothing cached. For debuggers and monitors.
    Translation probe(SourceId source, LogicalAddress address, Access access);

    // Power-on state: registers at their reset values, all caches empty.
    void reset();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace remap::iommu
