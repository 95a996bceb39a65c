// SPDX-License-Identifier: MIT
// The x64 layout of the kit's structures in literal numbers, for C and for C++. No number here comes from a header of
// the kit.
#include "callbacks/tests/layout/adapter.h"
#include "callbacks/tests/layout/initialization.h"
#include "callbacks/tests/layout/interface.h"
#include "callbacks/tests/layout/isolation.h"
#include "callbacks/tests/layout/kernel.h"
#include "callbacks/tests/layout/physical_memory.h"
