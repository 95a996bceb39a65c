// SPDX-License-Identifier: MIT
// How a machine wants its laboratory (docs/laboratory.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace remap::lab {

struct InstrumentOptions {
    std::string name;                     // that tools attach by: 1 to 63 letters, digits, and . _ - but not first
    std::string file = {};                // the segment lies there and outlives the machine; empty: in shared memory
    std::string rules = {};               // a file of rules, or their text, which begins with a brace; empty: none
    std::optional<std::uint64_t> seed{};  // in place of that of the rules
    bool trace = false;                   // whether it is written; can be switched later
    std::uint64_t trace_bytes = 0;        // of each lane: a power of two, at least 64 KiB; 0: 4 MiB
    bool machine_time = false;  // events of the trace bear the machine's time, else that of the host's cheapest clock
};

}  // namespace remap::lab
