// SPDX-License-Identifier: MIT
// The first serial port, where everything a suite says goes.
#pragma once

#include <optional>

namespace remap::guest::serial {

void start();
void write(char character);

// The next character that has come in, if there is one.
std::optional<char> read();

}  // namespace remap::guest::serial
