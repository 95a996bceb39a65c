// SPDX-License-Identifier: MIT
#include "callbacks/miniport/tests/irql.h"

namespace remap::miniport {

namespace {

KIRQL current;

}  // namespace

void set_irql(KIRQL irql) { current = irql; }
KIRQL irql() { return current; }

}  // namespace remap::miniport

extern "C" {
KIRQL NTAPI KeGetCurrentIrql(VOID) { return remap::miniport::irql(); }
VOID NTAPI KeLowerIrql(KIRQL irql) { remap::miniport::set_irql(irql); }
}
