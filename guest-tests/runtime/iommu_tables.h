// SPDX-License-Identifier: MIT
// The tables the unit walks, as words in memory, found from RTADDR_REG down as the unit finds them. For suites that
// change an entry behind the driver's back; the driver's tables lie in the owned memory, so the CPU sees them.
#pragma once

#include "base/address.h"

#include <cstdint>

namespace remap::guest {

// Where an entry lies; a root or context entry has two such words. Panics when the tables lead out of owned memory.
using EntryWord = volatile std::uint64_t*;

EntryWord root_entry_of(std::uint16_t source);
EntryWord context_entry_of(std::uint16_t source);  // its root entry is present

struct SecondStageEntry {
    EntryWord word = nullptr;
    unsigned level = 0;  // 1: the table of 4 KiB leaves
};

// The leaf for an address in the tables that the source's context entry names, or the entry where the walk ends. Only
// with a present context entry of second-stage tables.
SecondStageEntry leaf_of(std::uint16_t source, LogicalAddress address);

// The entry of a higher level on the way to that leaf.
SecondStageEntry entry_above_leaf_of(std::uint16_t source, LogicalAddress address);

// Stores a word of an entry where a unit that does not snoop sees it too.
void store_entry(EntryWord word, std::uint64_t value);

// A word with another value for as long as the object lives.
class EntryChange {
public:
    EntryChange(EntryWord word, std::uint64_t value) : word_(word), before_(*word) { store_entry(word, value); }
    ~EntryChange() { store_entry(word_, before_); }
    EntryChange(const EntryChange&) = delete;
    EntryChange& operator=(const EntryChange&) = delete;

    std::uint64_t before() const { return before_; }

private:
    EntryWord word_;
    std::uint64_t before_;
};

}  // namespace remap::guest
