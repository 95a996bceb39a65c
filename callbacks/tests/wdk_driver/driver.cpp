/* SPDX-License-Identifier: MIT */
// A display driver's registration and its DDIs for memory, as C++ for the WDK has them: functions take their calling
// convention from the role types they are declared with.
extern "C" {
#include <initguid.h>
#include <ntddk.h>
#include <d3dkmddi.h>
#include <dispmprt.h>
}

#include "ring.h"

DEFINE_GUID(GUID_SAMPLE_DRIVER, 0x5f1f3d1e, 0x7a55, 0x4b7e, 0x9c, 0x1d, 0x25, 0x90, 0x6c, 0x0b, 0x7d, 0x11);

extern "C" DRIVER_INITIALIZE DriverEntry;
static DXGKDDI_ADD_DEVICE SampleAddDevice;
static DXGKDDI_START_DEVICE SampleStartDevice;
static DXGKDDI_STOP_DEVICE SampleStopDevice;
static DXGKDDI_REMOVE_DEVICE SampleRemoveDevice;
static DXGKDDI_UNLOAD SampleUnload;
static DXGKDDI_QUERYADAPTERINFO SampleQueryAdapterInfo;
static DXGKDDI_BUILDPAGINGBUFFER SampleBuildPagingBuffer;
static DXGKDDI_BEGINEXCLUSIVEACCESS SampleBeginExclusiveAccess;
static DXGKDDI_ENDEXCLUSIVEACCESS SampleEndExclusiveAccess;
static NTSTATUS APIENTRY SampleCreateDevice(IN_CONST_HANDLE hAdapter, PVOID pCreateDevice);

namespace {

const ULONG SampleTag = 'lpmS';
DECLARE_CONST_UNICODE_STRING(SampleName, L"Sample");

struct SAMPLE_ADAPTER {
    PDEVICE_OBJECT PhysicalDeviceObject;
    DXGKRNL_INTERFACE Dxgk;
    DXGK_DEVICE_INFO Device;
    PRING Ring;
    PVOID Registers;
    volatile LONG Silent;
};

PHYSICAL_ADDRESS SampleFindRegisters(const CM_RESOURCE_LIST *List, ULONG *Length)
{
    PHYSICAL_ADDRESS none = {};
    if (List == nullptr || List->Count == 0)
        return none;
    const CM_PARTIAL_RESOURCE_LIST &partial = List->List[0].PartialResourceList;
    for (ULONG index = 0; index < partial.Count; ++index) {
        const CM_PARTIAL_RESOURCE_DESCRIPTOR &resource = partial.PartialDescriptors[index];
        if (resource.Type != CmResourceTypeMemory)
            continue;
        *Length = resource.u.Memory.Length;
        return resource.u.Memory.Start;
    }
    return none;
}

}  // namespace

NTSTATUS SampleAddDevice(_In_ DEVICE_OBJECT *const PhysicalDeviceObject, _Outptr_ PVOID *MiniportDeviceContext)
{
    PAGED_CODE();
    auto *adapter = static_cast<SAMPLE_ADAPTER *>(
        ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(SAMPLE_ADAPTER), SampleTag));
    if (adapter == nullptr)
        return STATUS_NO_MEMORY;
    adapter->PhysicalDeviceObject = PhysicalDeviceObject;
    *MiniportDeviceContext = adapter;
    return STATUS_SUCCESS;
}

NTSTATUS SampleStartDevice(_In_ VOID *const Context, _In_ DXGK_START_INFO *, _In_ DXGKRNL_INTERFACE *Dxgk,
                           _Out_ ULONG *Sources, _Out_ ULONG *Children)
{
    auto *adapter = static_cast<SAMPLE_ADAPTER *>(Context);
    RtlCopyMemory(&adapter->Dxgk, Dxgk, sizeof(adapter->Dxgk));
    *Sources = 0;
    *Children = 0;
    NTSTATUS status = adapter->Dxgk.DxgkCbGetDeviceInformation(Dxgk->DeviceHandle, &adapter->Device);
    if (!NT_SUCCESS(status)) {
        KdPrintEx((DPFLTR_IHVVIDEO_ID, DPFLTR_ERROR_LEVEL, "no device information: 0x%08X\n", status));
        return status;
    }
    ULONG length = 0;
    const PHYSICAL_ADDRESS registers = SampleFindRegisters(adapter->Device.TranslatedResourceList, &length);
    if (length != 0) {
        status = adapter->Dxgk.DxgkCbMapMemory(Dxgk->DeviceHandle, registers, length, FALSE, FALSE, MmNonCached,
                                               &adapter->Registers);
        if (!NT_SUCCESS(status))
            return status;
        WRITE_REGISTER_ULONG(static_cast<PULONG>(adapter->Registers), 1);
    }
    return RingCreate(&adapter->Dxgk, 4 * PAGE_SIZE, &adapter->Ring);
}

NTSTATUS SampleStopDevice(_In_ VOID *const Context)
{
    auto *adapter = static_cast<SAMPLE_ADAPTER *>(Context);
    if (adapter->Ring != nullptr)
        RingDestroy(adapter->Ring);
    adapter->Ring = nullptr;
    if (adapter->Registers != nullptr)
        (VOID)adapter->Dxgk.DxgkCbUnmapMemory(adapter->Dxgk.DeviceHandle, adapter->Registers);
    adapter->Registers = nullptr;
    return STATUS_SUCCESS;
}

NTSTATUS SampleRemoveDevice(_In_ VOID *const Context)
{
    ExFreePoolWithTag(Context, SampleTag);
    return STATUS_SUCCESS;
}

VOID SampleUnload()
{
    DbgPrint("%wZ unloaded\n", &SampleName);
}

NTSTATUS SampleQueryAdapterInfo(_In_ CONST HANDLE, _In_ CONST DXGKARG_QUERYADAPTERINFO *Query)
{
    switch (Query->Type) {
    case DXGKQAITYPE_DRIVERCAPS: {
        if (Query->OutputDataSize < sizeof(DXGK_DRIVERCAPS))
            return STATUS_BUFFER_TOO_SMALL;
        auto *caps = static_cast<DXGK_DRIVERCAPS *>(Query->pOutputData);
        RtlZeroMemory(caps, sizeof(*caps));
        caps->WDDMVersion = DXGKDDI_WDDMv3_0;
        caps->HighestAcceptableAddress.QuadPart = -1;
        caps->MemoryManagementCaps.MapAperture2Supported = TRUE;
        caps->GpuEngineTopology.NbAsymetricProcessingNodes = 1;
        return STATUS_SUCCESS;
    }
    case DXGKQAITYPE_PHYSICAL_MEMORY_CAPS:
        static_cast<DXGK_PHYSICAL_MEMORY_CAPS *>(Query->pOutputData)->HighestVisibleAddress.QuadPart = (1LL << 40) - 1;
        return STATUS_SUCCESS;
    case DXGKQAITYPE_IOMMU_CAPS:
        static_cast<DXGK_IOMMU_CAPS *>(Query->pOutputData)->DmaRemappingSupported = 1;
        return STATUS_SUCCESS;
    default:
        return STATUS_NOT_SUPPORTED;
    }
}

NTSTATUS SampleBuildPagingBuffer(_In_ CONST HANDLE, _In_ DXGKARG_BUILDPAGINGBUFFER *Paging)
{
    if (Paging->Operation != DXGK_OPERATION_MAP_APERTURE_SEGMENT2)
        return STATUS_SUCCESS;
    const auto &map = Paging->MapApertureSegment2;
    const SIZE_T bytes = map.NumberOfPages * sizeof(ULONG64);
    if (Paging->DmaSize < bytes)
        return STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;
    auto *entries = static_cast<ULONG64 *>(Paging->pDmaBuffer);
    for (SIZE_T page = 0; page < map.NumberOfPages; ++page) {
        const SIZE_T index = map.AdlOffset + page;
        const DXGK_PAGE_NUMBER number = map.Adl.Flags.Contiguous ? map.Adl.BasePageNumber + index : map.Adl.Pages[index];
        entries[page] = number << PAGE_SHIFT;
    }
    Paging->pDmaBuffer = entries + map.NumberOfPages;
    return STATUS_SUCCESS;
}

NTSTATUS SampleBeginExclusiveAccess(_In_ CONST HANDLE Context, DXGKARG_BEGINEXCLUSIVEACCESS *)
{
    InterlockedExchange(&static_cast<SAMPLE_ADAPTER *>(Context)->Silent, 1);
    return STATUS_SUCCESS;
}

NTSTATUS SampleEndExclusiveAccess(_In_ CONST HANDLE Context, DXGKARG_ENDEXCLUSIVEACCESS *)
{
    InterlockedExchange(&static_cast<SAMPLE_ADAPTER *>(Context)->Silent, 0);
    return STATUS_SUCCESS;
}

NTSTATUS APIENTRY SampleCreateDevice(IN_CONST_HANDLE, PVOID)
{
    return STATUS_NOT_IMPLEMENTED;
}

extern "C" NTSTATUS DriverEntry(_In_ DRIVER_OBJECT *DriverObject, _In_ UNICODE_STRING *RegistryPath)
{
    DRIVER_INITIALIZATION_DATA data = {0};

    PAGED_CODE();
    if (!ARGUMENT_PRESENT(DriverObject) || !ARGUMENT_PRESENT(RegistryPath))
        return STATUS_INVALID_PARAMETER;
    data.Version = DXGKDDI_INTERFACE_VERSION;
    data.DxgkDdiAddDevice = SampleAddDevice;
    data.DxgkDdiStartDevice = SampleStartDevice;
    data.DxgkDdiStopDevice = SampleStopDevice;
    data.DxgkDdiRemoveDevice = SampleRemoveDevice;
    data.DxgkDdiUnload = SampleUnload;
    data.DxgkDdiQueryAdapterInfo = SampleQueryAdapterInfo;
    data.DxgkDdiBuildPagingBuffer = SampleBuildPagingBuffer;
    data.DxgkDdiBeginExclusiveAccess = SampleBeginExclusiveAccess;
    data.DxgkDdiEndExclusiveAccess = SampleEndExclusiveAccess;
    data.DxgkDdiCreateDevice = SampleCreateDevice;
    data.DxgkDdiPatch = NULL;
    return DxgkInitialize(DriverObject, RegistryPath, &data);
}
