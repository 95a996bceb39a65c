// SPDX-License-Identifier: MIT
// The time of events. Asking the system takes as long as all the rest of a record, so x86 notes its time stamp counter,
// and says at two points what that was in nanoseconds.
#pragma once

#include "iommu/lab/trace_layout.h"

#include <cstdint>
#include <optional>

namespace remap::lab {

#if defined(__x86_64__)
inline constexpr TraceTicks host_ticks = TraceTicks::Counter;
#else
inline constexpr TraceTicks host_ticks = TraceTicks::Nanoseconds;
#endif

std::uint64_t host_nanoseconds();  // CLOCK_MONOTONIC

inline std::uint64_t host_tick_count() {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return host_nanoseconds();
#endif
}

// The writer's side: sets both points to now, and later the second one.
void begin_clock(ClockPoints& points);
void refresh_clock(ClockPoints& points);

// The reader's side: nanoseconds since the first point, from what two points say.
class TickScale {
public:
    TickScale() = default;  // ticks are nanoseconds, from 0
    explicit TickScale(TraceTicks ticks) : counts_(ticks == TraceTicks::Counter) {}

    // Takes the points over if they make sense; else it stays as it was.
    void update(const ClockPoints& points);

    std::uint64_t nanoseconds(std::uint64_t ticks) const;

private:
    bool counts_ = false;
    std::uint64_t first_ = 0;
    double scale_ = 1;  // nanoseconds a tick
};

}  // namespace remap::lab
