// SPDX-License-Identifier: MIT
// The IRQL of this test program.
#pragma once

#include "callbacks/ddk/ntddk.h"

namespace remap::miniport {

void set_irql(KIRQL irql);
KIRQL irql();

}  // namespace remap::miniport
