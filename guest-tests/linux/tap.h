// SPDX-License-Identifier: MIT
// GoogleTest's results as TAP version 13, the protocol of the bare-metal suites.
#pragma once

namespace remap::linux_guest {

// From here on GoogleTest reports to the host, and to nobody else.
void report_in_tap();

}  // namespace remap::linux_guest
