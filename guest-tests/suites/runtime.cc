// SPDX-License-Identifier: MIT
// The runtime itself, on a stock machine.
#include "guest-tests/runtime/test.h"

using namespace remap::guest;

TEST(hello) { EXPECT_EQ(1, 1); }
