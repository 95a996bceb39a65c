/* SPDX-License-Identifier: MIT */
#include "sample.h"

static NTSTATUS Create(SAMPLE_DEVICE* Device, SIZE_T Bytes, DXGK_PHYSICAL_MEMORY_TYPE Type, SAMPLE_BUFFER* Buffer) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT Arguments;
    NTSTATUS Status;

    RtlZeroMemory(&Arguments, sizeof(Arguments));
    Arguments.hAdapter = Device->Dxgk.DeviceHandle;
    Arguments.Size = Bytes;
    Arguments.Context = (ULONG_PTR)Device;
    Arguments.Type = Type;
    Arguments.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    if (Type == DXGK_PHYSICAL_MEMORY_TYPE_MDL) {
        Arguments.Mdl.HighAddress.QuadPart = -1;
    } else if (Type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY) {
        Arguments.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
    } else {
        Arguments.Section.PageProtection = PAGE_READWRITE;
        Arguments.Section.AllocationAttributes = SEC_COMMIT;
    }
    Status = Device->Dxgk.DxgkCbCreatePhysicalMemoryObject(&Arguments);
    Buffer->Object = Arguments.hPhysicalMemoryObject;
    Buffer->AdapterObject = Arguments.hAdapterMemoryObject;
    return Status;
}

static NTSTATUS List(SAMPLE_DEVICE* Device, SIZE_T Bytes, DXGK_PHYSICAL_MEMORY_TYPE Type, SAMPLE_BUFFER* Buffer) {
    DXGKARGCB_ALLOCATE_ADL Arguments;
    NTSTATUS Status;

    RtlZeroMemory(&Arguments, sizeof(Arguments));
    Arguments.hAdapterMemoryObject = Buffer->AdapterObject;
    Arguments.Size = Bytes;
    if (Type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY) {
        Arguments.Flags.RequireContiguous = 1;
    } else {
        Arguments.Flags.PreferContiguous = 1;
    }
    Status = Device->Dxgk.DxgkCbAllocateAdl(&Arguments);
    Buffer->Adl = Arguments.pAdl;
    return Status;
}

static NTSTATUS Map(SAMPLE_DEVICE* Device, SIZE_T Bytes, SAMPLE_BUFFER* Buffer) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY Arguments;
    NTSTATUS Status;

    RtlZeroMemory(&Arguments, sizeof(Arguments));
    Arguments.hPhysicalMemoryObject = Buffer->Object;
    Arguments.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
    Arguments.Size = Bytes;
    Status = Device->Dxgk.DxgkCbMapPhysicalMemory(&Arguments);
    if (!NT_SUCCESS(Status)) return Status;
    Buffer->MappedBase = Arguments.pMappedAddress;
    Buffer->MappedBytes = Arguments.Size;
    Buffer->Data = (PUCHAR)Arguments.pMappedAddress + Arguments.Offset;
    return Status;
}

NTSTATUS SampleMakeBuffer(SAMPLE_DEVICE* Device, SIZE_T Bytes, DXGK_PHYSICAL_MEMORY_TYPE Type, SAMPLE_BUFFER* Buffer) {
    NTSTATUS Status;

    RtlZeroMemory(Buffer, sizeof(*Buffer));
    Status = Create(Device, Bytes, Type, Buffer);
    if (NT_SUCCESS(Status)) Status = List(Device, Bytes, Type, Buffer);
    if (NT_SUCCESS(Status)) Status = Map(Device, Bytes, Buffer);
    if (!NT_SUCCESS(Status)) SampleFreeBuffer(Device, Buffer);
    return Status;
}

void SampleFreeBuffer(SAMPLE_DEVICE* Device, SAMPLE_BUFFER* Buffer) {
    if (Buffer->MappedBase != NULL) {
        DXGKARGCB_UNMAP_PHYSICAL_MEMORY Arguments;
        Arguments.hPhysicalMemoryObject = Buffer->Object;
        Arguments.pBaseAddress = Buffer->MappedBase;
        Arguments.Size = Buffer->MappedBytes;
        Device->Dxgk.DxgkCbUnmapPhysicalMemory(&Arguments);
    }
    if (Buffer->Adl != NULL) {
        DXGKARGCB_FREE_ADL Arguments;
        Arguments.hAdapterMemoryObject = Buffer->AdapterObject;
        Arguments.pAdl = Buffer->Adl;
        Device->Dxgk.DxgkCbFreeAdl(&Arguments);
    }
    if (Buffer->Object != NULL) {
        DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT Arguments;
        Arguments.hPhysicalMemoryObject = Buffer->Object;
        Arguments.hAdapterMemoryObject = Buffer->AdapterObject;
        Device->Dxgk.DxgkCbDestroyPhysicalMemoryObject(&Arguments);
    }
    RtlZeroMemory(Buffer, sizeof(*Buffer));
}

DXGK_PAGE_NUMBER SamplePage(const DXGK_ADL* Adl, ULONG Index) {
    return Adl->Flags.Contiguous ? Adl->BasePageNumber + Index : Adl->Pages[Index];
}
