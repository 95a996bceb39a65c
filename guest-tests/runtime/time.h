// SPDX-License-Identifier: MIT
// Time by the CPU's time-stamp counter, and waits that end.
#pragma once

#include <cstdint>

namespace remap::guest {

// Ticks of the time-stamp counter a millisecond; measured against the PIT at the first call, which takes some.
std::uint64_t ticks_per_millisecond();

// Since some moment in the past.
std::uint64_t nanoseconds();

class Deadline {
public:
    Deadline() = default;  // has passed
    explicit Deadline(std::uint64_t milliseconds);
    bool passed() const;

private:
    std::uint64_t end_ = 0;
};

void pause_cpu();

// Polls until condition() holds; false when it did not within the time.
template <typename Condition>
bool wait_until(std::uint64_t milliseconds, Condition condition) {
    const Deadline deadline(milliseconds);
    while (!condition()) {
        if (deadline.passed()) return condition();
        pause_cpu();
    }
    return true;
}

}  // namespace remap::guest
