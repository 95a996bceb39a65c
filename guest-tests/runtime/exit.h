// SPDX-License-Identifier: MIT
// Ways out of the machine.
#pragma once

namespace remap::guest {

enum class Verdict : unsigned char { Pass = 0, Fail = 1 };

// Through QEMU's isa-debug-exit device, whose process status becomes 2 * verdict + 1. Without the device the CPU halts.
[[noreturn]] void leave(Verdict verdict);

// Says why and leaves as failed. For what no case can survive.
[[noreturn, gnu::format(printf, 1, 2)]] void panic(const char* format, ...);

}  // namespace remap::guest
