// SPDX-License-Identifier: MIT
// What several parts of d3dkmddi.h share: memory and cache types, address descriptor lists, pointers to arguments.
#ifndef REMAP_DDK_D3DKMDDI_TYPES_H
#define REMAP_DDK_D3DKMDDI_TYPES_H

#include "../d3dkmdt.h"
#include "../wdm.h"

REMAP_DDK_BEGIN

typedef const HANDLE IN_CONST_HANDLE;
typedef const PVOID IN_CONST_PVOID;

// ---- enumerations --------------------------------------------------------------------------------------------------

typedef enum _DXGK_PHYSICAL_MEMORY_TYPE REMAP_DDK_INT {
    DXGK_PHYSICAL_MEMORY_TYPE_MDL = 0,
    DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY = 1,
    DXGK_PHYSICAL_MEMORY_TYPE_SECTION = 2,
    DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE = 3,
} DXGK_PHYSICAL_MEMORY_TYPE;

typedef enum _DXGK_MEMORY_CACHING_TYPE REMAP_DDK_INT {
    DXGK_MEMORY_CACHING_TYPE_NON_CACHED = 0,
    DXGK_MEMORY_CACHING_TYPE_CACHED = 1,
    DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED = 2,
} DXGK_MEMORY_CACHING_TYPE;

typedef enum _DXGK_ACCESS_MODE REMAP_DDK_INT {
    DXGK_ACCESS_MODE_KERNEL_MODE = 0,
    DXGK_ACCESS_MODE_USER_MODE = 1,
} DXGK_ACCESS_MODE;

// ---- address descriptor lists --------------------------------------------------------------------------------------

typedef PFN_NUMBER DXGK_PAGE_NUMBER;

typedef struct _DXGK_ADL_FLAGS {
    union {
        struct {
            UINT32 Contiguous : 1;
            UINT32 Reserved : 31;
        };
        UINT32 Value;
    };
} DXGK_ADL_FLAGS;

// Page numbers as the adapter addresses them: logical where DMA is remapped, else physical.
typedef struct _DXGK_ADL {
    UINT32 PageCount;
    DXGK_ADL_FLAGS Flags;
    union {
        DXGK_PAGE_NUMBER BasePageNumber;  // Flags.Contiguous is set: the first of PageCount pages side by side
        const DXGK_PAGE_NUMBER* Pages;    // it is clear: PageCount numbers
    };
} DXGK_ADL;

REMAP_DDK_END

#endif
