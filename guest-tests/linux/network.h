// SPDX-License-Identifier: MIT
// Traffic between two interfaces of this machine that are joined by a wire.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace remap::linux_guest {

// Sends `bytes` each way at the same time, in frames of all lengths, and checks every word of every frame that arrives.
// What is lost is counted, told, and sent again until all has arrived.
testing::AssertionResult exchange(const std::string& left, const std::string& right, std::uint64_t bytes,
                                  std::uint64_t series);

}  // namespace remap::linux_guest
