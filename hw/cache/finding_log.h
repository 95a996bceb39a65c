// SPDX-License-Identifier: MIT
// Findings, each mistake once: the same kind by the same instruction is counted.
#pragma once

#include "hw/cache/coherency.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace remap::cache {

class FindingLog {
public:
    FindingLog(FindingPort& port, unsigned most) : port_(port), most_(most) {}

    void add(const Finding& finding);

    const std::vector<Finding>& findings() const { return findings_; }
    std::uint64_t repeats() const { return repeats_; }
    std::uint64_t untold() const { return untold_; }

private:
    FindingPort& port_;
    unsigned most_;
    std::vector<Finding> findings_;
    std::map<std::pair<FindingKind, std::uint64_t>, std::size_t> numbers_;  // by kind and the code to blame
    std::uint64_t repeats_ = 0;
    std::uint64_t untold_ = 0;
};

}  // namespace remap::cache
