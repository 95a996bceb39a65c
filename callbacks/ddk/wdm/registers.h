// SPDX-License-Identifier: MIT
// Accesses to device registers and buffers in memory space: one access of the given width, in program order with
// respect to other such accesses.
#ifndef REMAP_DDK_WDM_REGISTERS_H
#define REMAP_DDK_WDM_REGISTERS_H

#include "interlocked.h"

#define REMAP_DDK_REGISTER(name, type)                                                                   \
    FORCEINLINE type READ_REGISTER_##name(_In_ const volatile type* Register) {                          \
        KeMemoryBarrier();                                                                               \
        return *Register;                                                                                \
    }                                                                                                    \
    FORCEINLINE VOID WRITE_REGISTER_##name(_In_ volatile type* Register, _In_ type Value) {              \
        *Register = Value;                                                                               \
        KeMemoryBarrier();                                                                               \
    }                                                                                                    \
    FORCEINLINE VOID READ_REGISTER_BUFFER_##name(_In_ const volatile type* Register, _Out_ type* Buffer, \
                                                 _In_ ULONG Count) {                                     \
        ULONG index;                                                                                     \
        KeMemoryBarrier();                                                                               \
        for (index = 0; index < Count; ++index) Buffer[index] = Register[index];                         \
    }                                                                                                    \
    FORCEINLINE VOID WRITE_REGISTER_BUFFER_##name(_In_ volatile type* Register, _In_ const type* Buffer, \
                                                  _In_ ULONG Count) {                                    \
        ULONG index;                                                                                     \
        for (index = 0; index < Count; ++index) Register[index] = Buffer[index];                         \
        KeMemoryBarrier();                                                                               \
    }

REMAP_DDK_REGISTER(UCHAR, UCHAR)
REMAP_DDK_REGISTER(USHORT, USHORT)
REMAP_DDK_REGISTER(ULONG, ULONG)
REMAP_DDK_REGISTER(ULONG64, ULONG64)

#endif
