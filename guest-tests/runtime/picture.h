// SPDX-License-Identifier: MIT
// Asks the program that runs the guest (run_guest.py) to save what the display shows.
#pragma once

namespace remap::guest {

// Writes the request as a line of its own and waits for the answer, one byte on the serial port, at most ten seconds.
// False when none came or the picture could not be saved.
bool request_picture();

}  // namespace remap::guest
