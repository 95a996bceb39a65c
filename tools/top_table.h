// SPDX-License-Identifier: MIT
// What a machine's devices did between two looks at its counters.
#pragma once

#include "iommu/lab/counters.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace remap::tools {

using CountWords = std::array<std::uint64_t, lab::counts>;

struct DeviceCounts {
    std::string device;  // "00:02.0", "others", "unit"
    CountWords words = {};
};

// The rows that are somebody's; of memory that may hold anything. Nothing if it is too small for the table.
std::optional<std::vector<DeviceCounts>> read_counters(std::span<const std::byte> memory);

// Each row less what it was before; a row that is new, or a count that went back, has had nothing before.
std::vector<DeviceCounts> difference(const std::vector<DeviceCounts>& before, const std::vector<DeviceCounts>& now);

// By second, as a table with a heading. `seconds` is more than 0.
std::string table_of(const std::vector<DeviceCounts>& counts, double seconds);

// {"seconds":S,"devices":[{"device":"00:02.0","translations":N,...}]}: counts, not rates.
std::string json_of(const std::vector<DeviceCounts>& counts, double seconds);

}  // namespace remap::tools
