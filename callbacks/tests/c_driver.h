// SPDX-License-Identifier: MIT
// A driver's memory code as shipping drivers have it, in C: it knows the kit's headers and nothing of this project.
#ifndef REMAP_TESTS_C_DRIVER_H
#define REMAP_TESTS_C_DRIVER_H

#include "callbacks/ddk/dispmprt.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _C_DRIVER_BUFFER {
    DXGKRNL_INTERFACE Interface;
    HANDLE PhysicalMemoryObject;
    HANDLE AdapterMemoryObject;
    DXGK_ADL* Adl;
    PVOID MappedBase;
    SIZE_T MappedSize;
    PUCHAR CpuBase;
} C_DRIVER_BUFFER;

// Creates, makes an ADL, maps; on failure everything done is undone.
NTSTATUS CDriverAllocate(C_DRIVER_BUFFER* Buffer, const DXGKRNL_INTERFACE* Interface, SIZE_T Bytes);

// Unmaps, frees the ADL, destroys with both handles.
void CDriverFree(C_DRIVER_BUFFER* Buffer);

// The union of ADL flags as C lays it out: RequireContiguous, PreferContiguous and all reserved bits, one a time.
void CDriverAdlFlagValues(UINT32 Values[3]);

#ifdef __cplusplus
}
#endif

#endif
