// SPDX-License-Identifier: MIT
// The pages on whose contents a map depends: paging structures with a copy of what they held when they were last looked
// at, and pages that the way to them leads through (root, context and PASID tables), which are read anew each time.
#pragma once

#include "iommu/engine/dma_map_port.h"
#include "iommu/engine/followed_table.h"
#include "iommu/engine/ports.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace remap::iommu {

using TableWords = std::array<std::uint64_t, paging::entries_per_table>;

struct WatchedPage {
    PhysicalPage page;
    bool on_the_way = false;
    std::set<TableKey, InOrderOfChange> tables = {};  // that lie here
    std::unique_ptr<TableWords> words = {};           // null: no table ever lay here

    bool idle() const { return tables.empty() && !on_the_way; }
};

class WatchedPages {
public:
    WatchedPages(MemoryPort& memory, DmaMapPort& port) : memory_(memory), port_(port) {}

    // A table lies here. Null: memory does not answer. What is returned lives as long as a table lies there, and beyond
    // that until `tell`.
    WatchedPage* add_table(PhysicalPage page, TableKey table);
    void remove_table(WatchedPage& page, TableKey table);

    // These pages, and no others, are on the way to the tables. False when one of them was not watched before: what was
    // read there may be out of date.
    bool set_way(const std::set<PhysicalPage>& way);

    WatchedPage* find(PhysicalPage page);
    // From the first to the last.
    std::vector<WatchedPage*> find(PhysicalPage first, PhysicalPage last);

    // Words of a page from `first` on, as they are now.
    bool read(PhysicalPage page, unsigned first, std::uint64_t* to, unsigned count);

    // Tells what need not be watched any longer.
    void tell();

    std::size_t size() const { return pages_.size(); }

private:
    WatchedPage& watch(PhysicalPage page);
    void leave(WatchedPage& page);

    MemoryPort& memory_;
    DmaMapPort& port_;
    std::map<PhysicalPage, WatchedPage> pages_;
    std::set<PhysicalPage> way_;
    std::vector<PhysicalPage> idle_;
};

}  // namespace remap::iommu
