// SPDX-License-Identifier: MIT
// A whole round of a model test: adapters that all threads share, the threads, and the end.
#pragma once

#include "callbacks/tests/model/actor.h"

namespace remap::callbacks::tests {

struct Round {
    unsigned threads = 1;
    std::uint64_t calls = 0;  // of all threads
    std::uint64_t seed = 1;
    std::uint32_t fail_per_million = 0;  // calls that are made to fail on demand
    bool verifier = true;
    bool moves = false;
    bool has_io = true;
};

// Slots that a round needs: three adapters that are shared, two for each thread.
inline constexpr unsigned model_slots(unsigned threads) { return 3 + 2 * threads; }

// As the environment says, else what is given.
std::uint64_t model_calls(std::uint64_t otherwise);
std::uint64_t model_seed(std::uint64_t otherwise);

// Reports what is wrong as failures of the running test. Ends the machine.
void run_model(Platform& platform, const Round& round);

}  // namespace remap::callbacks::tests
