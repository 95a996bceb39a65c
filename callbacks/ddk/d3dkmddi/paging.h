// SPDX-License-Identifier: MIT
// DxgkDdiBuildPagingBuffer: the driver writes GPU commands that move or map memory into a buffer.
#ifndef REMAP_DDK_D3DKMDDI_PAGING_H
#define REMAP_DDK_D3DKMDDI_PAGING_H

#include "types.h"

REMAP_DDK_BEGIN

typedef enum _DXGK_BUILDPAGINGBUFFER_OPERATION REMAP_DDK_INT {
    DXGK_OPERATION_TRANSFER = 0,
    DXGK_OPERATION_FILL = 1,
    DXGK_OPERATION_DISCARD_CONTENT = 2,
    DXGK_OPERATION_READ_PHYSICAL = 3,
    DXGK_OPERATION_WRITE_PHYSICAL = 4,
    DXGK_OPERATION_MAP_APERTURE_SEGMENT = 5,
    DXGK_OPERATION_UNMAP_APERTURE_SEGMENT = 6,
    DXGK_OPERATION_SPECIAL_LOCK_TRANSFER = 7,
    DXGK_OPERATION_VIRTUAL_TRANSFER = 8,
    DXGK_OPERATION_VIRTUAL_FILL = 9,
    DXGK_OPERATION_INIT_CONTEXT_RESOURCE = 10,
    DXGK_OPERATION_UPDATE_PAGE_TABLE = 11,
    DXGK_OPERATION_FLUSH_TLB = 12,
    DXGK_OPERATION_UPDATE_CONTEXT_ALLOCATION = 13,
    DXGK_OPERATION_COPY_PAGE_TABLE_ENTRIES = 14,
    DXGK_OPERATION_NOTIFY_RESIDENCY = 15,
    DXGK_OPERATION_SIGNAL_MONITORED_FENCE = 16,
    DXGK_OPERATION_MAP_APERTURE_SEGMENT2 = 17,
    DXGK_OPERATION_NOTIFY_FENCE_RESIDENCY = 18,
    DXGK_OPERATION_MAP_MMU = 19,
    DXGK_OPERATION_UNMAP_MMU = 20,
    DXGK_OPERATION_NOTIFY_RESIDENCY2 = 21,
    DXGK_OPERATION_NOTIFY_ALLOC = 22
} DXGK_BUILDPAGINGBUFFER_OPERATION;

typedef struct _DXGK_TRANSFERFLAGS {
    union {
        struct {
            UINT Swizzle : 1;
            UINT Unswizzle : 1;
            UINT AllocationIsIdle : 1;
            UINT TransferStart : 1;
            UINT TransferEnd : 1;
            UINT Reserved : 27;
        };
        UINT Value;
    };
} DXGK_TRANSFERFLAGS;

typedef struct _DXGK_DISCARDCONTENTFLAGS {
    union {
        struct {
            UINT AllocationIsIdle : 1;
            UINT Reserved : 31;
        };
        UINT Value;
    };
} DXGK_DISCARDCONTENTFLAGS;

typedef struct _DXGK_MAPAPERTUREFLAGS {
    union {
        struct {
            UINT CacheCoherent : 1;
            UINT Reserved : 31;
        };
        UINT Value;
    };
} DXGK_MAPAPERTUREFLAGS;

// The operations of this header; the others are about GPU virtual addresses, and have the same room.
typedef struct _DXGKARG_BUILDPAGINGBUFFER {
    VOID* pDmaBuffer;  // in/out: the driver moves it behind what it wrote
    UINT DmaSize;      // bytes left there
    VOID* pDmaBufferPrivateData;
    UINT DmaBufferPrivateDataSize;
    DXGK_BUILDPAGINGBUFFER_OPERATION Operation;
    UINT MultipassOffset;  // in/out: the driver's progress, 0 at first, when one buffer is too small
    union {
        struct {
            HANDLE hAllocation;
            UINT TransferOffset;  // bytes into the allocation
            SIZE_T TransferSize;  // bytes
            struct {
                UINT SegmentId;  // 0: system memory, by the MDL
                union {
                    LARGE_INTEGER SegmentAddress;
                    MDL* pMdl;
                };
            } Source, Destination;
            DXGK_TRANSFERFLAGS Flags;
            UINT MdlOffset;  // pages into the MDL
        } Transfer;
        struct {
            HANDLE hAllocation;
            SIZE_T FillSize;  // bytes
            UINT FillPattern;
            struct {
                UINT SegmentId;
                LARGE_INTEGER SegmentAddress;
            } Destination;
        } Fill;
        struct {
            HANDLE hAllocation;
            DXGK_DISCARDCONTENTFLAGS Flags;
            UINT SegmentId;
            PHYSICAL_ADDRESS SegmentAddress;
        } DiscardContent;
        struct {
            UINT SegmentId;
            PHYSICAL_ADDRESS PhysicalAddress;
        } ReadPhysical, WritePhysical;
        struct {
            HANDLE hDevice;
            HANDLE hAllocation;
            UINT SegmentId;
            SIZE_T OffsetInPages;  // into the aperture
            SIZE_T NumberOfPages;
            PMDL pMdl;
            DXGK_MAPAPERTUREFLAGS Flags;
            ULONG MdlOffset;  // pages into the MDL
        } MapApertureSegment;
        struct {
            HANDLE hDevice;
            HANDLE hAllocation;
            UINT SegmentId;
            SIZE_T OffsetInPages;
            SIZE_T NumberOfPages;
            PHYSICAL_ADDRESS DummyPage;  // where the unmapped range has to point
        } UnmapApertureSegment;
        struct {  // for drivers with MapAperture2Supported, instead of MapApertureSegment
            HANDLE hDevice;
            HANDLE hAllocation;
            UINT SegmentId;
            SIZE_T OffsetInPages;
            SIZE_T NumberOfPages;
            DXGK_ADL Adl;  // a base page when addresses are remapped; else look at its flags
            DXGK_MAPAPERTUREFLAGS Flags;
            ULONG AdlOffset;          // pages into the list
            PVOID CpuVisibleAddress;  // kernel address of the allocation until it is unmapped, or null
        } MapApertureSegment2;
        UCHAR Reserved[256];
    };
    HANDLE hSystemContext;
    D3DGPU_VIRTUAL_ADDRESS DmaBufferGpuVirtualAddress;
    UINT DmaBufferWriteOffset;
} DXGKARG_BUILDPAGINGBUFFER, *PDXGKARG_BUILDPAGINGBUFFER;

typedef DXGKARG_BUILDPAGINGBUFFER* IN_PDXGKARG_BUILDPAGINGBUFFER;

// IRQL PASSIVE_LEVEL.
// STATUS_SUCCESS
// STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER  it goes on in another buffer, from MultipassOffset
// STATUS_GRAPHICS_ALLOCATION_BUSY          the GPU uses the allocation
typedef NTSTATUS APIENTRY DXGKDDI_BUILDPAGINGBUFFER(IN_CONST_HANDLE hAdapter,
                                                    IN_PDXGKARG_BUILDPAGINGBUFFER pBuildPagingBuffer);
typedef DXGKDDI_BUILDPAGINGBUFFER* PDXGKDDI_BUILDPAGINGBUFFER;

REMAP_DDK_END

#endif
