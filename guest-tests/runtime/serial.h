// SPDX-License-Identifier: MIT
// The first serial port, where everything a suite says goes.
#pragma once

namespace remap::guest::serial {

void start();
void write(char character);

}  // namespace remap::guest::serial
