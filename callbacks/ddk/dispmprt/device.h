// SPDX-License-Identifier: MIT
// A device as the display port driver shows it, and the DDIs that begin and end its life.
#ifndef REMAP_DDK_DISPMPRT_DEVICE_H
#define REMAP_DDK_DISPMPRT_DEVICE_H

#include "../d3dkmddi/types.h"

REMAP_DDK_BEGIN

struct _DXGKRNL_INTERFACE;
struct _DXGK_CHILD_DESCRIPTOR;
struct _DXGK_CHILD_STATUS;
struct _DXGK_DEVICE_DESCRIPTOR;
struct _QUERY_INTERFACE;
struct _VIDEO_REQUEST_PACKET;

// ---- the device ----------------------------------------------------------------------------------------------------

typedef enum _DOCKING_STATE REMAP_DDK_INT {
    DockStateUnsupported = 0,
    DockStateUnDocked = 1,
    DockStateDocked = 2,
    DockStateUnknown = 3
} DOCKING_STATE;

typedef struct _DXGK_DEVICE_INFO {
    PVOID MiniportDeviceContext;
    PDEVICE_OBJECT PhysicalDeviceObject;
    UNICODE_STRING DeviceRegistryPath;
    PCM_RESOURCE_LIST TranslatedResourceList;  // valid during the call of DxgkDdiStartDevice
    LARGE_INTEGER SystemMemorySize;            // bytes
    PHYSICAL_ADDRESS HighestPhysicalAddress;
    PHYSICAL_ADDRESS AgpApertureBase;
    SIZE_T AgpApertureSize;
    DOCKING_STATE DockingState;
} DXGK_DEVICE_INFO, *PDXGK_DEVICE_INFO;

typedef struct _DXGK_START_INFO {
    ULONG RequiredDmaQueueEntry;
    GUID AdapterGuid;
    LUID AdapterLuid;
} DXGK_START_INFO, *PDXGK_START_INFO;

// ---- callbacks about it --------------------------------------------------------------------------------------------

// IRQL PASSIVE_LEVEL. STATUS_SUCCESS, STATUS_INVALID_PARAMETER.
typedef NTSTATUS(APIENTRY* DXGKCB_GET_DEVICE_INFORMATION)(_In_ HANDLE DeviceHandle, _Out_ PDXGK_DEVICE_INFO DeviceInfo);

// Maps a range of the device's translated resources (Length bytes). IRQL PASSIVE_LEVEL.
// STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY. A page that is mapped with another cache type already is
// reported (ConflictingViews, ours).
typedef NTSTATUS(APIENTRY* DXGKCB_MAP_MEMORY)(_In_ HANDLE DeviceHandle, _In_ PHYSICAL_ADDRESS TranslatedAddress,
                                              _In_ ULONG Length, _In_ BOOLEAN InIoSpace, _In_ BOOLEAN MapToUserMode,
                                              _In_ MEMORY_CACHING_TYPE CacheType, _Outptr_ PVOID* VirtualAddress);

// Ends it. IRQL PASSIVE_LEVEL. STATUS_SUCCESS, STATUS_INVALID_PARAMETER.
typedef NTSTATUS(APIENTRY* DXGKCB_UNMAP_MEMORY)(_In_ HANDLE DeviceHandle, _In_ PVOID VirtualAddress);

// DataType of the two below.
#define DXGK_WHICHSPACE_CONFIG 0
#define DXGK_WHICHSPACE_ROM 1
#define DXGK_WHICHSPACE_MCH 0x80000000
#define DXGK_WHICHSPACE_BRIDGE 0x80000001

// IRQL PASSIVE_LEVEL. STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_UNSUCCESSFUL.
typedef NTSTATUS(APIENTRY* DXGKCB_READ_DEVICE_SPACE)(_In_ HANDLE DeviceHandle, _In_ ULONG DataType, _Out_ PVOID Buffer,
                                                     _In_ ULONG Offset, _In_ ULONG Length, _Out_ PULONG BytesRead);
typedef NTSTATUS(APIENTRY* DXGKCB_WRITE_DEVICE_SPACE)(_In_ HANDLE DeviceHandle, _In_ ULONG DataType, _In_ PVOID Buffer,
                                                      _In_ ULONG Offset, _In_ ULONG Length, _Out_ PULONG BytesWritten);

// ---- DDIs ----------------------------------------------------------------------------------------------------------

typedef const PDEVICE_OBJECT IN_CONST_PDEVICE_OBJECT;
typedef PDXGK_START_INFO IN_PDXGK_START_INFO;
typedef struct _DXGKRNL_INTERFACE* IN_PDXGKRNL_INTERFACE;
typedef PVOID* OUT_PPVOID;
typedef PULONG OUT_PULONG;
typedef ULONG IN_ULONG;
typedef BOOLEAN IN_BOOLEAN;
typedef UCHAR IN_UCHAR;
typedef PVOID IN_PVOID;
typedef DEVICE_POWER_STATE IN_DEVICE_POWER_STATE;
typedef POWER_ACTION IN_POWER_ACTION;

// In this order; MiniportDeviceContext is what AddDevice returned, and is the hAdapter of the DDIs in d3dkmddi.h. IRQL
// PASSIVE_LEVEL, but where said.
typedef NTSTATUS NTAPI DXGKDDI_ADD_DEVICE(IN_CONST_PDEVICE_OBJECT PhysicalDeviceObject,
                                          OUT_PPVOID MiniportDeviceContext);
typedef NTSTATUS NTAPI DXGKDDI_START_DEVICE(IN_CONST_PVOID MiniportDeviceContext, IN_PDXGK_START_INFO DxgkStartInfo,
                                            IN_PDXGKRNL_INTERFACE DxgkInterface, OUT_PULONG NumberOfVideoPresentSources,
                                            OUT_PULONG NumberOfChildren);
typedef NTSTATUS NTAPI DXGKDDI_STOP_DEVICE(IN_CONST_PVOID MiniportDeviceContext);
typedef NTSTATUS NTAPI DXGKDDI_REMOVE_DEVICE(IN_CONST_PVOID MiniportDeviceContext);
typedef VOID NTAPI DXGKDDI_UNLOAD(VOID);

typedef NTSTATUS NTAPI DXGKDDI_DISPATCH_IO_REQUEST(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG VidPnSourceId,
                                                   struct _VIDEO_REQUEST_PACKET* VideoRequestPacket);
typedef BOOLEAN NTAPI DXGKDDI_INTERRUPT_ROUTINE(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG MessageNumber);  // DIRQL
typedef VOID NTAPI DXGKDDI_DPC_ROUTINE(IN_CONST_PVOID MiniportDeviceContext);  // DISPATCH_LEVEL
typedef NTSTATUS NTAPI DXGKDDI_QUERY_CHILD_RELATIONS(IN_CONST_PVOID MiniportDeviceContext,
                                                     struct _DXGK_CHILD_DESCRIPTOR* ChildRelations,
                                                     ULONG ChildRelationsSize);
typedef NTSTATUS NTAPI DXGKDDI_QUERY_CHILD_STATUS(IN_CONST_PVOID MiniportDeviceContext,
                                                  struct _DXGK_CHILD_STATUS* ChildStatus,
                                                  IN_BOOLEAN NonDestructiveOnly);
typedef NTSTATUS NTAPI DXGKDDI_QUERY_DEVICE_DESCRIPTOR(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG ChildUid,
                                                       struct _DXGK_DEVICE_DESCRIPTOR* DeviceDescriptor);
typedef NTSTATUS NTAPI DXGKDDI_SET_POWER_STATE(IN_CONST_PVOID MiniportDeviceContext, IN_ULONG DeviceUid,
                                               IN_DEVICE_POWER_STATE DevicePowerState, IN_POWER_ACTION ActionType);
typedef NTSTATUS NTAPI DXGKDDI_NOTIFY_ACPI_EVENT(IN_CONST_PVOID MiniportDeviceContext, int EventType, IN_ULONG Event,
                                                 IN_PVOID Argument, OUT_PULONG AcpiFlags);
typedef VOID NTAPI DXGKDDI_RESET_DEVICE(IN_CONST_PVOID MiniportDeviceContext);
typedef NTSTATUS NTAPI DXGKDDI_QUERY_INTERFACE(IN_CONST_PVOID MiniportDeviceContext,
                                               struct _QUERY_INTERFACE* QueryInterface);
typedef VOID NTAPI DXGKDDI_CONTROL_ETW_LOGGING(IN_BOOLEAN Enable, IN_ULONG Flags, IN_UCHAR Level);

typedef DXGKDDI_ADD_DEVICE* PDXGKDDI_ADD_DEVICE;
typedef DXGKDDI_START_DEVICE* PDXGKDDI_START_DEVICE;
typedef DXGKDDI_STOP_DEVICE* PDXGKDDI_STOP_DEVICE;
typedef DXGKDDI_REMOVE_DEVICE* PDXGKDDI_REMOVE_DEVICE;
typedef DXGKDDI_UNLOAD* PDXGKDDI_UNLOAD;
typedef DXGKDDI_DISPATCH_IO_REQUEST* PDXGKDDI_DISPATCH_IO_REQUEST;
typedef DXGKDDI_INTERRUPT_ROUTINE* PDXGKDDI_INTERRUPT_ROUTINE;
typedef DXGKDDI_DPC_ROUTINE* PDXGKDDI_DPC_ROUTINE;
typedef DXGKDDI_QUERY_CHILD_RELATIONS* PDXGKDDI_QUERY_CHILD_RELATIONS;
typedef DXGKDDI_QUERY_CHILD_STATUS* PDXGKDDI_QUERY_CHILD_STATUS;
typedef DXGKDDI_QUERY_DEVICE_DESCRIPTOR* PDXGKDDI_QUERY_DEVICE_DESCRIPTOR;
typedef DXGKDDI_SET_POWER_STATE* PDXGKDDI_SET_POWER_STATE;
typedef DXGKDDI_NOTIFY_ACPI_EVENT* PDXGKDDI_NOTIFY_ACPI_EVENT;
typedef DXGKDDI_RESET_DEVICE* PDXGKDDI_RESET_DEVICE;
typedef DXGKDDI_QUERY_INTERFACE* PDXGKDDI_QUERY_INTERFACE;
typedef DXGKDDI_CONTROL_ETW_LOGGING* PDXGKDDI_CONTROL_ETW_LOGGING;

REMAP_DDK_END

// A DDI that has nothing to do with memory: this project does not call it, and any function may be assigned.
#ifdef __cplusplus
extern "C++" {
struct PDXGKDDI_UNUSED {
    PVOID Address;

    template <typename Function>
    PDXGKDDI_UNUSED& operator=(Function* function) {
        Address = reinterpret_cast<PVOID>(function);
        return *this;
    }
    PDXGKDDI_UNUSED& operator=(decltype(nullptr)) {
        Address = nullptr;
        return *this;
    }
};
}
#else
typedef PVOID PDXGKDDI_UNUSED;
#endif

#endif
