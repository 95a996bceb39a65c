// SPDX-License-Identifier: MIT
// The eight WDDM callbacks of physical memory objects (WDDM 2.9 and later) and their argument structures. The WDK pages
// of the same names are the source of the rules. They name few status values beside STATUS_INVALID_PARAMETER and
// STATUS_NO_MEMORY: a status marked (ours) is this project's choice.
//
// All sizes and offsets are bytes. A callback may be called up to IRQL APC_LEVEL: the pages say PASSIVE_LEVEL, drivers
// in the field hold a fast mutex while they call; from WDDM 3.2 on a call at DISPATCH_LEVEL or above is a bugcheck.
//
// What is wrong with a call is reported as Driver Verifier does: by the documented bugcheck 0x1E4
// VIDEO_DXGKRNL_SYSMM_FATAL_ERROR where there is one for it, else by 0xC4 with a check of this project (callbacks/core/
// report.h names them; each says what to do). Checks of this project are warnings when the verifier is off. A system
// may survive a report, as one in a test does: the callback has then gone on as its description says. Each callback
// reports
//   InvalidObjectType (0x1E4, 1)  a live handle of another kind of object
//   UseAfterClose                 a handle of something that is gone: a second free, a use after Destroy or Close
//   WrongIrql                     called above APC_LEVEL: nothing is done, STATUS_INVALID_DEVICE_STATE
// and those without a status (Destroy, Unmap, FreeAdl, Close), which do nothing then,
//   NullArgument, UnknownHandle   (a handle that never was one)
#ifndef REMAP_DDK_D3DKMDDI_PHYSICAL_MEMORY_H
#define REMAP_DDK_D3DKMDDI_PHYSICAL_MEMORY_H

#include "types.h"

REMAP_DDK_BEGIN

// ---- Create --------------------------------------------------------------------------------------------------------

typedef struct _DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT {
    HANDLE hAdapter;
    SIZE_T Size;
    ULONG_PTR Context;
    DXGK_PHYSICAL_MEMORY_TYPE Type;
    DXGK_MEMORY_CACHING_TYPE CacheType;
    union {
        struct {
            PHYSICAL_ADDRESS LowAddress;
            PHYSICAL_ADDRESS HighAddress;
            PHYSICAL_ADDRESS SkipBytes;
            UINT Flags;
        } Mdl;
        struct {
            PHYSICAL_ADDRESS LowestAcceptableAddress;
            PHYSICAL_ADDRESS HighestAcceptableAddress;
            PHYSICAL_ADDRESS BoundaryAddressMultiple;
        } ContiguousMemory;
        struct {
            ACCESS_MASK DesiredAccess;
            POBJECT_ATTRIBUTES ObjectAttributes;
            ULONG PageProtection;
            ULONG AllocationAttributes;
        } Section;
        struct {
            PHYSICAL_ADDRESS BaseAddress;
        } IOSpace;
    };
    HANDLE hPhysicalMemoryObject;
    HANDLE hAdapterMemoryObject;
} DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT;

typedef DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT* IN_OUT_PDXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT;

// Allocates physical memory, or wraps a range of the device's own (IO_SPACE), and returns a handle of it.
//
// hAdapter    optional. With it the object is opened against that adapter's logical adapter in the same call and both
//             handles come back; without it hAdapterMemoryObject is null and Open must come before an ADL.
// Size        bytes, not 0; memory comes in whole pages, and all of the last one belongs to the object. Not more than
//             4 GiB minus a page for an MDL, not more pages than DXGK_ADL.PageCount can count for the others (ours).
// Context     only kept, for messages.
// CacheType   of all CPU views of the object. A section is CACHED or WRITE_COMBINED.
// Addresses   are unsigned: drivers pass all ones for "no limit". A page is used when all its bytes are in the range.
// Mdl         pages may lie anywhere in [LowAddress, HighAddress]; what is missing then comes from the same window
//             SkipBytes, a multiple of PAGE_SIZE, further on, and so on; 0: there is only one window. All or nothing:
//             MM_ALLOCATE_FULLY_REQUIRED is always in force. With MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS there is one
//             window, and SkipBytes, a power of two that divides Size, is the size and alignment of each contiguous
//             chunk; 0: everything is one chunk (WDK page MmAllocatePagesForMdlEx).
// Contiguous  pages side by side in [LowestAcceptableAddress, HighestAcceptableAddress] that do not cross a multiple
//             of BoundaryAddressMultiple, which is 0 (no limit) or a power of two of at least a page (WDK page
//             MmAllocateContiguousMemorySpecifyCache).
// Section     PageProtection: PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE or PAGE_WRITECOPY and nothing else. CPU
//             views can be written with PAGE_READWRITE only: a private copy on write is not modelled.
//             AllocationAttributes: SEC_COMMIT, which is added when absent. ObjectAttributes and DesiredAccess are not
//             looked at: sections of this project have no names and are reached through this object only.
// IOSpace     BaseAddress is page aligned; no page of the range may be memory that the system manages (ours).
//
// Reports MixedCacheTypes, a warning (ours), when an IO range overlaps that of a live object with another CacheType, as
// aliases of a page with different cache types are undefined on hardware. The object is created.
//
// On failure both handles are null (ours) and nothing else is written.
//
// STATUS_SUCCESS
// STATUS_INVALID_PARAMETER        null argument, Size 0 or too large, unknown Type, CacheType or flag, a section that
//                                 is NON_CACHED or has other attributes, an address window that holds no page, a
//                                 SkipBytes or BoundaryAddressMultiple as forbidden above, an IO range that is not
//                                 aligned, wraps or is managed
// STATUS_INVALID_PAGE_PROTECTION  (ours) a section's PageProtection is none of the four
// STATUS_INVALID_HANDLE           (ours) hAdapter is neither null nor a started adapter of this machine
// STATUS_NO_MEMORY                contiguous memory that satisfies the request is not found
// STATUS_INSUFFICIENT_RESOURCES   (ours) no other memory that satisfies it, or none for the book-keeping
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_CREATEPHYSICALMEMORYOBJECT)(IN_OUT_PDXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT);

// ---- Destroy -------------------------------------------------------------------------------------------------------

typedef struct _DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT {
    HANDLE hPhysicalMemoryObject;
    HANDLE hAdapterMemoryObject;
} DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT;

typedef const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT* IN_CONST_PDXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT;

// Frees the memory. hAdapterMemoryObject is optional: when given it is closed in the same call, and must not be closed
// by the driver any more.
//
// Reports:
//   bugcheck 0x1E4, 5   an ADL of the object lives (a bugcheck by the WDK page of the argument; of the documented
//                       parameters 5, "memory unlocked while ADLs exist", fits best: ours). When the system survives
//                       the report, the ADLs are freed first, then the object.
//   bugcheck 0x1E4, 6   (ours) the object is still open and hAdapterMemoryObject is null: the adapter memory object
//                       would leak. It is closed, and the object is destroyed.
//   ViewsLeft             (ours) CPU views are left: they are taken down, and the object is destroyed
//   ForeignAdapterObject  (ours) hAdapterMemoryObject does not belong to the object, or is closed: nothing is done
typedef VOID(APIENTRY CALLBACK* DXGKCB_DESTROYPHYSICALMEMORYOBJECT)(IN_CONST_PDXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT);

// ---- Map and Unmap -------------------------------------------------------------------------------------------------

typedef struct _DXGKARGCB_MAP_PHYSICAL_MEMORY {
    HANDLE hPhysicalMemoryObject;
    DXGK_ACCESS_MODE AccessMode;
    SIZE_T Offset;
    SIZE_T Size;
    void* pMappedAddress;
} DXGKARGCB_MAP_PHYSICAL_MEMORY;

typedef DXGKARGCB_MAP_PHYSICAL_MEMORY* IN_OUT_PDXGKARGCB_MAP_PHYSICAL_MEMORY;

// Maps [Offset, Offset + Size) of the object for the CPU, with the cache type chosen at Create, into kernel space or
// the current process. Any byte range inside the object's pages may be asked for.
//
// On success the view may begin earlier and be longer than asked: pMappedAddress is its page-aligned base, Size (out)
// is its whole length in bytes, and the data asked for begins at pMappedAddress + Offset (out). On failure
// pMappedAddress is null (ours), and Offset and Size keep what was asked.
//
// STATUS_SUCCESS
// STATUS_INVALID_PARAMETER       null argument, Size 0, a range that is not inside the object's pages, unknown
//                                AccessMode, user mode for IO_SPACE
// STATUS_INVALID_HANDLE          (ours) not a live physical memory object
// STATUS_INSUFFICIENT_RESOURCES  (ours) no address space, no memory for tables, or none for the book-keeping
// Reports LargeUncachedView, a warning (ours), for an uncached view of 16 MiB or more of memory: reading it takes
// seconds. Reports ConflictingViews, a warning (ours), when a page of the view is mapped with another cache type
// already, by these callbacks or by the kernel's services: what the CPU reads and writes is then undefined. The view is
// made.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_MAPPHYSICALMEMORY)(IN_OUT_PDXGKARGCB_MAP_PHYSICAL_MEMORY);

typedef struct _DXGKARGCB_UNMAP_PHYSICAL_MEMORY {
    HANDLE hPhysicalMemoryObject;
    void* pBaseAddress;
    SIZE_T Size;
} DXGKARGCB_UNMAP_PHYSICAL_MEMORY;

typedef const DXGKARGCB_UNMAP_PHYSICAL_MEMORY* IN_CONST_PDXGKARGCB_UNMAP_PHYSICAL_MEMORY;

// Ends a view. pBaseAddress and Size are what Map returned in pMappedAddress and Size; a user view is ended in the
// process that made it.
//
// Reports (ours), and does nothing:
//   UnknownView    the object has no view at this base
//   WrongViewSize  not the size of the view
//   WrongProcess   a user view of another process
typedef VOID(APIENTRY CALLBACK* DXGKCB_UNMAPPHYSICALMEMORY)(IN_CONST_PDXGKARGCB_UNMAP_PHYSICAL_MEMORY);

// ---- AllocateAdl and FreeAdl ---------------------------------------------------------------------------------------

typedef struct _DXGKARGCB_ALLOCATE_ADL {
    HANDLE hAdapterMemoryObject;
    SIZE_T Offset;
    SIZE_T Size;
    union {
        struct {
            UINT32 RequireContiguous : 1;
            UINT32 PreferContiguous : 1;
            UINT32 Reserved : 30;
        };
        UINT32 Value;
    } Flags;
    DXGK_ADL* pAdl;
} DXGKARGCB_ALLOCATE_ADL;

typedef DXGKARGCB_ALLOCATE_ADL* IN_OUT_PDXGKARGCB_ALLOCATE_ADL;

// Makes a list of the pages of [Offset, Offset + Size) as the adapter addresses them. Offset and Size are multiples of
// PAGE_SIZE; PageCount is Size / PAGE_SIZE. The pages stay resident while the list lives, and so does the list itself:
// pAdl (out) points into memory of the callee, which the driver only reads.
//
// Page numbers are logical where DMA is remapped, else physical; a driver may not assume which, nor map them for the
// CPU. Page 0 is never handed out: drivers take a base page of 0 for a failure. Logical pages are side by side whenever
// the logical space has a free range of that length.
//
// RequireContiguous  the list is a base page, or the call fails. Valid for CONTIGUOUS_MEMORY and IO_SPACE objects only.
// PreferContiguous   the driver can use a base page, and gets one when the pages are side by side. With neither flag
//                    the list is always an array (ours; the WDK page of the argument has the driver set this flag
//                    where it can represent the list "with just the base address", as not all its code paths may).
// On failure pAdl is null (ours).
//
// STATUS_SUCCESS
// STATUS_INVALID_PARAMETER       null argument, Size 0, Offset or Size not a multiple of PAGE_SIZE, a range that is not
//                                inside the object's pages, reserved flags, RequireContiguous for an MDL or a section
// STATUS_INVALID_HANDLE          (ours) not a live adapter memory object
// STATUS_INVALID_ADDRESS         (ours) without remapping: a frame lies beyond HighestVisibleAddress, or is frame 0
// STATUS_INSUFFICIENT_RESOURCES  (ours) no logical addresses, no single range of them for RequireContiguous, or no
// memory
//                                for translation tables or the book-keeping
// Reports ReservedBits (ours) for reserved flags.
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_ALLOCATEADL)(IN_OUT_PDXGKARGCB_ALLOCATE_ADL);

typedef struct _DXGKARGCB_FREE_ADL {
    HANDLE hAdapterMemoryObject;
    DXGK_ADL* pAdl;
} DXGKARGCB_FREE_ADL;

typedef const DXGKARGCB_FREE_ADL* IN_CONST_PDXGKARGCB_FREE_ADL;

// Frees a list with the adapter memory object that made it. On return an access of the adapter to the list's pages
// faults where DMA is remapped.
//
// Reports (ours):
//   UnknownAdl, ForeignAdl  pAdl is no live list of this adapter memory object, or that of another: nothing is done
//   ChangedAdl              the driver has changed the list: it is freed as it was handed out
//   UsedFreedPages, CpuAddressGivenToGpu, UnmappedAccess  what the IOMMU has refused the adapter since the last look;
//                           Close and Destroy look too
typedef VOID(APIENTRY CALLBACK* DXGKCB_FREEADL)(IN_CONST_PDXGKARGCB_FREE_ADL);

// ---- Open and Close ------------------------------------------------------------------------------------------------

typedef struct _DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT {
    HANDLE hPhysicalMemoryObject;
    HANDLE hAdapter;
    HANDLE hAdapterMemoryObject;
} DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT;

typedef DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT* IN_OUT_PDXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT;

// Associates an object with a logical adapter. Any physical adapter of a linked chain may be named; all of them see the
// object's lists. On failure hAdapterMemoryObject is null (ours).
//
// STATUS_SUCCESS
// STATUS_INVALID_PARAMETER       null argument
// STATUS_INVALID_HANDLE          (ours) not a live physical memory object, or not a started adapter
// STATUS_INVALID_DEVICE_STATE    (ours) the object is open against this logical adapter already, by Open or by Create
// STATUS_NOT_SUPPORTED           (ours) the object is open against another logical adapter
// STATUS_INSUFFICIENT_RESOURCES  (ours) no memory for the book-keeping
typedef NTSTATUS(APIENTRY CALLBACK* DXGKCB_OPENPHYSICALMEMORYOBJECT)(IN_OUT_PDXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT);

typedef struct _DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT {
    HANDLE hAdapterMemoryObject;
} DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT;

typedef const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT* IN_CONST_PDXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT;

// Ends the association. The physical memory object stays, with its CPU views, and may be opened again.
//
// Reports:
//   bugcheck 0x1E4, 7   ADLs of the object live ("ADLs leaked"). When the system survives the report they are freed,
//                       and the object is closed.
typedef VOID(APIENTRY CALLBACK* DXGKCB_CLOSEPHYSICALMEMORYOBJECT)(IN_CONST_PDXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT);

REMAP_DDK_END

#endif
