// SPDX-License-Identifier: MIT
// DRIVER_INITIALIZATION_DATA: the functions that a display driver registers in its DriverEntry (WDK page of the same
// name). The order and offsets are those of WDDM 3.2, whose structure is 0x608 bytes; an earlier version ends where the
// next one begins: 0x1f0 for WDDM 1.0, 0x4d0 for 2.7 and 2.8, 0x4f0 for 2.9, 0x510 for 3.0, 0x560 for 3.1. They follow
// the debugging information of the WDK up to WDDM 2.7 and published offsets of the WDK for WDDM 3.2. Two members of
// WDDM 3.1 have had other names: UpdateCurrentValuesFromCpu was NotifyCurrentValueUpdates, and Reserved4 was
// FlushHwQueue.
//
// The kernel reads what Version has and no more.
#ifndef REMAP_DDK_DISPMPRT_INITIALIZATION_H
#define REMAP_DDK_DISPMPRT_INITIALIZATION_H

#include "interface.h"

REMAP_DDK_BEGIN

typedef struct _DRIVER_INITIALIZATION_DATA {
    ULONG Version;  // DXGKDDI_INTERFACE_VERSION
    PDXGKDDI_ADD_DEVICE DxgkDdiAddDevice;
    PDXGKDDI_START_DEVICE DxgkDdiStartDevice;
    PDXGKDDI_STOP_DEVICE DxgkDdiStopDevice;
    PDXGKDDI_REMOVE_DEVICE DxgkDdiRemoveDevice;
    PDXGKDDI_DISPATCH_IO_REQUEST DxgkDdiDispatchIoRequest;
    PDXGKDDI_INTERRUPT_ROUTINE DxgkDdiInterruptRoutine;
    PDXGKDDI_DPC_ROUTINE DxgkDdiDpcRoutine;
    PDXGKDDI_QUERY_CHILD_RELATIONS DxgkDdiQueryChildRelations;
    PDXGKDDI_QUERY_CHILD_STATUS DxgkDdiQueryChildStatus;
    PDXGKDDI_QUERY_DEVICE_DESCRIPTOR DxgkDdiQueryDeviceDescriptor;
    PDXGKDDI_SET_POWER_STATE DxgkDdiSetPowerState;
    PDXGKDDI_NOTIFY_ACPI_EVENT DxgkDdiNotifyAcpiEvent;
    PDXGKDDI_RESET_DEVICE DxgkDdiResetDevice;
    PDXGKDDI_UNLOAD DxgkDdiUnload;
    PDXGKDDI_QUERY_INTERFACE DxgkDdiQueryInterface;
    PDXGKDDI_CONTROL_ETW_LOGGING DxgkDdiControlEtwLogging;
    PDXGKDDI_QUERYADAPTERINFO DxgkDdiQueryAdapterInfo;
    PDXGKDDI_UNUSED DxgkDdiCreateDevice;
    PDXGKDDI_UNUSED DxgkDdiCreateAllocation;
    PDXGKDDI_UNUSED DxgkDdiDestroyAllocation;
    PDXGKDDI_UNUSED DxgkDdiDescribeAllocation;
    PDXGKDDI_UNUSED DxgkDdiGetStandardAllocationDriverData;
    PDXGKDDI_UNUSED DxgkDdiAcquireSwizzlingRange;
    PDXGKDDI_UNUSED DxgkDdiReleaseSwizzlingRange;
    PDXGKDDI_UNUSED DxgkDdiPatch;
    PDXGKDDI_UNUSED DxgkDdiSubmitCommand;
    PDXGKDDI_UNUSED DxgkDdiPreemptCommand;
    PDXGKDDI_BUILDPAGINGBUFFER DxgkDdiBuildPagingBuffer;
    PDXGKDDI_UNUSED DxgkDdiSetPalette;
    PDXGKDDI_UNUSED DxgkDdiSetPointerPosition;
    PDXGKDDI_UNUSED DxgkDdiSetPointerShape;
    PDXGKDDI_UNUSED DxgkDdiResetFromTimeout;
    PDXGKDDI_UNUSED DxgkDdiRestartFromTimeout;
    PDXGKDDI_ESCAPE DxgkDdiEscape;
    PDXGKDDI_UNUSED DxgkDdiCollectDbgInfo;
    PDXGKDDI_UNUSED DxgkDdiQueryCurrentFence;
    PDXGKDDI_UNUSED DxgkDdiIsSupportedVidPn;
    PDXGKDDI_UNUSED DxgkDdiRecommendFunctionalVidPn;
    PDXGKDDI_UNUSED DxgkDdiEnumVidPnCofuncModality;
    PDXGKDDI_UNUSED DxgkDdiSetVidPnSourceAddress;
    PDXGKDDI_UNUSED DxgkDdiSetVidPnSourceVisibility;
    PDXGKDDI_UNUSED DxgkDdiCommitVidPn;
    PDXGKDDI_UNUSED DxgkDdiUpdateActiveVidPnPresentPath;
    PDXGKDDI_UNUSED DxgkDdiRecommendMonitorModes;
    PDXGKDDI_UNUSED DxgkDdiRecommendVidPnTopology;
    PDXGKDDI_UNUSED DxgkDdiGetScanLine;
    PDXGKDDI_UNUSED DxgkDdiStopCapture;
    PDXGKDDI_CONTROLINTERRUPT DxgkDdiControlInterrupt;
    PDXGKDDI_UNUSED DxgkDdiCreateOverlay;
    PDXGKDDI_UNUSED DxgkDdiDestroyDevice;
    PDXGKDDI_UNUSED DxgkDdiOpenAllocation;
    PDXGKDDI_UNUSED DxgkDdiCloseAllocation;
    PDXGKDDI_UNUSED DxgkDdiRender;
    PDXGKDDI_UNUSED DxgkDdiPresent;
    PDXGKDDI_UNUSED DxgkDdiUpdateOverlay;
    PDXGKDDI_UNUSED DxgkDdiFlipOverlay;
    PDXGKDDI_UNUSED DxgkDdiDestroyOverlay;
    PDXGKDDI_UNUSED DxgkDdiCreateContext;
    PDXGKDDI_UNUSED DxgkDdiDestroyContext;
    PDXGKDDI_UNUSED DxgkDdiLinkDevice;
    PDXGKDDI_UNUSED DxgkDdiSetDisplayPrivateDriverFormat;
    // WDDM 1.1.
    PDXGKDDI_UNUSED DxgkDdiDescribePageTable;
    PDXGKDDI_UNUSED DxgkDdiUpdatePageTable;
    PDXGKDDI_UNUSED DxgkDdiUpdatePageDirectory;
    PDXGKDDI_UNUSED DxgkDdiMovePageDirectory;
    PDXGKDDI_UNUSED DxgkDdiSubmitRender;
    PDXGKDDI_UNUSED DxgkDdiCreateAllocation2;
    PDXGKDDI_UNUSED DxgkDdiRenderKm;
    PVOID Reserved;
    PDXGKDDI_UNUSED DxgkDdiQueryVidPnHWCapability;
    // WDDM 1.2.
    PDXGKDDI_UNUSED DxgkDdiSetPowerComponentFState;
    PDXGKDDI_UNUSED DxgkDdiQueryDependentEngineGroup;
    PDXGKDDI_UNUSED DxgkDdiQueryEngineStatus;
    PDXGKDDI_UNUSED DxgkDdiResetEngine;
    PDXGKDDI_UNUSED DxgkDdiStopDeviceAndReleasePostDisplayOwnership;
    PDXGKDDI_UNUSED DxgkDdiSystemDisplayEnable;
    PDXGKDDI_UNUSED DxgkDdiSystemDisplayWrite;
    PDXGKDDI_UNUSED DxgkDdiCancelCommand;
    PDXGKDDI_UNUSED DxgkDdiGetChildContainerId;
    PDXGKDDI_UNUSED DxgkDdiPowerRuntimeControlRequest;
    PDXGKDDI_UNUSED DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay;
    PDXGKDDI_UNUSED DxgkDdiNotifySurpriseRemoval;
    // WDDM 1.3.
    PDXGKDDI_UNUSED DxgkDdiGetNodeMetadata;
    PDXGKDDI_UNUSED DxgkDdiSetPowerPState;
    PDXGKDDI_UNUSED DxgkDdiControlInterrupt2;
    PDXGKDDI_UNUSED DxgkDdiCheckMultiPlaneOverlaySupport;
    PDXGKDDI_UNUSED DxgkDdiCalibrateGpuClock;
    PDXGKDDI_UNUSED DxgkDdiFormatHistoryBuffer;
    // WDDM 2.0.
    PDXGKDDI_UNUSED DxgkDdiRenderGdi;
    PDXGKDDI_UNUSED DxgkDdiSubmitCommandVirtual;
    PDXGKDDI_UNUSED DxgkDdiSetRootPageTable;
    PDXGKDDI_UNUSED DxgkDdiGetRootPageTableSize;
    PDXGKDDI_UNUSED DxgkDdiMapCpuHostAperture;
    PDXGKDDI_UNUSED DxgkDdiUnmapCpuHostAperture;
    PDXGKDDI_UNUSED DxgkDdiCheckMultiPlaneOverlaySupport2;
    PDXGKDDI_UNUSED DxgkDdiCreateProcess;
    PDXGKDDI_UNUSED DxgkDdiDestroyProcess;
    PDXGKDDI_UNUSED DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay2;
    PVOID Reserved1;
    PVOID Reserved2;
    PDXGKDDI_UNUSED DxgkDdiPowerRuntimeSetDeviceHandle;
    PDXGKDDI_UNUSED DxgkDdiSetStablePowerState;
    PDXGKDDI_UNUSED DxgkDdiSetVideoProtectedRegion;
    // WDDM 2.1.
    PDXGKDDI_UNUSED DxgkDdiCheckMultiPlaneOverlaySupport3;
    PDXGKDDI_UNUSED DxgkDdiSetVidPnSourceAddressWithMultiPlaneOverlay3;
    PDXGKDDI_UNUSED DxgkDdiPostMultiPlaneOverlayPresent;
    PDXGKDDI_UNUSED DxgkDdiValidateUpdateAllocationProperty;
    PDXGKDDI_UNUSED DxgkDdiControlModeBehavior;
    PDXGKDDI_UNUSED DxgkDdiUpdateMonitorLinkInfo;
    // WDDM 2.2.
    PDXGKDDI_UNUSED DxgkDdiCreateHwContext;
    PDXGKDDI_UNUSED DxgkDdiDestroyHwContext;
    PDXGKDDI_UNUSED DxgkDdiCreateHwQueue;
    PDXGKDDI_UNUSED DxgkDdiDestroyHwQueue;
    PDXGKDDI_UNUSED DxgkDdiSubmitCommandToHwQueue;
    PDXGKDDI_UNUSED DxgkDdiSwitchToHwContextList;
    PDXGKDDI_UNUSED DxgkDdiResetHwEngine;
    PDXGKDDI_UNUSED DxgkDdiCreatePeriodicFrameNotification;
    PDXGKDDI_UNUSED DxgkDdiDestroyPeriodicFrameNotification;
    PDXGKDDI_UNUSED DxgkDdiSetTimingsFromVidPn;
    PDXGKDDI_UNUSED DxgkDdiSetTargetGamma;
    PDXGKDDI_UNUSED DxgkDdiSetTargetContentType;
    PDXGKDDI_UNUSED DxgkDdiSetTargetAnalogCopyProtection;
    PDXGKDDI_UNUSED DxgkDdiSetTargetAdjustedColorimetry;
    PDXGKDDI_UNUSED DxgkDdiDisplayDetectControl;
    PDXGKDDI_UNUSED DxgkDdiQueryConnectionChange;
    PDXGKDDI_UNUSED DxgkDdiExchangePreStartInfo;
    PDXGKDDI_UNUSED DxgkDdiGetMultiPlaneOverlayCaps;
    PDXGKDDI_UNUSED DxgkDdiGetPostCompositionCaps;
    // WDDM 2.3.
    PDXGKDDI_UNUSED DxgkDdiUpdateHwContextState;
    PDXGKDDI_UNUSED DxgkDdiCreateProtectedSession;
    PDXGKDDI_UNUSED DxgkDdiDestroyProtectedSession;
    // WDDM 2.4.
    PDXGKDDI_UNUSED DxgkDdiSetSchedulingLogBuffer;
    PDXGKDDI_UNUSED DxgkDdiSetupPriorityBands;
    PDXGKDDI_UNUSED DxgkDdiNotifyFocusPresent;
    PDXGKDDI_UNUSED DxgkDdiSetContextSchedulingProperties;
    PDXGKDDI_UNUSED DxgkDdiSuspendContext;
    PDXGKDDI_UNUSED DxgkDdiResumeContext;
    PDXGKDDI_UNUSED DxgkDdiSetVirtualMachineData;
    PDXGKDDI_BEGINEXCLUSIVEACCESS DxgkDdiBeginExclusiveAccess;
    PDXGKDDI_ENDEXCLUSIVEACCESS DxgkDdiEndExclusiveAccess;
    PDXGKDDI_UNUSED DxgkDdiQueryDiagnosticTypesSupport;
    PDXGKDDI_UNUSED DxgkDdiControlDiagnosticReporting;
    PDXGKDDI_UNUSED DxgkDdiResumeHwEngine;
    // WDDM 2.5.
    PDXGKDDI_UNUSED DxgkDdiSignalMonitoredFence;
    PDXGKDDI_UNUSED DxgkDdiPresentToHwQueue;
    PDXGKDDI_UNUSED DxgkDdiValidateSubmitCommand;
    PDXGKDDI_UNUSED DxgkDdiSetTargetAdjustedColorimetry2;
    PDXGKDDI_UNUSED DxgkDdiSetTrackedWorkloadPowerLevel;
    // WDDM 2.6.
    PDXGKDDI_UNUSED DxgkDdiSaveMemoryForHotUpdate;
    PDXGKDDI_UNUSED DxgkDdiRestoreMemoryForHotUpdate;
    PDXGKDDI_UNUSED DxgkDdiCollectDiagnosticInfo;
    PVOID Reserved3;
    // WDDM 2.7.
    PDXGKDDI_UNUSED DxgkDdiControlInterrupt3;
    // WDDM 2.9.
    PDXGKDDI_UNUSED DxgkDdiSetFlipQueueLogBuffer;
    PDXGKDDI_UNUSED DxgkDdiUpdateFlipQueueLog;
    PDXGKDDI_UNUSED DxgkDdiCancelQueuedFlips;
    PDXGKDDI_UNUSED DxgkDdiSetInterruptTargetPresentId;
    // WDDM 3.0.
    PDXGKDDI_UNUSED DxgkDdiSetAllocationBackingStore;
    PDXGKDDI_UNUSED DxgkDdiCreateCpuEvent;
    PDXGKDDI_UNUSED DxgkDdiDestroyCpuEvent;
    PDXGKDDI_UNUSED DxgkDdiCancelFlips;
    // WDDM 3.1.
    PDXGKDDI_UNUSED DxgkDdiCreateNativeFence;
    PDXGKDDI_UNUSED DxgkDdiDestroyNativeFence;
    PDXGKDDI_UNUSED DxgkDdiUpdateMonitoredValues;
    PDXGKDDI_UNUSED DxgkDdiUpdateCurrentValuesFromCpu;
    PDXGKDDI_UNUSED DxgkDdiCreateDoorbell;
    PDXGKDDI_UNUSED DxgkDdiConnectDoorbell;
    PDXGKDDI_UNUSED DxgkDdiDisconnectDoorbell;
    PDXGKDDI_UNUSED DxgkDdiDestroyDoorbell;
    PDXGKDDI_UNUSED DxgkDdiNotifyWorkSubmission;
    PVOID Reserved4;
    // WDDM 3.2.
    PDXGKDDI_UNUSED DxgkDdiCreateMemoryBasis;
    PDXGKDDI_UNUSED DxgkDdiDestroyMemoryBasis;
    PDXGKDDI_UNUSED DxgkDdiStartDirtyTracking;
    PDXGKDDI_UNUSED DxgkDdiStopDirtyTracking;
    PDXGKDDI_UNUSED DxgkDdiQueryDirtyBitData;
    PDXGKDDI_UNUSED DxgkDdiPrepareLiveMigration;
    PDXGKDDI_UNUSED DxgkDdiSaveImmutableMigrationData;
    PDXGKDDI_UNUSED DxgkDdiSaveMutableMigrationData;
    PDXGKDDI_UNUSED DxgkDdiEndLiveMigration;
    PDXGKDDI_UNUSED DxgkDdiRestoreImmutableMigrationData;
    PDXGKDDI_UNUSED DxgkDdiRestoreMutableMigrationData;
    PDXGKDDI_UNUSED DxgkDdiWriteVirtualizedInterrupt;
    PDXGKDDI_UNUSED DxgkDdiSetVirtualGpuResources2;
    PDXGKDDI_UNUSED DxgkDdiSetVirtualFunctionPauseState;
    PDXGKDDI_UNUSED DxgkDdiOpenNativeFence;
    PDXGKDDI_UNUSED DxgkDdiCloseNativeFence;
    PDXGKDDI_UNUSED DxgkDdiSetNativeFenceLogBuffer;
    PDXGKDDI_UNUSED DxgkDdiUpdateNativeFenceLogs;
    PDXGKDDI_UNUSED DxgkDdiCollectDbgInfo2;
    PDXGKDDI_UNUSED DxgkDdiNotifyContextPriorityChange;
    PDXGKDDI_UNUSED DxgkDdiResetDisplayEngine;
} DRIVER_INITIALIZATION_DATA, *PDRIVER_INITIALIZATION_DATA;

// Registers the driver. A driver's DriverEntry calls it last and returns what it returns. IRQL PASSIVE_LEVEL.
// STATUS_SUCCESS
// STATUS_INVALID_PARAMETER     null argument
// STATUS_REVISION_MISMATCH     a version this project does not know
// STATUS_INVALID_DEVICE_STATE  (ours) no graphics kernel is there
NTSTATUS NTAPI DxgkInitialize(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath,
                              _In_ PDRIVER_INITIALIZATION_DATA DriverInitializationData);

REMAP_DDK_END

#endif
