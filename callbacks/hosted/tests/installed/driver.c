/* SPDX-License-Identifier: MIT */
/* A driver's source as it would be on Windows: WDK headers, plain C, nothing of remaplab. */
#include <dispmprt.h>

#include "driver.h"

NTSTATUS AllocateRing(const DXGKRNL_INTERFACE *Dxgk, SIZE_T Size, RING *Ring)
{
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create = {0};
    DXGKARGCB_ALLOCATE_ADL adl = {0};
    DXGKARGCB_MAP_PHYSICAL_MEMORY map = {0};
    NTSTATUS status;

    RtlZeroMemory(Ring, sizeof(*Ring));
    create.hAdapter = Dxgk->DeviceHandle;
    create.Size = Size;
    create.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    create.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
    status = Dxgk->DxgkCbCreatePhysicalMemoryObject(&create);
    if (!NT_SUCCESS(status))
        return status;
    Ring->Object = create.hPhysicalMemoryObject;
    Ring->AdapterObject = create.hAdapterMemoryObject;

    adl.hAdapterMemoryObject = Ring->AdapterObject;
    adl.Size = Size;
    adl.Flags.RequireContiguous = 1;
    status = Dxgk->DxgkCbAllocateAdl(&adl);
    if (NT_SUCCESS(status)) {
        Ring->Adl = adl.pAdl;
        Ring->Gpu = (ULONGLONG)adl.pAdl->BasePageNumber * PAGE_SIZE;
        map.hPhysicalMemoryObject = Ring->Object;
        map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
        map.Size = Size;
        status = Dxgk->DxgkCbMapPhysicalMemory(&map);
    }
    if (!NT_SUCCESS(status)) {
        FreeRing(Dxgk, Ring);
        return status;
    }
    Ring->MappedBase = map.pMappedAddress;
    Ring->MappedSize = map.Size;
    Ring->Cpu = (PUCHAR)map.pMappedAddress + map.Offset;
    return STATUS_SUCCESS;
}

VOID FreeRing(const DXGKRNL_INTERFACE *Dxgk, RING *Ring)
{
    if (Ring->MappedBase != NULL) {
        DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap = {Ring->Object, Ring->MappedBase, Ring->MappedSize};
        Dxgk->DxgkCbUnmapPhysicalMemory(&unmap);
    }
    if (Ring->Adl != NULL) {
        DXGKARGCB_FREE_ADL free = {Ring->AdapterObject, Ring->Adl};
        Dxgk->DxgkCbFreeAdl(&free);
    }
    if (Ring->Object != NULL) {
        DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy = {Ring->Object, Ring->AdapterObject};
        Dxgk->DxgkCbDestroyPhysicalMemoryObject(&destroy);
    }
    RtlZeroMemory(Ring, sizeof(*Ring));
}
