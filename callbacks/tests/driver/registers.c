/* SPDX-License-Identifier: MIT */
#include "sample.h"

/* The first memory range of the device is BAR 0. */
static const CM_PARTIAL_RESOURCE_DESCRIPTOR* FindMemory(const CM_RESOURCE_LIST* Resources) {
    const CM_PARTIAL_RESOURCE_LIST* List;
    ULONG Index;

    if (Resources == NULL || Resources->Count == 0) return NULL;
    List = &Resources->List[0].PartialResourceList;
    for (Index = 0; Index < List->Count; ++Index)
        if (List->PartialDescriptors[Index].Type == CmResourceTypeMemory) return &List->PartialDescriptors[Index];
    return NULL;
}

NTSTATUS SampleMapRegisters(SAMPLE_DEVICE* Device) {
    DXGK_DEVICE_INFO Info;
    const CM_PARTIAL_RESOURCE_DESCRIPTOR* Memory;
    PVOID Address = NULL;
    NTSTATUS Status;

    RtlZeroMemory(&Info, sizeof(Info));
    Status = Device->Dxgk.DxgkCbGetDeviceInformation(Device->Dxgk.DeviceHandle, &Info);
    if (!NT_SUCCESS(Status)) return Status;
    if (Info.PhysicalDeviceObject != Device->PhysicalDevice) return STATUS_DEVICE_CONFIGURATION_ERROR;
    Memory = FindMemory(Info.TranslatedResourceList);
    if (Memory == NULL) return STATUS_SUCCESS;
    Status = Device->Dxgk.DxgkCbMapMemory(Device->Dxgk.DeviceHandle, Memory->u.Memory.Start, Memory->u.Memory.Length,
                                          FALSE, FALSE, MmNonCached, &Address);
    if (!NT_SUCCESS(Status)) return Status;
    Device->Registers = (volatile UCHAR*)Address;
    Device->RegisterBytes = Memory->u.Memory.Length;
    return STATUS_SUCCESS;
}

void SampleUnmapRegisters(SAMPLE_DEVICE* Device) {
    if (Device->Registers == NULL) return;
    Device->Dxgk.DxgkCbUnmapMemory(Device->Dxgk.DeviceHandle, (PVOID)Device->Registers);
    Device->Registers = NULL;
}
