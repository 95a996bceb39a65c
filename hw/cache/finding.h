// SPDX-License-Identifier: MIT
// What the cache model finds: an access that gets other bytes on hardware than it would get if caches and buffers were
// not there.
#pragma once

#include "base/address.h"
#include "iommu/paging/memory_type.h"
#include "iommu/paging/x86_long.h"

#include <cstdint>
#include <optional>
#include <string>

namespace remap::cache {

using paging::MemoryType;

enum class FindingKind : std::uint8_t {
    // A device reads old bytes from memory:
    MissedFlush = 1,     // what a processor stored is still in its cache, and the access does not snoop
    MissedFence = 2,     // CLFLUSHOPT or CLWB of the line was executed, but nothing has ordered it since
    UndrainedStore = 3,  // what a processor stored is still in its write-combining buffer
    // A processor reads old bytes:
    StaleRead = 4,       // from a line it cached before a device wrote without snooping
    StaleAliasRead = 5,  // from a line it cached before somebody stored past the cache, or past a line not written back
    // A device's bytes, or a processor's that went past the cache, are lost:
    OverwrittenByLine = 6,   // a line that was dirty before is written back over them
    OverwrittenByStore = 7,  // a write-combining buffer that was filled before is emptied over them
    // Mappings of one page:
    TypeConflict = 8,  // two of them have different memory types
};

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
