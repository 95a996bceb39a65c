// SPDX-License-Identifier: MIT
// Where an editor of translation tables gets its pages.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <optional>

namespace remap::paging {

// Pages for tables and queues, which both the CPU and the unit reach.
class TablePort {
public:
    // A page of zeros, or nothing when memory has run out.
    virtual std::optional<PhysicalPage> allocate_table() = 0;
    virtual void free_table(PhysicalPage page) = 0;

    // The page's 512 words as the CPU sees them. Never null for a page from allocate_table.
    virtual volatile std::uint64_t* words(PhysicalPage page) = 0;

    // Makes what the CPU wrote to [first word, first word + count) of the page visible to the unit (ECAP.C = 0 needs a
    // cache line flush; a coherent unit needs a fence).
    virtual void publish(PhysicalPage page, unsigned first_word, unsigned count) = 0;

protected:
    ~TablePort() = default;
};

}  // namespace remap::paging
