// SPDX-License-Identifier: MIT
// Pages for translation tables, all from the owned memory, so that the CPU sees them at their physical address.
#pragma once

#include "iommu/paging/table_port.h"

namespace remap::guest {

class OwnedTables : public paging::TablePort {
public:
    std::optional<PhysicalPage> allocate_table() final;
    void free_table(PhysicalPage page) final;
    volatile std::uint64_t* words(PhysicalPage page) final;
};

// Tables of this CPU. Its page walks are coherent with its stores; what it cached is invalidated by whoever edits.
class CpuTables final : public OwnedTables {
public:
    void publish(PhysicalPage page, unsigned first_word, unsigned count) override;
};

// Tables and queues that an IOMMU reads. Flushes the cache lines even for a unit that snoops: it costs little, and the
// unit may be told apart only after its first table exists.
class DeviceTables final : public OwnedTables {
public:
    void publish(PhysicalPage page, unsigned first_word, unsigned count) override;
};

}  // namespace remap::guest
