// SPDX-License-Identifier: MIT
// Objects that a process publishes in the hosted machine's memory, so that other processes can map the same pages.
//
// The directory is memory that any attached process may write: entries are checked when read, and no process waits for
// another. A process that dies while publishing leaves an entry that is never found.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "hw/hosted/memory.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace remap::hosted {

struct PublishedObject {
    std::uint64_t name = 0;           // chosen by the publisher, not 0
    std::uint32_t cache_type = 0;     // as the publisher says
    std::vector<PhysicalPage> pages;  // all installed memory
};

class Directory {
public:
    static constexpr std::size_t max_objects = 1024;

    explicit Directory(Memory& memory) : memory_(memory) {}

    // False when the name is 0 or taken, a page is not installed memory, or the directory is full.
    bool publish(const PublishedObject& object);

    // Only the publisher withdraws. Views that others hold stay valid as memory, as those of freed pages do on
    // hardware.
    void withdraw(std::uint64_t name);

    // Nothing when no such object is published, or its entry makes no sense.
    std::optional<PublishedObject> find(std::uint64_t name) const;

private:
    Memory& memory_;
};

}  // namespace remap::hosted
