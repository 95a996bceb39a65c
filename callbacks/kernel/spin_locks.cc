// SPDX-License-Identifier: MIT
// Spin locks. The word of a lock is 0 when it is free, else the number of the thread that has it.
#include "callbacks/kernel/state.h"

namespace remap::kernel {

namespace {

bool try_acquire(PKSPIN_LOCK lock) {
    ULONG_PTR free = 0;
    return __atomic_compare_exchange_n(lock, &free, kernel().port.thread(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

// False when the caller's own thread has it, which it would wait for in vain.
bool acquire(PKSPIN_LOCK lock, const char* routine, const void* caller) {
    KernelPort& port = kernel().port;
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) == port.thread()) {
        violation(0x1000, {address_of(lock), 0, 0}, caller, "%s(%p), called from %p: the caller has this lock already",
                  routine, lock, caller);
        return false;
    }
    while (!try_acquire(lock)) port.relax();
    return true;
}

bool release(PKSPIN_LOCK lock, const char* routine, const void* caller) {
    const ULONG_PTR owner = __atomic_load_n(lock, __ATOMIC_RELAXED);
    const std::uint64_t thread = kernel().port.thread();
    if (owner == thread) {
        __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
        return true;
    }
    if (owner == 0)
        violation(0x1007, {address_of(lock), 0, 0}, caller, "%s(%p), called from %p: nobody has this lock", routine,
                  lock, caller);
    else
        violation(0x1004, {address_of(lock), owner, thread}, caller,
                  "%s(%p), called from %p: another thread has this lock", routine, lock, caller);
    return false;
}

bool irql_is_dispatch(std::uint64_t check, PKSPIN_LOCK lock, const char* routine, const void* caller, bool or_above) {
    const KIRQL irql = kernel().port.irql();
    if (irql == DISPATCH_LEVEL || (or_above && irql > DISPATCH_LEVEL)) return true;
    violation(check, {irql, address_of(lock), 0}, caller,
              "%s(%p) at IRQL %u, called from %p: it belongs to DISPATCH_LEVEL", routine, lock, unsigned{irql}, caller);
    return false;
}

}  // namespace

}  // namespace remap::kernel

using namespace remap::kernel;

extern "C" {

VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock) { *SpinLock = 0; }

KIRQL NTAPI KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock) {
    const void* const caller = REMAP_CALLER();
    KernelPort& port = kernel().port;
    const KIRQL irql = port.irql();
    if (!irql_at_most(DISPATCH_LEVEL, 0x42, "KeAcquireSpinLock", caller, address_of(SpinLock))) return irql;
    port.set_irql(DISPATCH_LEVEL);
    acquire(SpinLock, "KeAcquireSpinLock", caller);
    return irql;
}

VOID NTAPI KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql) {
    const void* const caller = REMAP_CALLER();
    if (!irql_is_dispatch(0x32, SpinLock, "KeReleaseSpinLock", caller, false)) return;
    if (NewIrql > DISPATCH_LEVEL)
        return violation(0x31, {DISPATCH_LEVEL, NewIrql, 0}, caller,
                         "KeReleaseSpinLock(%p) to IRQL %u, called from %p: hand back what the acquire returned",
                         SpinLock, unsigned{NewIrql}, caller);
    if (release(SpinLock, "KeReleaseSpinLock", caller)) kernel().port.set_irql(NewIrql);
}

VOID NTAPI KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) {
    const void* const caller = REMAP_CALLER();
    if (irql_is_dispatch(0x40, SpinLock, "KeAcquireSpinLockAtDpcLevel", caller, true))
        acquire(SpinLock, "KeAcquireSpinLockAtDpcLevel", caller);
}

VOID NTAPI KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) {
    const void* const caller = REMAP_CALLER();
    if (irql_is_dispatch(0x41, SpinLock, "KeReleaseSpinLockFromDpcLevel", caller, true))
        release(SpinLock, "KeReleaseSpinLockFromDpcLevel", caller);
}

BOOLEAN NTAPI KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) {
    if (!irql_is_dispatch(0x40, SpinLock, "KeTryToAcquireSpinLockAtDpcLevel", REMAP_CALLER(), true)) return FALSE;
    return try_acquire(SpinLock);
}
}
