// SPDX-License-Identifier: MIT
// The tables of scalable mode that lead to a device's translations: root, context, PASID directory and PASID tables
// (VT-d sections 3.4.3, 9.2 and 9.4 to 9.6). Each device has a directory of its own, of one page: 32,768 PASIDs.
#pragma once

#include "base/address.h"
#include "iommu/paging/table_port.h"
#include "iommu/spec/scalable_tables.h"

#include <cstdint>
#include <optional>

namespace remap::vtd_driver {

class PasidTables {
public:
    static constexpr std::uint32_t pasids = 1 << 15;

    explicit PasidTables(paging::TablePort& tables) : tables_(tables) {}
    PasidTables(const PasidTables&) = delete;
    PasidTables& operator=(const PasidTables&) = delete;

    bool create();   // the root table; false when memory has run out
    void destroy();  // frees all; the unit must not walk them any more
    PhysicalPage root() const { return *root_; }

    // A context entry with an empty directory, for a device without one. `rights`: bits of word 0 (DTE, PASIDE, PRE).
    // Requests without a PASID are translated as those of PASID 0.
    bool open(std::uint16_t source, std::uint64_t rights);

    // Takes the context entry away, so that the device is blocked once the unit has forgotten it; then `free` gives the
    // directory back.
    std::optional<PhysicalPage> close(std::uint16_t source);
    void free_directory(PhysicalPage directory);

    // The PASID table entry of an opened device; the word with the present bit is written last.
    bool set(std::uint16_t source, std::uint32_t pasid, const vtd::pasid_entry::Words& words);
    void clear(std::uint16_t source, std::uint32_t pasid);

private:
    struct Place {
        PhysicalPage page;
        unsigned word = 0;
    };

    std::optional<PhysicalPage> page_at(Place place) const;
    std::optional<PhysicalPage> page_at_or_new(Place place);
    std::optional<PhysicalPage> directory_of(std::uint16_t source) const;
    void store(Place place, std::uint64_t value);

    paging::TablePort& tables_;
    std::optional<PhysicalPage> root_;
};

}  // namespace remap::vtd_driver
