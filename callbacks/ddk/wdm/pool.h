// SPDX-License-Identifier: MIT
// Pool: a driver's small memory. The kernel of this project keeps a record of each allocation, with its tag and the
// address of its maker, and a pattern after its last byte.
#ifndef REMAP_DDK_WDM_POOL_H
#define REMAP_DDK_WDM_POOL_H

#include "../ntdef.h"

REMAP_DDK_BEGIN

typedef enum _POOL_TYPE REMAP_DDK_INT {
    NonPagedPool = 0,
    NonPagedPoolExecute = NonPagedPool,
    PagedPool = 1,
    NonPagedPoolMustSucceed = 2,
    DontUseThisType = 3,
    NonPagedPoolCacheAligned = 4,
    PagedPoolCacheAligned = 5,
    NonPagedPoolCacheAlignedMustS = 6,
    MaxPoolType = 7,
    NonPagedPoolBase = 0,
    NonPagedPoolBaseMustSucceed = 2,
    NonPagedPoolBaseCacheAligned = 4,
    NonPagedPoolBaseCacheAlignedMustS = 6,
    NonPagedPoolNx = 512,
    NonPagedPoolNxCacheAligned = 516
} POOL_TYPE;

#define POOL_COLD_ALLOCATION 256
#define POOL_NX_ALLOCATION 512
#define POOL_ZERO_ALLOCATION 1024

typedef ULONG64 POOL_FLAGS;
#define POOL_FLAG_REQUIRED_START 0x0000000000000001ull
#define POOL_FLAG_USE_QUOTA 0x0000000000000001ull
#define POOL_FLAG_UNINITIALIZED 0x0000000000000002ull
#define POOL_FLAG_SESSION 0x0000000000000004ull
#define POOL_FLAG_CACHE_ALIGNED 0x0000000000000008ull
#define POOL_FLAG_RAISE_ON_FAILURE 0x0000000000000020ull
#define POOL_FLAG_NON_PAGED 0x0000000000000040ull
#define POOL_FLAG_NON_PAGED_EXECUTE 0x0000000000000080ull
#define POOL_FLAG_PAGED 0x0000000000000100ull
#define POOL_FLAG_REQUIRED_END 0x0000000080000000ull
#define POOL_FLAG_OPTIONAL_START 0x0000000100000000ull
#define POOL_FLAG_SPECIAL_POOL 0x0000000100000000ull
#define POOL_FLAG_OPTIONAL_END 0x8000000000000000ull

// Memory of NumberOfBytes bytes, aligned to 16, from one page on to a page; null when there is none. ExAllocatePool2
// zeroes it, unless POOL_FLAG_UNINITIALIZED; ExAllocatePoolWithTag fills it with 0x5A, as nothing may rely on zeros.
// ExAllocatePool2 returns null for flags that make no sense: not exactly one of the three pools, or unknown required
// ones.
//
// IRQL <= DISPATCH_LEVEL; <= APC_LEVEL for paged pool.
// Bugcheck 0xC4: 0x00 no bytes, 0x01 paged pool above APC_LEVEL, 0x02 any above DISPATCH_LEVEL.
// Bugcheck 0xC2: 0x9A a MUST_SUCCEED type, 0x9B tag 0, 0x9D a tag without a letter or digit.
NTKERNELAPI PVOID NTAPI ExAllocatePool2(_In_ POOL_FLAGS Flags, _In_ SIZE_T NumberOfBytes, _In_ ULONG Tag);
NTKERNELAPI PVOID NTAPI ExAllocatePoolWithTag(_In_ POOL_TYPE PoolType, _In_ SIZE_T NumberOfBytes, _In_ ULONG Tag);
NTKERNELAPI PVOID NTAPI ExAllocatePool(_In_ POOL_TYPE PoolType, _In_ SIZE_T NumberOfBytes);  // tag "None"

// Frees pool. A Tag of 0, or ExFreePool, frees whatever tag it has.
// Bugcheck 0xC2: 0x07 it was freed before, 0x46 it never was pool, 0x0A the tag is not the allocation's.
// Bugcheck 0xC4: 0x11 and 0x12 IRQL as above.
// Bugcheck 0x19, 0x21: bytes behind it were written.
NTKERNELAPI VOID NTAPI ExFreePoolWithTag(_In_ PVOID P, _In_ ULONG Tag);
NTKERNELAPI VOID NTAPI ExFreePool(_In_ PVOID P);
NTKERNELAPI VOID NTAPI ExFreePool2(_In_ PVOID P, _In_ ULONG Tag, PVOID ExtendedParameters, ULONG Count);

FORCEINLINE PVOID ExAllocatePoolZero(_In_ POOL_TYPE PoolType, _In_ SIZE_T NumberOfBytes, _In_ ULONG Tag) {
    PVOID memory = ExAllocatePoolWithTag((POOL_TYPE)((int)PoolType & 7), NumberOfBytes, Tag);
    if (memory != NULL) __builtin_memset(memory, 0, NumberOfBytes);
    return memory;
}
#define ExAllocatePoolUninitialized ExAllocatePoolWithTag

REMAP_DDK_END

#endif
