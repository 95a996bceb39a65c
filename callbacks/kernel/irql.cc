// SPDX-License-Identifier: MIT
// The IRQL of the processor.
#include "callbacks/kernel/state.h"

using namespace remap::kernel;

extern "C" {

KIRQL NTAPI KeGetCurrentIrql() { return kernel().port.irql(); }

KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql) {
    const KIRQL irql = kernel().port.irql();
    if (NewIrql < irql || NewIrql > HIGH_LEVEL) {
        const void* const caller = REMAP_CALLER();
        violation(0x30, {irql, NewIrql, 0}, caller, "KeRaiseIrql from IRQL %u to %u, called from %p", unsigned{irql},
                  unsigned{NewIrql}, caller);
        return irql;
    }
    kernel().port.set_irql(NewIrql);
    return irql;
}

VOID NTAPI KeLowerIrql(KIRQL NewIrql) {
    const KIRQL irql = kernel().port.irql();
    if (NewIrql > irql) {
        const void* const caller = REMAP_CALLER();
        return violation(0x31, {irql, NewIrql, 0}, caller, "KeLowerIrql from IRQL %u to %u, called from %p",
                         unsigned{irql}, unsigned{NewIrql}, caller);
    }
    kernel().port.set_irql(NewIrql);
}

KIRQL NTAPI KeRaiseIrqlToDpcLevel() {
    const KIRQL irql = kernel().port.irql();
    if (irql > DISPATCH_LEVEL) {
        const void* const caller = REMAP_CALLER();
        violation(0x30, {irql, DISPATCH_LEVEL, 0}, caller, "KeRaiseIrqlToDpcLevel at IRQL %u, called from %p",
                  unsigned{irql}, caller);
        return irql;
    }
    kernel().port.set_irql(DISPATCH_LEVEL);
    return irql;
}
}
