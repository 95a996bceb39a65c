// SPDX-License-Identifier: MIT
// Formatted output: the part of printf that a kernel needs. Conversions: %s %c %d %i %u %x %p %%, with the lengths l,
// ll and z, a width (also *), and the flags 0 and -.
#pragma once

#include <cstdarg>
#include <cstddef>

namespace remap::guest {

// To the serial port.
[[gnu::format(printf, 1, 2)]] void print(const char* format, ...);
void vprint(const char* format, std::va_list arguments);

// Into a buffer, always terminated and cut off at `size`. Returns the length without the terminator.
[[gnu::format(printf, 3, 4)]] std::size_t format(char* buffer, std::size_t size, const char* format, ...);
std::size_t vformat(char* buffer, std::size_t size, const char* format, std::va_list arguments);

}  // namespace remap::guest
