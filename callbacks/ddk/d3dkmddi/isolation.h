// SPDX-License-Identifier: MIT
// The callbacks of IOMMU isolation (WDDM 2.4) and their argument structures. Under isolation the logical address of a
// page is its physical address, and the GPU reaches only pages that are mapped: these callbacks allocate memory and map
// it in one step, or map pages that the driver has. Rules: WDK pages of the same names, and "IOMMU-based GPU
// isolation".
//
// All sizes and offsets are bytes. IRQL <= APC_LEVEL (the single pages say PASSIVE_LEVEL); from WDDM 3.2 on a call at
// DISPATCH_LEVEL or above is a bugcheck. hAdapter is the DeviceHandle of an adapter; for the frame buffer it is the
// lead adapter of a linked chain, and PhysicalAdapterIndex says which of the chain is meant.
//
// A driver whose adapter is remapped (DmaRemappingSupported, and remapping is on) must not use them: "deprecated and
// can't be used" (WDK page "IOMMU DMA remapping"). They return STATUS_NOT_SUPPORTED then and the call is reported
// (ours); the exception is PinFrameBufferForSave2, which is for such drivers, and UnpinFrameBufferForSave, which ends
// both pins.
//
// Where this says nothing else, a callback with a status returns
//   STATUS_SUCCESS
//   STATUS_INVALID_PARAMETER       null argument, or a member as forbidden at it
//   STATUS_INVALID_HANDLE          (ours) hAdapter is not a started adapter, or a handle is not what it has to be
//   STATUS_NO_MEMORY               contiguous memory that satisfies the request is not found
//   STATUS_INSUFFICIENT_RESOURCES  (ours) no other memory that satisfies it, no address space, or no memory for tables
//                                  or the book-keeping
// and on failure its output members are null (ours). What is left when the adapter stops is reported as a leak.
#ifndef REMAP_DDK_D3DKMDDI_ISOLATION_H
#define REMAP_DDK_D3DKMDDI_ISOLATION_H

#include "types.h"

REMAP_DDK_BEGIN

// ---- contiguous memory ---------------------------------------------------------------------------------------------

typedef struct _DXGKARGCB_ALLOCATECONTIGUOUSMEMORY {
    SIZE_T NumberOfBytes;                      // not 0; memory comes in whole pages
    PHYSICAL_ADDRESS LowestAcceptableAddress;  // addresses are unsigned; all bytes lie in [Lowest, Highest]
    PHYSICAL_ADDRESS HighestAcceptableAddress;
    PHYSICAL_ADDRESS BoundaryAddressMultiple;  // a power of two of at least a page that the memory crosses no multiple
                                               // of; 0: no limit
    DXGK_MEMORY_CACHING_TYPE CacheType;
    HANDLE hMemoryHandle;  // out
    PVOID pMemory;         // out: page-aligned, for the kernel
} DXGKARGCB_ALLOCATECONTIGUOUSMEMORY;

typedef DXGKARGCB_ALLOCATECONTIGUOUSMEMORY* INOUT_PDXGKARGCB_ALLOCATECONTIGUOUSMEMORY;

// Allocates contiguous nonpaged memory, mapped for the CPU and for the adapter as long as it lives.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_ALLOCATECONTIGUOUSMEMORY)(IN_CONST_HANDLE hAdapter,
                                                                     INOUT_PDXGKARGCB_ALLOCATECONTIGUOUSMEMORY);

typedef struct _DXGKARGCB_FREECONTIGUOUSMEMORY {
    HANDLE hMemoryHandle;
} DXGKARGCB_FREECONTIGUOUSMEMORY;

typedef const DXGKARGCB_FREECONTIGUOUSMEMORY* IN_CONST_PDXGKARGCB_FREECONTIGUOUSMEMORY;

// Frees it. STATUS_INVALID_HANDLE, and a report (ours): not a live handle of such memory on this adapter.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_FREECONTIGUOUSMEMORY)(IN_CONST_HANDLE hAdapter,
                                                                 IN_CONST_PDXGKARGCB_FREECONTIGUOUSMEMORY);

// ---- pages in an MDL -----------------------------------------------------------------------------------------------

typedef struct _DXGKARGCB_ALLOCATEPAGESFORMDL {
    PHYSICAL_ADDRESS LowAddress;
    PHYSICAL_ADDRESS HighAddress;
    PHYSICAL_ADDRESS SkipBytes;
    SIZE_T TotalBytes;                   // not 0; not more than 4 GiB minus a page
    DXGK_MEMORY_CACHING_TYPE CacheType;  // of mappings that the driver makes
    ULONG Flags;                         // of MmAllocatePagesForMdlEx
    HANDLE hMemoryHandle;                // out
    PMDL pMdl;                           // out; belongs to the callee
} DXGKARGCB_ALLOCATEPAGESFORMDL;

typedef DXGKARGCB_ALLOCATEPAGESFORMDL* INOUT_PDXGKARGCB_ALLOCATEPAGESFORMDL;

// Allocates nonpaged pages as MmAllocatePagesForMdlEx does, with MM_ALLOCATE_FULLY_REQUIRED always in force: all or
// nothing. They are mapped for the adapter as long as they live.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_ALLOCATEPAGESFORMDL)(IN_CONST_HANDLE hAdapter,
                                                                INOUT_PDXGKARGCB_ALLOCATEPAGESFORMDL);

typedef struct _DXGKARGCB_FREEPAGESFROMMDL {
    HANDLE hMemoryHandle;
} DXGKARGCB_FREEPAGESFROMMDL;

typedef const DXGKARGCB_FREEPAGESFROMMDL* IN_CONST_PDXGKARGCB_FREEPAGESFROMMDL;

// Frees the pages and the MDL. STATUS_INVALID_HANDLE, and a report (ours): not a live handle of such pages on this
// adapter.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_FREEPAGESFROMMDL)(IN_CONST_HANDLE hAdapter,
                                                             IN_CONST_PDXGKARGCB_FREEPAGESFROMMDL);

// ---- pages of the driver -------------------------------------------------------------------------------------------

typedef struct _DXGKARGCB_MAPMDLTOIOMMU {
    PMDL pMdl;             // its pages are locked
    HANDLE hMemoryHandle;  // out
} DXGKARGCB_MAPMDLTOIOMMU;

typedef DXGKARGCB_MAPMDLTOIOMMU* INOUT_PDXGKARGCB_MAPMDLTOIOMMU;

// Maps the pages of an MDL for the adapter. The driver keeps the MDL and its pages as they are until the unmap.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_MAPMDLTOIOMMU)(IN_CONST_HANDLE hAdapter, INOUT_PDXGKARGCB_MAPMDLTOIOMMU);

typedef struct _DXGKARGCB_UNMAPMDLFROMIOMMU {
    HANDLE hMemoryHandle;
} DXGKARGCB_UNMAPMDLFROMIOMMU;

typedef const DXGKARGCB_UNMAPMDLFROMIOMMU* IN_CONST_PDXGKARGCB_UNMAPMDLFROMIOMMU;

// Ends the mapping; on return the adapter does not reach the pages by it any more. A mistake is reported (ours), and
// nothing is done: null argument, bad adapter, not a live handle of a mapping.
typedef VOID(APIENTRY CALLBACK* DXGKCB_UNMAPMDLFROMIOMMU)(IN_CONST_HANDLE hAdapter,
                                                          IN_CONST_PDXGKARGCB_UNMAPMDLFROMIOMMU);

// ---- saving the frame buffer ---------------------------------------------------------------------------------------

// The graphics kernel keeps a section for each physical adapter, of the size in DXGK_FRAMEBUFFERSAVEAREA. A driver pins
// all it needs of it at once, or copies piece by piece through mapped pointers.

typedef struct _DXGKARGCB_PINFRAMEBUFFERFORSAVE {
    UINT PhysicalAdapterIndex;
    SIZE_T CommitSize;  // a multiple of PAGE_SIZE, not 0 (ours), not more than MaximumSize
    PMDL pMdl;          // out; belongs to the callee
} DXGKARGCB_PINFRAMEBUFFERFORSAVE;

typedef DXGKARGCB_PINFRAMEBUFFERFORSAVE* INOUT_PDXGKARGCB_PINFRAMEBUFFERFORSAVE;

// Locks the first CommitSize bytes of the section and maps them for the adapter.
// STATUS_INVALID_DEVICE_STATE  (ours) it is pinned already
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_PINFRAMEBUFFERFORSAVE)(IN_CONST_HANDLE hAdapter,
                                                                  INOUT_PDXGKARGCB_PINFRAMEBUFFERFORSAVE);

typedef struct _DXGKARGCB_PINFRAMEBUFFERFORSAVE2 {
    UINT PhysicalAdapterIndex;
    SIZE_T CommitSize;
    union {
        struct {
            UINT PreferContiguous : 1;
            UINT Reserved : 31;
        };
        UINT Value;
    } Flags;
    DXGK_ADL* pAdl;  // out; belongs to the callee
} DXGKARGCB_PINFRAMEBUFFERFORSAVE2;

typedef DXGKARGCB_PINFRAMEBUFFERFORSAVE2* INOUT_PDXGKARGCB_PINFRAMEBUFFERFORSAVE2;

// The same with a list of the pages as the adapter addresses them (WDDM 2.9).
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_PINFRAMEBUFFERFORSAVE2)(IN_CONST_HANDLE hAdapter,
                                                                   INOUT_PDXGKARGCB_PINFRAMEBUFFERFORSAVE2);

typedef struct _DXGKARGCB_UNPINFRAMEBUFFERFORSAVE {
    UINT PhysicalAdapterIndex;
} DXGKARGCB_UNPINFRAMEBUFFERFORSAVE;

typedef const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE* IN_CONST_PDXGKARGCB_UNPINFRAMEBUFFERFORSAVE;

// Ends either pin. STATUS_INVALID_DEVICE_STATE, and a report (ours): it is not pinned.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_UNPINFRAMEBUFFERFORSAVE)(IN_CONST_HANDLE hAdapter,
                                                                    IN_CONST_PDXGKARGCB_UNPINFRAMEBUFFERFORSAVE);

typedef struct _DXGKARGCB_MAPFRAMEBUFFERPOINTER {
    UINT PhysicalAdapterIndex;
    SIZE_T Size;         // of the range: a multiple of PAGE_SIZE, not 0, within MaximumSize
    SIZE_T Offset;       // in: of the range in the section, a multiple of PAGE_SIZE; out: of it behind pBaseAddress
    PVOID pBaseAddress;  // out: page-aligned
} DXGKARGCB_MAPFRAMEBUFFERPOINTER;

typedef DXGKARGCB_MAPFRAMEBUFFERPOINTER* INOUT_PDXGKARGCB_MAPFRAMEBUFFERPOINTER;

// A pointer of the CPU to a part of the section: the data asked for begins at pBaseAddress + Offset (out).
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_MAPFRAMEBUFFERPOINTER)(IN_CONST_HANDLE hAdapter,
                                                                  INOUT_PDXGKARGCB_MAPFRAMEBUFFERPOINTER);

typedef struct _DXGKARGCB_UNMAPFRAMEBUFFERPOINTER {
    UINT PhysicalAdapterIndex;
    PVOID pBaseAddress;
} DXGKARGCB_UNMAPFRAMEBUFFERPOINTER;

typedef const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER* IN_CONST_PDXGKARGCB_UNMAPFRAMEBUFFERPOINTER;

// Ends it. STATUS_INVALID_ADDRESS, and a report (ours): nothing is mapped there for this physical adapter.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_UNMAPFRAMEBUFFERPOINTER)(IN_CONST_HANDLE hAdapter,
                                                                    IN_CONST_PDXGKARGCB_UNMAPFRAMEBUFFERPOINTER);

REMAP_DDK_END

#endif
