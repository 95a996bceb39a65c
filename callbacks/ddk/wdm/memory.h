// SPDX-License-Identifier: MIT
// Physical memory that a driver gets without the graphics kernel: contiguous memory and views of device memory. On
// Windows a driver that supports IOMMU isolation must not call the allocations (WDK page "IOMMU-based GPU isolation"):
// the GPU does not reach such memory.
#ifndef REMAP_DDK_WDM_MEMORY_H
#define REMAP_DDK_WDM_MEMORY_H

#include "constants.h"

REMAP_DDK_BEGIN

typedef enum _MEMORY_CACHING_TYPE REMAP_DDK_INT {
    MmNonCached = 0,
    MmCached = 1,
    MmWriteCombined = 2,
    MmFrameBufferCached = 2,
    MmHardwareCoherentCached = 3,
    MmNonCachedUnordered = 4,
    MmUSWCCached = 5,
    MmMaximumCacheType = 6,
    MmNotMapped = -1
} MEMORY_CACHING_TYPE,
    *PMEMORY_CACHING_TYPE;

typedef ULONG NODE_REQUIREMENT;
#define MM_ANY_NODE_OK ((NODE_REQUIREMENT)0x80000000)

// Contiguous memory of whole pages within [Lowest, Highest] that crosses no multiple of BoundaryAddressMultiple (0, or
// a power of two), mapped with the cache type (MmNonCached, MmCached or MmWriteCombined); null when there is none. IRQL
// <= DISPATCH_LEVEL, by the pages <= APC_LEVEL on old systems. Bugcheck 0xC4, 0xE5: IRQL above DISPATCH_LEVEL.
NTKERNELAPI PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(_In_ SIZE_T NumberOfBytes,
                                                               _In_ PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                               _In_ PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                               _In_ PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                               _In_ MEMORY_CACHING_TYPE CacheType);
NTKERNELAPI PVOID NTAPI MmAllocateContiguousMemory(_In_ SIZE_T NumberOfBytes,
                                                   _In_ PHYSICAL_ADDRESS HighestAcceptableAddress);

// Bugcheck 0xC2, 0x60: not the base of such memory, or freed before, or (ours) of another size or cache type.
// Bugcheck 0xC4, 0xE5: IRQL > DISPATCH_LEVEL.
NTKERNELAPI VOID NTAPI MmFreeContiguousMemorySpecifyCache(_In_ PVOID BaseAddress, _In_ SIZE_T NumberOfBytes,
                                                          _In_ MEMORY_CACHING_TYPE CacheType);
NTKERNELAPI VOID NTAPI MmFreeContiguousMemory(_In_ PVOID BaseAddress);

// The physical address behind an address of pool, of contiguous memory or of a mapping; 0 for any other. Any IRQL.
NTKERNELAPI PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(_In_ PVOID BaseAddress);

// Whether the address may be read without a fault: it lies in memory this kernel knows. IRQL <= DISPATCH_LEVEL.
NTKERNELAPI BOOLEAN NTAPI MmIsAddressValid(_In_ PVOID VirtualAddress);

// Maps physical addresses, of any alignment, into kernel space; null when there is no room. Protect: PAGE_READONLY or
// PAGE_READWRITE, with PAGE_NOCACHE or PAGE_WRITECOMBINE or neither; null for others.
// Bugcheck 0xC4: 0x73 IRQL > DISPATCH_LEVEL, 0x83 the range is memory that the system manages and nobody has locked. A
// page that is mapped with another cache type already is reported, and mapped (ours).
NTKERNELAPI PVOID NTAPI MmMapIoSpace(_In_ PHYSICAL_ADDRESS PhysicalAddress, _In_ SIZE_T NumberOfBytes,
                                     _In_ MEMORY_CACHING_TYPE CacheType);
NTKERNELAPI PVOID NTAPI MmMapIoSpaceEx(_In_ PHYSICAL_ADDRESS PhysicalAddress, _In_ SIZE_T NumberOfBytes,
                                       _In_ ULONG Protect);

// Bugcheck 0xC4, 0x7B: IRQL > DISPATCH_LEVEL. (The verifier's page says APC_LEVEL, the routine's DISPATCH_LEVEL, which
// is followed.) Bugcheck 0xDA, 0x03: no such view, or (0x0C) another size than it was mapped with.
NTKERNELAPI VOID NTAPI MmUnmapIoSpace(_In_ PVOID BaseAddress, _In_ SIZE_T NumberOfBytes);

REMAP_DDK_END

#endif
