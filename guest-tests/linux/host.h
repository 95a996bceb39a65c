// SPDX-License-Identifier: MIT
// The serial line to run_linux.py: TAP goes out, requests go out and answers come back. The kernel's own messages go to
// another line (run_linux.py).
#pragma once

#include <string>

namespace remap::linux_guest {

enum class Verdict : unsigned char { Pass = 0, Fail = 1 };

// Opens the line; without it nothing that follows is seen.
void connect_host();

// One whole line. May be called from any thread.
void say(const std::string& line);

// A line of diagnostics, with the seconds since the kernel started.
[[gnu::format(printf, 1, 2)]] void note(const char* format, ...);

// The host's answer to a request (a line that begins with @); empty when none comes.
std::string ask(const std::string& request);

// Ends the machine; QEMU's status becomes 2 * verdict + 1, as for the bare-metal suites.
[[noreturn]] void leave(Verdict verdict);

}  // namespace remap::linux_guest
