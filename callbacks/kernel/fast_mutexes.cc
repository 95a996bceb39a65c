// SPDX-License-Identifier: MIT
// Fast mutexes: their owner is at APC_LEVEL while it has them.
#include "callbacks/kernel/dispatcher.h"

namespace remap::kernel {

namespace {

bool mutex_is_good(const FAST_MUTEX* mutex, const char* routine, const void* caller) {
    if (mutex->Event.Header.Type == SynchronizationEvent && is_event(mutex->Event.Header)) return true;
    violation(0x1002, {address_of(mutex), 0, 0}, caller,
              "%s(%p), called from %p: ExInitializeFastMutex has not been called for it", routine, mutex, caller);
    return false;
}

// With the lock held.
void own(PFAST_MUTEX mutex, PVOID thread, KIRQL irql) {
    mutex->Owner = thread;
    mutex->Count = 0;
    mutex->OldIrql = irql;
}

// False when the thread has it already. `irql` is what the release goes back to.
bool acquire(PFAST_MUTEX mutex, KIRQL irql, const char* routine, const void* caller) {
    Kernel& state = kernel();
    const PVOID thread = thread_object(state.port.thread());
    {
        const Locked locked(state);
        if (mutex->Owner != thread) {
            if (mutex->Owner != nullptr) ++mutex->Contention;
            while (mutex->Owner != nullptr) state.port.wait(KernelPort::for_ever);
            own(mutex, thread, irql);
            return true;
        }
    }
    violation(0x1000, {address_of(mutex), 0, 0}, caller,
              "%s(%p), called from %p: the caller has this mutex already, and would wait for itself", routine, mutex,
              caller);
    return false;
}

bool release(PFAST_MUTEX mutex, const char* routine, const void* caller) {
    Kernel& state = kernel();
    const PVOID thread = thread_object(state.port.thread());
    PVOID owner = nullptr;
    {
        const Locked locked(state);
        owner = mutex->Owner;
        if (owner == thread) {
            mutex->Owner = nullptr;
            mutex->Count = FM_LOCK_BIT;
            state.port.notify();
            return true;
        }
    }
    violation(owner == nullptr ? 0x1007 : 0x1004, {address_of(mutex), address_of(owner), address_of(thread)}, caller,
              "%s(%p), called from %p: %s", routine, mutex, caller,
              owner == nullptr ? "nobody has this mutex" : "another thread has this mutex");
    return false;
}

bool irql_is_apc(const FAST_MUTEX* mutex, std::uint64_t check, const char* routine, const void* caller) {
    const KIRQL irql = kernel().port.irql();
    if (irql == APC_LEVEL) return true;
    violation(check, {irql, address_of(mutex), 0}, caller, "%s(%p) at IRQL %u, called from %p: it belongs to APC_LEVEL",
              routine, mutex, unsigned{irql}, caller);
    return false;
}

}  // namespace

}  // namespace remap::kernel

using namespace remap::kernel;

extern "C" {

VOID FASTCALL ExAcquireFastMutex(PFAST_MUTEX FastMutex) {
    const void* const caller = REMAP_CALLER();
    KernelPort& port = kernel().port;
    if (!irql_at_most(APC_LEVEL, 0x33, "ExAcquireFastMutex", caller, address_of(FastMutex))) return;
    if (!mutex_is_good(FastMutex, "ExAcquireFastMutex", caller)) return;
    const KIRQL irql = port.irql();
    port.set_irql(APC_LEVEL);
    acquire(FastMutex, irql, "ExAcquireFastMutex", caller);
}

BOOLEAN FASTCALL ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex) {
    const void* const caller = REMAP_CALLER();
    Kernel& state = kernel();
    if (!irql_at_most(APC_LEVEL, 0x33, "ExTryToAcquireFastMutex", caller, address_of(FastMutex))) return FALSE;
    if (!mutex_is_good(FastMutex, "ExTryToAcquireFastMutex", caller)) return FALSE;
    const Locked locked(state);
    if (FastMutex->Owner != nullptr) return FALSE;
    own(FastMutex, thread_object(state.port.thread()), state.port.irql());
    state.port.set_irql(APC_LEVEL);
    return TRUE;
}

VOID FASTCALL ExReleaseFastMutex(PFAST_MUTEX FastMutex) {
    const void* const caller = REMAP_CALLER();
    if (!irql_is_apc(FastMutex, 0x34, "ExReleaseFastMutex", caller)) return;
    const auto irql = static_cast<KIRQL>(FastMutex->OldIrql);
    if (release(FastMutex, "ExReleaseFastMutex", caller)) kernel().port.set_irql(irql <= APC_LEVEL ? irql : APC_LEVEL);
}

VOID FASTCALL ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex) {
    const void* const caller = REMAP_CALLER();
    if (irql_is_apc(FastMutex, 0x39, "ExAcquireFastMutexUnsafe", caller) &&
        mutex_is_good(FastMutex, "ExAcquireFastMutexUnsafe", caller))
        acquire(FastMutex, APC_LEVEL, "ExAcquireFastMutexUnsafe", caller);
}

VOID FASTCALL ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex) {
    const void* const caller = REMAP_CALLER();
    if (irql_is_apc(FastMutex, 0x3A, "ExReleaseFastMutexUnsafe", caller))
        release(FastMutex, "ExReleaseFastMutexUnsafe", caller);
}
}
