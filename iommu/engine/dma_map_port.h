// SPDX-License-Identifier: MIT
// Who is told which memory a device can reach (dma_map.h).
#pragma once

#include "base/address.h"

#include <cstdint>

namespace remap::iommu {

// Called on whatever thread changed something, one call at a time, with the map's lock held: must not call the unit,
// and must not wait for anybody who might. All of one change is told before `settled`; what becomes reachable is told
// before what no longer is.
class DmaMapPort {
public:
    // A run of pages that the device can reach now, or no longer. A page is told once, however many ways lead to it.
    virtual void reachable(PhysicalPage first, std::uint64_t pages) = 0;
    virtual void unreachable(PhysicalPage first, std::uint64_t pages) = 0;

    // A page of tables whose contents count. From now on each store to it is told (Iommu::stored), after it was done.
    // Where it takes longer until stores are seen, the whole page is told once they are.
    virtual void watch(PhysicalPage page) = 0;
    virtual void unwatch(PhysicalPage page) = 0;

    // Nothing is translated: translation is off, or passes the device through. Nothing is told as reachable meanwhile.
    virtual void everything(bool is) = 0;

    // The tables are larger than what is followed (DmaMapLimits): from now on pages may be missing. Told once.
    virtual void incomplete() = 0;

    // A change has been told.
    virtual void settled() = 0;

protected:
    ~DmaMapPort() = default;
};

// Beyond these nothing more is followed: a guest's tables may be as large, and as strange, as it likes.
struct DmaMapLimits {
    std::uint64_t tables = 65536;  // pages of paging structures, of each level and with each right counted for itself
    std::uint64_t entries = 4 << 20;  // that one change makes the map look at
    std::uint64_t runs = 4 << 20;     // of pages with the same number of ways to them
};

struct DmaMapOptions {
    DmaMapLimits limits = {};
    // Pages that can be reached only by accesses that snoop, whatever the device says (SNP, PGSNP), are not told.
    bool past_caches_only = false;
};

}  // namespace remap::iommu
