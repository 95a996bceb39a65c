/* SPDX-License-Identifier: MIT */
#ifndef DRIVER_H
#define DRIVER_H

#include <dispmprt.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _RING {
    HANDLE Object;
    HANDLE AdapterObject;
    DXGK_ADL *Adl;
    PVOID MappedBase;
    SIZE_T MappedSize;
    PUCHAR Cpu;    /* the ring as the processor sees it */
    ULONGLONG Gpu; /* the ring as the GPU addresses it */
} RING;

NTSTATUS AllocateRing(const DXGKRNL_INTERFACE *Dxgk, SIZE_T Size, RING *Ring);
VOID FreeRing(const DXGKRNL_INTERFACE *Dxgk, RING *Ring);

#ifdef __cplusplus
}
#endif

#endif
