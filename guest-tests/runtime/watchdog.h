// SPDX-License-Identifier: MIT
// Ends a case that does not end by itself, so that the cases after it are run. It cannot reach a loop that has
// interrupts disabled; the runner outside ends that one.
#pragma once

#include <cstdint>

namespace remap::guest {

// Takes the local APIC's timer; needs interrupts. Called once.
void start_watchdog();

// From now on, and until it is called again. 0: watch nothing.
void watch(std::uint64_t milliseconds);

// From the trap entry: the timer's interrupt came. Returns whether the time is over.
bool watchdog_ticks();

}  // namespace remap::guest
