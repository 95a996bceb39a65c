// SPDX-License-Identifier: MIT
// What the cache model finds: an access that gets other bytes on hardware than it would get if caches and buffers were
// not there.
#pragma once

#include "base/address.h"
#include "hw/spec/cache_registers.h"
#include "iommu/paging/memory_type.h"
#include "iommu/paging/x86_long.h"

#include <cstdint>
#include <optional>
#include <string>

namespace remap::cache {

using paging::MemoryType;

using spec::cache::FindingKind;

// A processor's access, or the instruction that flushed.
struct Origin {
    std::uint64_t code = 0;  // virtual address of the instruction
    CpuVirtualAddress address;
    unsigned cpu = 0;
    MemoryType type = MemoryType::WriteBack;
};

// A device's access.
struct DmaOrigin {
    std::uint16_t source = 0;  // bus, device and function as on the bus
    LogicalAddress address;    // as the device put it on the bus
    std::uint64_t bytes = 0;
    bool write = false;
    bool snoop = true;
};

struct Finding {
    FindingKind kind = FindingKind::MissedFlush;
    PhysicalAddress first;                // of the bytes that differ
    std::uint64_t bytes = 0;              // from `first` to the last that differs; within one line
    std::optional<Origin> store;          // that made the bytes that are missing, or that overwrites others
    std::optional<Origin> flush;          // that was not ordered (MissedFence)
    std::optional<Origin> load;           // that reads old bytes
    std::optional<Origin> lost;           // whose bytes are overwritten, when it was a processor
    std::optional<DmaOrigin> dma;         // that reads old bytes, or whose bytes are not seen or lost
    std::optional<Origin> other_mapping;  // TypeConflict: `store` has the new one
    std::uint64_t count = 1;              // how often this mistake of this code has been found
};

// A few lines for people: what was wrong, where, what to do.
std::string describe(const Finding& finding);

// Its name in one word, for example "missed-flush".
const char* name_of(FindingKind kind);

// Where findings go. Called by the thread whose access found it, with the model's lock held: must not call the model.
class FindingPort {
public:
    // A mistake that was not found before: of this kind, by the instruction that is to blame.
    virtual void found(const Finding& finding) = 0;

protected:
    ~FindingPort() = default;
};

}  // namespace remap::cache
