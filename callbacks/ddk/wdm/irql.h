// SPDX-License-Identifier: MIT
// Interrupt request levels of x64.
#ifndef REMAP_DDK_WDM_IRQL_H
#define REMAP_DDK_WDM_IRQL_H

#include "../ntdef.h"
#include "debug.h"

typedef UCHAR KIRQL, *PKIRQL;

#define PASSIVE_LEVEL 0
#define LOW_LEVEL 0
#define APC_LEVEL 1
#define DISPATCH_LEVEL 2
#define CMCI_LEVEL 5
#define CLOCK_LEVEL 13
#define IPI_LEVEL 14
#define DRS_LEVEL 14
#define POWER_LEVEL 14
#define PROFILE_LEVEL 15
#define HIGH_LEVEL 15

REMAP_DDK_BEGIN

NTKERNELAPI KIRQL NTAPI KeGetCurrentIrql(VOID);

// Raises the IRQL of this processor and returns what it was.
// Bugcheck 0xC4, 0x30: NewIrql is lower than the current one, or above HIGH_LEVEL.
NTKERNELAPI KIRQL NTAPI KfRaiseIrql(_In_ KIRQL NewIrql);

// Lowers it to what the raise returned.
// Bugcheck 0xC4, 0x31: NewIrql is higher than the current one, or above HIGH_LEVEL.
NTKERNELAPI VOID NTAPI KeLowerIrql(_In_ KIRQL NewIrql);

NTKERNELAPI KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID);

REMAP_DDK_END

#define KeRaiseIrql(new_irql, old_irql) (*(old_irql) = KfRaiseIrql(new_irql))

// Marks code that may be paged out: it asserts that paging is possible.
#define PAGED_CODE() NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL)
#define PAGED_ASSERT(condition) NT_ASSERT(condition)

#endif
