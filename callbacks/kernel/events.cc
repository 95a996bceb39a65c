// SPDX-License-Identifier: MIT
// Events, mutexes, and waiting for them.
#include "callbacks/kernel/dispatcher.h"

namespace remap::kernel {

std::uint64_t end_of(KernelPort& port, const LARGE_INTEGER* timeout) {
    if (timeout == nullptr) return KernelPort::for_ever;
    if (timeout->QuadPart >= 0) return static_cast<std::uint64_t>(timeout->QuadPart);
    const std::uint64_t duration = 0 - static_cast<std::uint64_t>(timeout->QuadPart);
    const std::uint64_t now = port.now();
    return duration > KernelPort::for_ever - 1 - now ? KernelPort::for_ever - 1 : now + duration;
}

namespace {

bool initialized(bool good, const void* object, const char* routine, const void* caller) {
    if (!good)
        violation(0x1002, {address_of(object), 0, 0}, caller, "%s(%p), called from %p: this has not been initialized",
                  routine, object, caller);
    return good;
}

bool event_is_good(const KEVENT* event, std::uint64_t check, const char* routine, const void* caller) {
    return irql_at_most(DISPATCH_LEVEL, check, routine, caller, address_of(event)) &&
           initialized(is_event(event->Header), event, routine, caller);
}

// Stores a state and returns the one before.
LONG store_state(PRKEVENT event, LONG state) {
    Kernel& kernel = remap::kernel::kernel();
    const Locked locked(kernel);
    const LONG before = event->Header.SignalState;
    event->Header.SignalState = state;
    if (state != 0) kernel.port.notify();
    return before;
}

// With the lock held: takes what the wait is for, if it is there.
bool take(DISPATCHER_HEADER& header, std::uint64_t thread) {
    if (is_mutex(header)) {
        auto& mutex = reinterpret_cast<KMUTANT&>(header);
        if (header.SignalState <= 0 && mutex.OwnerThread != thread_object(thread)) return false;
        mutex.OwnerThread = thread_object(thread);
        --header.SignalState;
        return true;
    }
    if (header.SignalState == 0) return false;
    if (header.Type == SynchronizationEvent) header.SignalState = 0;
    return true;
}

bool wait_is_good(const void* object, const LARGE_INTEGER* timeout, const void* caller) {
    const KIRQL irql = kernel().port.irql();
    const std::uint64_t check = irql > DISPATCH_LEVEL                                                    ? 0x120
                                : irql == DISPATCH_LEVEL && timeout == nullptr                           ? 0x121
                                : irql == DISPATCH_LEVEL && timeout != nullptr && timeout->QuadPart != 0 ? 0x122
                                                                                                         : 0;
    if (check == 0) return true;
    violation(
        check, {irql, address_of(object), address_of(timeout)}, caller,
        "KeWaitForSingleObject(%p) at IRQL %u, called from %p: at DISPATCH_LEVEL one may only look (a timeout of 0)",
        object, unsigned{irql}, caller);
    return false;
}

}  // namespace

}  // namespace remap::kernel

using namespace remap::kernel;

extern "C" {

VOID NTAPI KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State) {
    *Event = {};
    Event->Header.Type = static_cast<UCHAR>(Type);
    Event->Header.Size = event_words;
    Event->Header.SignalState = State != 0;
    InitializeListHead(&Event->Header.WaitListHead);
}

LONG NTAPI KeSetEvent(PRKEVENT Event, KPRIORITY, BOOLEAN) {
    return event_is_good(Event, 0x80, "KeSetEvent", REMAP_CALLER()) ? store_state(Event, 1) : 0;
}

LONG NTAPI KeResetEvent(PRKEVENT Event) {
    return event_is_good(Event, wrong_irql, "KeResetEvent", REMAP_CALLER()) ? store_state(Event, 0) : 0;
}

VOID NTAPI KeClearEvent(PRKEVENT Event) {
    if (event_is_good(Event, wrong_irql, "KeClearEvent", REMAP_CALLER())) store_state(Event, 0);
}

LONG NTAPI KeReadStateEvent(PRKEVENT Event) {
    if (!event_is_good(Event, wrong_irql, "KeReadStateEvent", REMAP_CALLER())) return 0;
    const Locked locked(kernel());
    return Event->Header.SignalState;
}

VOID NTAPI KeInitializeMutex(PRKMUTEX Mutex, ULONG) {
    *Mutex = {};
    Mutex->Header.Type = mutex_type;
    Mutex->Header.Size = mutex_words;
    Mutex->Header.SignalState = 1;
    Mutex->ApcDisable = 1;
    InitializeListHead(&Mutex->Header.WaitListHead);
    InitializeListHead(&Mutex->MutantListEntry);
}

LONG NTAPI KeReadStateMutex(PRKMUTEX Mutex) {
    if (!initialized(is_mutex(Mutex->Header), Mutex, "KeReadStateMutex", REMAP_CALLER())) return 0;
    const Locked locked(kernel());
    return Mutex->Header.SignalState;
}

LONG NTAPI KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN) {
    const void* const caller = REMAP_CALLER();
    if (!irql_at_most(DISPATCH_LEVEL, wrong_irql, "KeReleaseMutex", caller)) return 0;
    if (!initialized(is_mutex(Mutex->Header), Mutex, "KeReleaseMutex", caller)) return 0;
    Kernel& state = kernel();
    const PKTHREAD thread = thread_object(state.port.thread());
    PKTHREAD owner = nullptr;
    {
        const Locked locked(state);
        owner = Mutex->OwnerThread;
        if (owner == thread) {
            const LONG before = Mutex->Header.SignalState++;
            if (Mutex->Header.SignalState == 1) Mutex->OwnerThread = nullptr;
            state.port.notify();
            return before;
        }
    }
    violation(owner == nullptr ? 0x1007 : 0x1004, {address_of(Mutex), address_of(owner), address_of(thread)}, caller,
              "KeReleaseMutex(%p), called from %p: %s", Mutex, caller,
              owner == nullptr ? "nobody has this mutex" : "another thread has this mutex");
    return 0;
}

NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON, KPROCESSOR_MODE, BOOLEAN, PLARGE_INTEGER Timeout) {
    const void* const caller = REMAP_CALLER();
    if (!wait_is_good(Object, Timeout, caller)) return STATUS_TIMEOUT;
    auto& header = *static_cast<DISPATCHER_HEADER*>(Object);
    if (!initialized(is_event(header) || is_mutex(header), Object, "KeWaitForSingleObject", caller))
        return STATUS_TIMEOUT;
    Kernel& state = kernel();
    const std::uint64_t end = end_of(state.port, Timeout);
    const bool only_look = Timeout != nullptr && Timeout->QuadPart == 0;
    const Locked locked(state);
    for (bool in_time = !only_look;; in_time = state.port.wait(end)) {
        if (take(header, state.port.thread())) return STATUS_SUCCESS;
        if (!in_time) return STATUS_TIMEOUT;
    }
}

PKTHREAD NTAPI KeGetCurrentThread() { return thread_object(kernel().port.thread()); }
}
