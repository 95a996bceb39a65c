// SPDX-License-Identifier: MIT
// Events, mutexes, spin locks and fast mutexes. They lie in memory of the driver, with the layout they have on x64.
#ifndef REMAP_DDK_WDM_SYNCHRONIZATION_H
#define REMAP_DDK_WDM_SYNCHRONIZATION_H

#include "irql.h"

REMAP_DDK_BEGIN

typedef struct _KTHREAD *PKTHREAD, *PRKTHREAD;

typedef struct _DISPATCHER_HEADER {
    union {
        struct {
            UCHAR Type;
            UCHAR Signalling;
            UCHAR Size;
            UCHAR DpcActive;
        };
        volatile LONG Lock;
    };
    LONG SignalState;
    LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER, *PDISPATCHER_HEADER;

// ---- events and mutexes --------------------------------------------------------------------------------------------

typedef enum _EVENT_TYPE REMAP_DDK_INT {
    NotificationEvent,    // stays signalled until it is reset
    SynchronizationEvent  // lets one waiter through
} EVENT_TYPE;

typedef struct _KEVENT {
    DISPATCHER_HEADER Header;
} KEVENT, *PKEVENT, *PRKEVENT;

typedef struct _KMUTANT {
    DISPATCHER_HEADER Header;
    LIST_ENTRY MutantListEntry;
    PKTHREAD OwnerThread;
    BOOLEAN Abandoned;
    UCHAR ApcDisable;
} KMUTANT, *PKMUTANT, *PRKMUTANT, KMUTEX, *PKMUTEX, *PRKMUTEX;

typedef LONG KPRIORITY;
#define IO_NO_INCREMENT 0

typedef enum _MODE REMAP_DDK_INT { KernelMode, UserMode, MaximumMode } MODE;
typedef enum _KWAIT_REASON REMAP_DDK_INT {
    Executive,
    FreePage,
    PageIn,
    PoolAllocation,
    DelayExecution,
    Suspended,
    UserRequest
} KWAIT_REASON;

NTKERNELAPI VOID NTAPI KeInitializeEvent(_Out_ PRKEVENT Event, _In_ EVENT_TYPE Type, _In_ BOOLEAN State);

// Sets and resets return the state before: not 0 when it was signalled. IRQL <= DISPATCH_LEVEL.
// Bugcheck 0xC4: 0x80 KeSetEvent at a higher IRQL; 0xE5 the others; 0x1002 not an event that was initialized.
NTKERNELAPI LONG NTAPI KeSetEvent(_Inout_ PRKEVENT Event, _In_ KPRIORITY Increment, _In_ BOOLEAN Wait);
NTKERNELAPI LONG NTAPI KeResetEvent(_Inout_ PRKEVENT Event);
NTKERNELAPI VOID NTAPI KeClearEvent(_Inout_ PRKEVENT Event);
NTKERNELAPI LONG NTAPI KeReadStateEvent(_In_ PRKEVENT Event);

// A mutex belongs to the thread that waited for it, which may wait again and releases as often. Level is not used.
NTKERNELAPI VOID NTAPI KeInitializeMutex(_Out_ PRKMUTEX Mutex, _In_ ULONG Level);
// Returns 0 when the mutex is free now. Bugcheck 0xC4: 0x1004 another thread owns it, 0x1007 nobody does, 0xE5 IRQL >
// DISPATCH_LEVEL.
NTKERNELAPI LONG NTAPI KeReleaseMutex(_Inout_ PRKMUTEX Mutex, _In_ BOOLEAN Wait);
NTKERNELAPI LONG NTAPI KeReadStateMutex(_In_ PRKMUTEX Mutex);

// Waits for an event or a mutex. Timeout: null waits for ever, 0 only looks, below 0 is a duration, else a system time,
// in units of 100 ns. WaitReason, WaitMode and Alertable are not looked at: there are no APCs.
// Bugcheck 0xC4: 0x120 IRQL > DISPATCH_LEVEL; at DISPATCH_LEVEL 0x121 without a timeout and 0x122 with one that is not
// 0; 0x1002 not an object that was initialized.
// STATUS_SUCCESS, STATUS_TIMEOUT.
NTKERNELAPI NTSTATUS NTAPI KeWaitForSingleObject(_In_ PVOID Object, _In_ KWAIT_REASON WaitReason,
                                                 _In_ KPROCESSOR_MODE WaitMode, _In_ BOOLEAN Alertable,
                                                 _In_opt_ PLARGE_INTEGER Timeout);
#define KeWaitForMutexObject KeWaitForSingleObject

NTKERNELAPI PKTHREAD NTAPI KeGetCurrentThread(VOID);

// ---- spin locks ----------------------------------------------------------------------------------------------------

typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK;

NTKERNELAPI VOID NTAPI KeInitializeSpinLock(_Out_ PKSPIN_LOCK SpinLock);

// Raises to DISPATCH_LEVEL, takes the lock and returns the IRQL before.
// Bugcheck 0xC4: 0x42 IRQL > DISPATCH_LEVEL, 0x1000 this processor (thread, on the hosted machine) has the lock.
NTKERNELAPI KIRQL NTAPI KeAcquireSpinLockRaiseToDpc(_Inout_ PKSPIN_LOCK SpinLock);
#define KeAcquireSpinLock(lock, old_irql) (*(old_irql) = KeAcquireSpinLockRaiseToDpc(lock))

// Bugcheck 0xC4: 0x32 IRQL is not DISPATCH_LEVEL, 0x1007 the lock is free, 0x1004 another processor has it, 0x31
// NewIrql > DISPATCH_LEVEL.
NTKERNELAPI VOID NTAPI KeReleaseSpinLock(_Inout_ PKSPIN_LOCK SpinLock, _In_ KIRQL NewIrql);

// Without a change of IRQL. Bugcheck 0xC4: 0x40 and 0x41 IRQL < DISPATCH_LEVEL; else as above.
NTKERNELAPI VOID NTAPI KeAcquireSpinLockAtDpcLevel(_Inout_ PKSPIN_LOCK SpinLock);
NTKERNELAPI VOID NTAPI KeReleaseSpinLockFromDpcLevel(_Inout_ PKSPIN_LOCK SpinLock);
NTKERNELAPI BOOLEAN NTAPI KeTryToAcquireSpinLockAtDpcLevel(_Inout_ PKSPIN_LOCK SpinLock);

// ---- fast mutexes --------------------------------------------------------------------------------------------------

typedef struct _FAST_MUTEX {
    LONG Count;  // 1: free
    PVOID Owner;
    ULONG Contention;
    KEVENT Event;
    ULONG OldIrql;
} FAST_MUTEX, *PFAST_MUTEX, KGUARDED_MUTEX, *PKGUARDED_MUTEX;

#define FM_LOCK_BIT 0x1

FORCEINLINE VOID ExInitializeFastMutex(_Out_ PFAST_MUTEX FastMutex) {
    FastMutex->Count = FM_LOCK_BIT;
    FastMutex->Owner = NULL;
    FastMutex->Contention = 0;
    KeInitializeEvent(&FastMutex->Event, SynchronizationEvent, FALSE);
}

// Waits for the mutex; the caller is at APC_LEVEL until the release.
// Bugcheck 0xC4: 0x33 IRQL > APC_LEVEL, 0x1000 this thread has it already, 0x1002 it was not initialized.
NTKERNELAPI VOID FASTCALL ExAcquireFastMutex(_Inout_ PFAST_MUTEX FastMutex);
NTKERNELAPI BOOLEAN FASTCALL ExTryToAcquireFastMutex(_Inout_ PFAST_MUTEX FastMutex);

// Bugcheck 0xC4: 0x34 IRQL is not APC_LEVEL, 0x1007 it is free, 0x1004 another thread has it.
NTKERNELAPI VOID FASTCALL ExReleaseFastMutex(_Inout_ PFAST_MUTEX FastMutex);

// For callers at APC_LEVEL, or who know that no APC comes: the IRQL stays. Bugcheck 0xC4, 0x39 and 0x3A: IRQL is not
// APC_LEVEL. (A critical region would also do on Windows.)
NTKERNELAPI VOID FASTCALL ExAcquireFastMutexUnsafe(_Inout_ PFAST_MUTEX FastMutex);
NTKERNELAPI VOID FASTCALL ExReleaseFastMutexUnsafe(_Inout_ PFAST_MUTEX FastMutex);

REMAP_DDK_END

#endif
