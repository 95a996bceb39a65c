// SPDX-License-Identifier: MIT
#pragma once

#include "guest-tests/runtime/exit.h"

namespace remap::guest {

// Runs the image's program, or its cases (only=TEXT on the command line: those whose name contains it), and reports.
// case_seconds=N there changes how long a case may take.
Verdict run_image();

}  // namespace remap::guest
