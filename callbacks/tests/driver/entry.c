/* SPDX-License-Identifier: MIT */
#include "sample.h"

static NTSTATUS NTAPI AddDevice(PDEVICE_OBJECT PhysicalDevice, PVOID* DeviceContext) {
    SAMPLE_DEVICE* Device = (SAMPLE_DEVICE*)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(SAMPLE_DEVICE), SAMPLE_TAG);

    *DeviceContext = NULL;
    if (Device == NULL) return STATUS_NO_MEMORY;
    Device->PhysicalDevice = PhysicalDevice;
    ExInitializeFastMutex(&Device->Lock);
    *DeviceContext = Device;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI StartDevice(PVOID DeviceContext, PDXGK_START_INFO StartInfo, PDXGKRNL_INTERFACE Interface,
                                  PULONG Sources, PULONG Children) {
    SAMPLE_DEVICE* Device = (SAMPLE_DEVICE*)DeviceContext;
    NTSTATUS Status;

    Device->StartInfo = *StartInfo;
    Device->Dxgk = *Interface;
    *Sources = 0; /* it renders, and shows nothing */
    *Children = 0;
    Status = SampleMapRegisters(Device);
    if (!NT_SUCCESS(Status)) return Status;
    if (Device->Registers != NULL && !SampleGpuIsKnown(Device)) {
        SampleUnmapRegisters(Device);
        return STATUS_DEVICE_CONFIGURATION_ERROR;
    }
    Device->Started = TRUE;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI StopDevice(PVOID DeviceContext) {
    SAMPLE_DEVICE* Device = (SAMPLE_DEVICE*)DeviceContext;

    SampleGpuSilence(Device);
    SampleUnmapRegisters(Device);
    Device->Started = FALSE;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI RemoveDevice(PVOID DeviceContext) {
    ExFreePoolWithTag(DeviceContext, SAMPLE_TAG);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI BeginExclusiveAccess(HANDLE Adapter, DXGKARG_BEGINEXCLUSIVEACCESS* Begin) {
    SAMPLE_DEVICE* Device = (SAMPLE_DEVICE*)Adapter;

    UNREFERENCED_PARAMETER(Begin);
    SampleGpuSilence(Device);
    ++Device->ExclusiveBegun;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI EndExclusiveAccess(HANDLE Adapter, DXGKARG_ENDEXCLUSIVEACCESS* End) {
    UNREFERENCED_PARAMETER(End);
    ++((SAMPLE_DEVICE*)Adapter)->ExclusiveEnded;
    return STATUS_SUCCESS;
}

static void Perform(SAMPLE_DEVICE* Device, SAMPLE_REQUEST* Request) {
    Request->Status = STATUS_SUCCESS;
    Request->Line = 0;
    switch (Request->Command) {
        case SAMPLE_KERNEL_SERVICES: Request->Line = SampleTestKernelServices(); break;
        case SAMPLE_MEMORY_OBJECTS: Request->Line = SampleTestMemoryObjects(Device); break;
        case SAMPLE_REGISTERS:
            if (Device->Registers == NULL) Request->Status = STATUS_NOT_SUPPORTED;
            else Request->Value = *(volatile ULONG*)Device->Registers;
            break;
        case SAMPLE_GPU_COPY:
            if (Device->Registers == NULL) Request->Status = STATUS_NOT_SUPPORTED;
            else Request->Line = SampleTestGpuCopy(Device);
            break;
        case SAMPLE_APERTURE_PAGE:
            if (Request->Value >= SAMPLE_APERTURE_PAGES) Request->Status = STATUS_INVALID_PARAMETER;
            else Request->Value = Device->Aperture[Request->Value];
            break;
        case SAMPLE_COUNTS:
            Request->Value = Device->ExclusiveBegun | (ULONGLONG)Device->ExclusiveEnded << 32;
            break;
        case SAMPLE_LEAVE_IRQL: Request->Value = KfRaiseIrql(APC_LEVEL); break;
        case SAMPLE_LEAK: Request->Value = (ULONG_PTR)ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, SAMPLE_TAG); break;
        default: Request->Status = STATUS_INVALID_PARAMETER;
    }
    if (Request->Line != 0) Request->Status = STATUS_UNSUCCESSFUL;
}

static NTSTATUS NTAPI Escape(HANDLE Adapter, const DXGKARG_ESCAPE* Arguments) {
    SAMPLE_REQUEST* Request = (SAMPLE_REQUEST*)Arguments->pPrivateDriverData;

    if (Arguments->PrivateDriverDataSize != sizeof(*Request) || Request->Magic != SAMPLE_MAGIC)
        return STATUS_INVALID_PARAMETER;
    Perform((SAMPLE_DEVICE*)Adapter, Request);
    return STATUS_SUCCESS;
}

static VOID NTAPI Unload(VOID) {}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath) {
    DRIVER_INITIALIZATION_DATA Data;

    RtlZeroMemory(&Data, sizeof(Data));
    Data.Version = DXGKDDI_INTERFACE_VERSION_WDDM3_0;
    Data.DxgkDdiAddDevice = AddDevice;
    Data.DxgkDdiStartDevice = StartDevice;
    Data.DxgkDdiStopDevice = StopDevice;
    Data.DxgkDdiRemoveDevice = RemoveDevice;
    Data.DxgkDdiUnload = Unload;
    Data.DxgkDdiQueryAdapterInfo = SampleQueryAdapterInfo;
    Data.DxgkDdiBuildPagingBuffer = SampleBuildPagingBuffer;
    Data.DxgkDdiEscape = Escape;
    Data.DxgkDdiBeginExclusiveAccess = BeginExclusiveAccess;
    Data.DxgkDdiEndExclusiveAccess = EndExclusiveAccess;
    return DxgkInitialize(DriverObject, RegistryPath, &Data);
}
