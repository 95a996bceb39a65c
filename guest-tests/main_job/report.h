// SPDX-License-Identifier: MIT
// How the main job speaks: sections, lines that say where each figure came from, and checks that make the verdict.
#pragma once

#include "guest-tests/runtime/exit.h"

namespace remap::guest::report {

void section(const char* title);

// A line without a source.
[[gnu::format(printf, 1, 2)]] void text(const char* format, ...);

// A label, a value, and at its end, in brackets, where the value was read.
[[gnu::format(printf, 3, 4)]] void figure(const char* label, const char* source, const char* format, ...);

// A statement that was checked. Prints it, with "FAILED" in front if it does not hold; returns `holds`.
[[gnu::format(printf, 2, 3)]] bool check(bool holds, const char* format, ...);

// As check, without a line when it holds.
bool silently(bool holds, const char* what);

// Prints the verdict line.
Verdict verdict();

}  // namespace remap::guest::report
