// SPDX-License-Identifier: MIT
#include "callbacks/tests/c_driver.h"

#include "callbacks/tests/layout.h"

NTSTATUS CDriverAllocate(C_DRIVER_BUFFER* Buffer, const DXGKRNL_INTERFACE* Interface, SIZE_T Bytes) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create;
    DXGKARGCB_ALLOCATE_ADL allocate;
    DXGKARGCB_MAP_PHYSICAL_MEMORY map;
    NTSTATUS status;

    RtlZeroMemory(Buffer, sizeof(*Buffer));
    Buffer->Interface = *Interface;

    RtlZeroMemory(&create, sizeof(create));
    create.hAdapter = Interface->DeviceHandle;
    create.Size = Bytes;
    create.Context = (ULONG_PTR)Buffer;
    create.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    create.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
    status = Buffer->Interface.DxgkCbCreatePhysicalMemoryObject(&create);
    if (!NT_SUCCESS(status)) return status;
    Buffer->PhysicalMemoryObject = create.hPhysicalMemoryObject;
    Buffer->AdapterMemoryObject = create.hAdapterMemoryObject;

    RtlZeroMemory(&allocate, sizeof(allocate));
    allocate.hAdapterMemoryObject = Buffer->AdapterMemoryObject;
    allocate.Size = Bytes;
    allocate.Flags.RequireContiguous = 1;
    status = Buffer->Interface.DxgkCbAllocateAdl(&allocate);
    if (!NT_SUCCESS(status)) goto Fail;
    Buffer->Adl = allocate.pAdl;

    RtlZeroMemory(&map, sizeof(map));
    map.hPhysicalMemoryObject = Buffer->PhysicalMemoryObject;
    map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
    map.Size = Bytes;
    status = Buffer->Interface.DxgkCbMapPhysicalMemory(&map);
    if (!NT_SUCCESS(status)) goto Fail;
    Buffer->MappedBase = map.pMappedAddress;
    Buffer->MappedSize = map.Size;
    Buffer->CpuBase = (PUCHAR)map.pMappedAddress + map.Offset;
    return STATUS_SUCCESS;

Fail:
    CDriverFree(Buffer);
    return status;
}

void CDriverFree(C_DRIVER_BUFFER* Buffer) {
    if (Buffer->MappedBase != NULL) {
        DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap;
        unmap.hPhysicalMemoryObject = Buffer->PhysicalMemoryObject;
        unmap.pBaseAddress = Buffer->MappedBase;
        unmap.Size = Buffer->MappedSize;
        Buffer->Interface.DxgkCbUnmapPhysicalMemory(&unmap);
        Buffer->MappedBase = NULL;
    }
    if (Buffer->Adl != NULL) {
        DXGKARGCB_FREE_ADL free;
        free.hAdapterMemoryObject = Buffer->AdapterMemoryObject;
        free.pAdl = Buffer->Adl;
        Buffer->Interface.DxgkCbFreeAdl(&free);
        Buffer->Adl = NULL;
    }
    if (Buffer->PhysicalMemoryObject != NULL) {
        DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy;
        destroy.hPhysicalMemoryObject = Buffer->PhysicalMemoryObject;
        destroy.hAdapterMemoryObject = Buffer->AdapterMemoryObject;
        Buffer->Interface.DxgkCbDestroyPhysicalMemoryObject(&destroy);
        Buffer->PhysicalMemoryObject = NULL;
    }
}

void CDriverAdlFlagValues(UINT32 Values[3]) {
    DXGKARGCB_ALLOCATE_ADL args;
    RtlZeroMemory(&args, sizeof(args));
    args.Flags.RequireContiguous = 1;
    Values[0] = args.Flags.Value;
    args.Flags.Value = 0;
    args.Flags.PreferContiguous = 1;
    Values[1] = args.Flags.Value;
    args.Flags.Value = 0;
    args.Flags.Reserved = 0x3fffffff;
    Values[2] = args.Flags.Value;
}
