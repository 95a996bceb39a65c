/* SPDX-License-Identifier: MIT */
/* A driver's source as it would be on Windows: WDK headers, plain C, nothing of remaplab. */
#include <dispmprt.h>

NTSTATUS AllocateRing(const DXGKRNL_INTERFACE *Dxgk, SIZE_T Size, void **Cpu, ULONGLONG *Gpu)
{
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create = {0};
    DXGKARGCB_ALLOCATE_ADL adl = {0};
    DXGKARGCB_MAP_PHYSICAL_MEMORY map = {0};
    NTSTATUS status;

    create.hAdapter = Dxgk->DeviceHandle;
    create.Size = Size;
    create.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    create.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
    status = Dxgk->DxgkCbCreatePhysicalMemoryObject(&create);
    if (!NT_SUCCESS(status))
        return status;

    adl.hAdapterMemoryObject = create.hAdapterMemoryObject;
    adl.Size = Size;
    adl.Flags.RequireContiguous = 1;
    status = Dxgk->DxgkCbAllocateAdl(&adl);
    if (NT_SUCCESS(status)) {
        map.hPhysicalMemoryObject = create.hPhysicalMemoryObject;
        map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
        map.Size = Size;
        status = Dxgk->DxgkCbMapPhysicalMemory(&map);
    }
    if (!NT_SUCCESS(status))
        return status;
    *Cpu = (unsigned char *)map.pMappedAddress + map.Offset;
    *Gpu = (ULONGLONG)adl.pAdl->BasePageNumber * PAGE_SIZE;
    return STATUS_SUCCESS;
}
