// SPDX-License-Identifier: MIT
#include "iommu/lab/trace_clock.h"

#include <time.h>

namespace remap::lab {

std::uint64_t host_nanoseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

void begin_clock(ClockPoints& points) {
    points.first_ticks.store(host_tick_count());
    points.first_nanoseconds.store(host_nanoseconds());
    points.last_ticks.store(points.first_ticks.load());
    points.last_nanoseconds.store(points.first_nanoseconds.load());
    points.sequence.store(2);
}

// One writer; whatever others make of the sequence only keeps readers from these points.
void refresh_clock(ClockPoints& points) {
    const std::uint64_t before = points.sequence.load() & ~std::uint64_t{1};
    points.sequence.store(before + 1);
    std::atomic_thread_fence(std::memory_order_release);
    points.last_ticks.store(host_tick_count(), std::memory_order_relaxed);
    points.last_nanoseconds.store(host_nanoseconds(), std::memory_order_relaxed);
    points.sequence.store(before + 2, std::memory_order_release);
}

void TickScale::update(const ClockPoints& points) {
    if (!counts_) return;
    const std::uint64_t sequence = points.sequence.load(std::memory_order_acquire);
    const std::uint64_t first_ticks = points.first_ticks.load(std::memory_order_relaxed);
    const std::uint64_t first_nanoseconds = points.first_nanoseconds.load(std::memory_order_relaxed);
    const std::uint64_t last_ticks = points.last_ticks.load(std::memory_order_relaxed);
    const std::uint64_t last_nanoseconds = points.last_nanoseconds.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((sequence & 1) != 0 || points.sequence.load(std::memory_order_relaxed) != sequence) return;
    first_ = first_ticks;
    if (last_ticks <= first_ticks || last_nanoseconds <= first_nanoseconds) return;
    const double scale =
        static_cast<double>(last_nanoseconds - first_nanoseconds) / static_cast<double>(last_ticks - first_ticks);
    if (scale > 0.01 && scale < 1000) scale_ = scale;  // counters of 1 MHz to 100 GHz
}

std::uint64_t TickScale::nanoseconds(std::uint64_t ticks) const {
    if (!counts_) return ticks;
    if (ticks < first_) return 0;
    const double result = static_cast<double>(ticks - first_) * scale_;
    return result < 9e18 ? static_cast<std::uint64_t>(result) : 0;  // three centuries are no time of an event
}

}  // namespace remap::lab
