// SPDX-License-Identifier: MIT
// DXGKRNL_INTERFACE: the table of the graphics kernel's functions that a driver gets in DxgkDdiStartDevice and copies
// by value (WDK page "DXGKRNL_INTERFACE structure (dispmprt.h)").
//
// The table always has the room of the newest version, 0x240 bytes, so that a driver's copy of it never reads past its
// end; Size tells how much the declared version has: 0x238 for WDDM 2.9 and 3.0, 0x240 from WDDM 3.1 on.
#ifndef REMAP_DDK_DISPMPRT_INTERFACE_H
#define REMAP_DDK_DISPMPRT_INTERFACE_H

#include "../d3dkmddi.h"
#include "device.h"

REMAP_DDK_BEGIN

// A function that this project does not provide. Its member is null.
typedef VOID(APIENTRY CALLBACK* DXGKCB_NOT_PROVIDED)(VOID);

typedef struct _DXGKRNL_INTERFACE {
    ULONG Size;
    ULONG Version;
    HANDLE DeviceHandle;
    DXGKCB_NOT_PROVIDED DxgkCbEvalAcpiMethod;
    DXGKCB_GET_DEVICE_INFORMATION DxgkCbGetDeviceInformation;
    DXGKCB_NOT_PROVIDED DxgkCbIndicateChildStatus;
    DXGKCB_MAP_MEMORY DxgkCbMapMemory;
    DXGKCB_NOT_PROVIDED DxgkCbQueueDpc;
    DXGKCB_NOT_PROVIDED DxgkCbQueryServices;
    DXGKCB_READ_DEVICE_SPACE DxgkCbReadDeviceSpace;
    DXGKCB_NOT_PROVIDED DxgkCbSynchronizeExecution;
    DXGKCB_UNMAP_MEMORY DxgkCbUnmapMemory;
    DXGKCB_WRITE_DEVICE_SPACE DxgkCbWriteDeviceSpace;
    DXGKCB_NOT_PROVIDED DxgkCbIsDevicePresent;
    DXGKCB_NOT_PROVIDED DxgkCbGetHandleData;
    DXGKCB_NOT_PROVIDED DxgkCbGetHandleParent;
    DXGKCB_NOT_PROVIDED DxgkCbEnumHandleChildren;
    DXGKCB_NOT_PROVIDED DxgkCbNotifyInterrupt;
    DXGKCB_NOT_PROVIDED DxgkCbNotifyDpc;
    DXGKCB_NOT_PROVIDED DxgkCbQueryVidPnInterface;
    DXGKCB_NOT_PROVIDED DxgkCbQueryMonitorInterface;
    DXGKCB_NOT_PROVIDED DxgkCbGetCaptureAddress;
    DXGKCB_NOT_PROVIDED DxgkCbLogEtwEvent;
    DXGKCB_NOT_PROVIDED DxgkCbExcludeAdapterAccess;
    // WDDM 1.2 and later from here on.
    DXGKCB_NOT_PROVIDED DxgkCbCreateContextAllocation;
    DXGKCB_NOT_PROVIDED DxgkCbDestroyContextAllocation;
    DXGKCB_NOT_PROVIDED DxgkCbSetPowerComponentActive;
    DXGKCB_NOT_PROVIDED DxgkCbSetPowerComponentIdle;
    DXGKCB_NOT_PROVIDED DxgkCbAcquirePostDisplayOwnership;
    DXGKCB_NOT_PROVIDED DxgkCbPowerRuntimeControlRequest;
    DXGKCB_NOT_PROVIDED DxgkCbSetPowerComponentLatency;
    DXGKCB_NOT_PROVIDED DxgkCbSetPowerComponentResidency;
    DXGKCB_NOT_PROVIDED DxgkCbCompleteFStateTransition;
    DXGKCB_NOT_PROVIDED DxgkCbCompletePStateTransition;
    DXGKCB_NOT_PROVIDED DxgkCbMapContextAllocation;
    DXGKCB_NOT_PROVIDED DxgkCbUpdateContextAllocation;
    DXGKCB_NOT_PROVIDED DxgkCbReserveGpuVirtualAddressRange;
    DXGKCB_NOT_PROVIDED DxgkCbAcquireHandleData;
    DXGKCB_NOT_PROVIDED DxgkCbReleaseHandleData;
    DXGKCB_NOT_PROVIDED DxgkCbHardwareContentProtectionTeardown;
    DXGKCB_NOT_PROVIDED DxgkCbMultiPlaneOverlayDisabled;
    DXGKCB_NOT_PROVIDED DxgkCbMitigatedRangeUpdate;
    DXGKCB_NOT_PROVIDED DxgkCbInvalidateHwContext;
    DXGKCB_NOT_PROVIDED DxgkCbIndicateConnectorChange;
    DXGKCB_NOT_PROVIDED DxgkCbUnblockUEFIFrameBufferRanges;
    DXGKCB_NOT_PROVIDED DxgkCbAcquirePostDisplayOwnership2;
    DXGKCB_NOT_PROVIDED DxgkCbSetProtectedSessionStatus;
    // WDDM 2.4: IOMMU isolation; deprecated under linear remapping.
    DXGKCB_ALLOCATECONTIGUOUSMEMORY DxgkCbAllocateContiguousMemory;
    DXGKCB_FREECONTIGUOUSMEMORY DxgkCbFreeContiguousMemory;
    DXGKCB_ALLOCATEPAGESFORMDL DxgkCbAllocatePagesForMdl;
    DXGKCB_FREEPAGESFROMMDL DxgkCbFreePagesFromMdl;
    DXGKCB_PINFRAMEBUFFERFORSAVE DxgkCbPinFrameBufferForSave;
    DXGKCB_UNPINFRAMEBUFFERFORSAVE DxgkCbUnpinFrameBufferForSave;
    DXGKCB_MAPFRAMEBUFFERPOINTER DxgkCbMapFrameBufferPointer;
    DXGKCB_UNMAPFRAMEBUFFERPOINTER DxgkCbUnmapFrameBufferPointer;
    DXGKCB_MAPMDLTOIOMMU DxgkCbMapMdlToIoMmu;
    DXGKCB_UNMAPMDLFROMIOMMU DxgkCbUnmapMdlFromIoMmu;
    DXGKCB_NOT_PROVIDED DxgkCbReportDiagnostic;
    // WDDM 2.5 to 2.8.
    DXGKCB_NOT_PROVIDED DxgkCbSignalEvent;
    DXGKCB_NOT_PROVIDED DxgkCbIsFeatureEnabled;
    DXGKCB_NOT_PROVIDED DxgkCbSaveMemoryForHotUpdate;
    DXGKCB_NOT_PROVIDED DxgkCbNotifyCursorSupportChange;
    // WDDM 2.9: physical memory objects.
    DXGKCB_NOT_PROVIDED DxgkCbQueryFeatureSupport;
    DXGKCB_CREATEPHYSICALMEMORYOBJECT DxgkCbCreatePhysicalMemoryObject;
    DXGKCB_DESTROYPHYSICALMEMORYOBJECT DxgkCbDestroyPhysicalMemoryObject;
    DXGKCB_MAPPHYSICALMEMORY DxgkCbMapPhysicalMemory;
    DXGKCB_UNMAPPHYSICALMEMORY DxgkCbUnmapPhysicalMemory;
    DXGKCB_ALLOCATEADL DxgkCbAllocateAdl;
    DXGKCB_FREEADL DxgkCbFreeAdl;
    DXGKCB_OPENPHYSICALMEMORYOBJECT DxgkCbOpenPhysicalMemoryObject;
    DXGKCB_CLOSEPHYSICALMEMORYOBJECT DxgkCbClosePhysicalMemoryObject;
    DXGKCB_PINFRAMEBUFFERFORSAVE2 DxgkCbPinFrameBufferForSave2;
    // WDDM 3.1.
    DXGKCB_NOT_PROVIDED DxgkCbDisconnectDoorbell;
} DXGKRNL_INTERFACE, *PDXGKRNL_INTERFACE;

REMAP_DDK_END

#endif
