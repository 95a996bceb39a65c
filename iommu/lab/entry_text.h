// SPDX-License-Identifier: MIT
// An entry of the unit's tables in words: what it is called, where the manual describes it, its fields by the manual's
// names, and what it leads to. Which bits those are is iommu/spec's business.
#pragma once

#include "iommu/engine/explanation.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace remap::lab {

// What depends on the unit, as its registers tell.
struct UnitFacts {
    std::uint64_t capability = 0;           // CAP_REG
    std::uint64_t extended_capability = 0;  // ECAP_REG
    unsigned host_address_width = 0;        // bits
    bool extended_interrupts = false;       // IRTA_REG.EIME
};

struct FieldText {
    std::string_view name;  // the manual's
    std::uint64_t value = 0;
    std::string meaning = {};  // of a number that stands for something; may be empty
    bool is_address = false;
};

struct EntryText {
    std::string name = {};          // "second-stage entry of level 1"
    std::string_view section = {};  // of the manual: "9.8"
    std::vector<FieldText> fields = {};
    std::vector<std::uint64_t> reserved = {};  // of each word the bits that are set and must not be
    bool present = false;
    bool leaf = false;      // a paging entry that leads to memory
    bool readable = false;  // a paging entry gives these rights
    bool writable = false;
    bool for_users = false;     // of a first stage
    std::string leads_to = {};  // "not present", "a table of level 2 at 0x13000"

    bool any_reserved() const;
};

EntryText text_of(const iommu::TableStep& step, const UnitFacts& unit);

}  // namespace remap::lab
