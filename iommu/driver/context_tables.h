// SPDX-License-Identifier: MIT
// The root table and the context tables of its buses (VT-d sections 3.4.2, 9.1, 9.3).
#pragma once

#include "base/address.h"
#include "iommu/paging/table_port.h"

#include <cstdint>
#include <optional>

namespace remap::vtd_driver {

class ContextTables {
public:
    explicit ContextTables(paging::TablePort& tables) : tables_(tables) {}
    ContextTables(const ContextTables&) = delete;
    ContextTables& operator=(const ContextTables&) = delete;

    bool create();   // the root table; false when memory has run out
    void destroy();  // frees all; the unit must not walk them any more
    PhysicalPage root() const { return *root_; }

    // The domain id a source id's present entry has; nothing when the entry is not present.
    std::optional<std::uint16_t> domain_of(std::uint16_t source) const;

    // Makes the entry not present.
    void clear(std::uint16_t source);

    // Writes an entry that is not present at the moment. False when there is no memory for its table.
    bool set(std::uint16_t source, std::uint64_t low, std::uint64_t high);

private:
    std::optional<PhysicalPage> table_of(std::uint16_t source) const;

    paging::TablePort& tables_;
    std::optional<PhysicalPage> root_;
};

}  // namespace remap::vtd_driver
