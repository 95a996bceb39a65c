// SPDX-License-Identifier: MIT
// A block device, written and read back past the page cache: every transfer is DMA of its own.
#pragma once

#include "guest-tests/linux/descriptor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace remap::linux_guest {

struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
};

// A range is cut into pieces of 4 KiB to 1 MiB and some of 2 MiB, which are transferred out of order and several at a
// time. The small ones come from and go to scattered pages and are aligned to a sector and no more, the large ones are
// huge pages.
class Disk {
public:
    // An empty name is no disk, which holds nothing.
    explicit Disk(const std::string& name);

    std::uint64_t bytes() const { return bytes_; }

    // Writes the words of the series (content.h) that belong to the range.
    testing::AssertionResult write(ByteRange range, std::uint64_t series) const;

    // Reads the range in other pieces than `write`, and compares every word.
    testing::AssertionResult read_back(ByteRange range, std::uint64_t series) const;

private:
    testing::AssertionResult holds(ByteRange range) const;

    std::string name_;
    Descriptor file_;
    std::uint64_t bytes_ = 0;
};

}  // namespace remap::linux_guest
