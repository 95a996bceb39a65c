// SPDX-License-Identifier: MIT
#include "guest-tests/runtime/watchdog.h"

#include "guest-tests/runtime/exceptions.h"
#include "guest-tests/runtime/interrupts.h"
#include "guest-tests/runtime/time.h"

namespace remap::guest {

namespace {

// Periods of the timer's input clock: about a tenth of a second in QEMU, up to a few seconds on other machines. The
// end is told by the time-stamp counter; the timer only has to come now and then.
constexpr std::uint32_t period = 1 << 27;

volatile bool watching;
Deadline deadline;

}  // namespace

void start_watchdog() { start_timer(static_cast<std::uint8_t>(vector::watchdog), period); }

void watch(std::uint64_t milliseconds) {
    watching = false;  // a tick between the two stores must not see an old deadline
    deadline = Deadline(milliseconds);
    watching = milliseconds != 0;
}

bool watchdog_ticks() {
    acknowledge_interrupt();
    return watching && deadline.passed();
}

}  // namespace remap::guest
