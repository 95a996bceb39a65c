// SPDX-License-Identifier: MIT
#pragma once

#include "guest-tests/runtime/exit.h"

namespace remap::guest {

// Runs the image's program, or its cases (only=TEXT on the command line: those whose name contains it), and reports.
Verdict run_image();

}  // namespace remap::guest
