// SPDX-License-Identifier: MIT
// The kernel's small files, in /proc and /sys.
#pragma once

#include <chrono>
#include <string>
#include <thread>

namespace remap::linux_guest {

// A file's text without the last line's end; empty when it cannot be read.
std::string read_file(const std::string& path);

// Writes the text at once. The kernel's answer to it: errno, or 0.
int write_file(const std::string& path, const std::string& text);

// Looks every few milliseconds until the condition holds; false when it does not within the seconds.
template <typename Condition>
bool wait_until(Condition condition, int seconds = 20) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

}  // namespace remap::linux_guest
