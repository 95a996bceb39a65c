// SPDX-License-Identifier: MIT
// Atomic operations, all sequentially consistent, and barriers: instructions on x64, not calls.
#ifndef REMAP_DDK_WDM_INTERLOCKED_H
#define REMAP_DDK_WDM_INTERLOCKED_H

#include "../ntdef.h"

// mingw's headers have them as intrinsics when intrin.h is included; these names are ours then.
#define REMAP_DDK_INTERLOCKED(suffix, type)                                                               \
    FORCEINLINE type RemapDdkIncrement##suffix(type volatile* Value) {                                    \
        return __atomic_add_fetch(Value, (type)1, __ATOMIC_SEQ_CST);                                      \
    }                                                                                                     \
    FORCEINLINE type RemapDdkDecrement##suffix(type volatile* Value) {                                    \
        return __atomic_sub_fetch(Value, (type)1, __ATOMIC_SEQ_CST);                                      \
    }                                                                                                     \
    FORCEINLINE type RemapDdkExchange##suffix(type volatile* Target, type Value) {                        \
        return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);                                      \
    }                                                                                                     \
    FORCEINLINE type RemapDdkExchangeAdd##suffix(type volatile* Target, type Value) {                     \
        return __atomic_fetch_add(Target, Value, __ATOMIC_SEQ_CST);                                       \
    }                                                                                                     \
    FORCEINLINE type RemapDdkAnd##suffix(type volatile* Target, type Value) {                             \
        return __atomic_fetch_and(Target, Value, __ATOMIC_SEQ_CST);                                       \
    }                                                                                                     \
    FORCEINLINE type RemapDdkOr##suffix(type volatile* Target, type Value) {                              \
        return __atomic_fetch_or(Target, Value, __ATOMIC_SEQ_CST);                                        \
    }                                                                                                     \
    FORCEINLINE type RemapDdkXor##suffix(type volatile* Target, type Value) {                             \
        return __atomic_fetch_xor(Target, Value, __ATOMIC_SEQ_CST);                                       \
    }                                                                                                     \
    FORCEINLINE type RemapDdkCompareExchange##suffix(type volatile* Target, type Value, type Comparand) { \
        __atomic_compare_exchange_n(Target, &Comparand, Value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
        return Comparand;                                                                                 \
    }

REMAP_DDK_INTERLOCKED(, LONG)
REMAP_DDK_INTERLOCKED(64, LONG64)

FORCEINLINE PVOID RemapDdkExchangePointer(PVOID volatile* Target, PVOID Value) {
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE PVOID RemapDdkCompareExchangePointer(PVOID volatile* Target, PVOID Value, PVOID Comparand) {
    __atomic_compare_exchange_n(Target, &Comparand, Value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Comparand;
}
FORCEINLINE UCHAR RemapDdkBitTestAndSet(LONG volatile* Base, LONG Bit) {
    const ULONG mask = (ULONG)1 << (Bit & 31);
    return ((ULONG)__atomic_fetch_or(Base + (Bit >> 5), (LONG)mask, __ATOMIC_SEQ_CST) & mask) != 0;
}
FORCEINLINE UCHAR RemapDdkBitTestAndReset(LONG volatile* Base, LONG Bit) {
    const ULONG mask = (ULONG)1 << (Bit & 31);
    return ((ULONG)__atomic_fetch_and(Base + (Bit >> 5), (LONG)~mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

#define InterlockedIncrement RemapDdkIncrement
#define InterlockedDecrement RemapDdkDecrement
#define InterlockedExchange RemapDdkExchange
#define InterlockedExchangeAdd RemapDdkExchangeAdd
#define InterlockedAdd(target, value) (RemapDdkExchangeAdd((target), (value)) + (value))
#define InterlockedAnd RemapDdkAnd
#define InterlockedOr RemapDdkOr
#define InterlockedXor RemapDdkXor
#define InterlockedCompareExchange RemapDdkCompareExchange
#define InterlockedIncrement64 RemapDdkIncrement64
#define InterlockedDecrement64 RemapDdkDecrement64
#define InterlockedExchange64 RemapDdkExchange64
#define InterlockedExchangeAdd64 RemapDdkExchangeAdd64
#define InterlockedAdd64(target, value) (RemapDdkExchangeAdd64((target), (value)) + (value))
#define InterlockedAnd64 RemapDdkAnd64
#define InterlockedOr64 RemapDdkOr64
#define InterlockedXor64 RemapDdkXor64
#define InterlockedCompareExchange64 RemapDdkCompareExchange64
#define InterlockedExchangePointer RemapDdkExchangePointer
#define InterlockedCompareExchangePointer RemapDdkCompareExchangePointer
#define InterlockedBitTestAndSet RemapDdkBitTestAndSet
#define InterlockedBitTestAndReset RemapDdkBitTestAndReset

#define KeMemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define KeMemoryBarrierWithoutFence() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#ifndef MemoryBarrier
#define MemoryBarrier() KeMemoryBarrier()
#endif
#ifndef YieldProcessor
#define YieldProcessor() __builtin_ia32_pause()
#endif

#endif
