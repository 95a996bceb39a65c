// SPDX-License-Identifier: MIT
// DxgkDdiEscape: private requests of a user-mode driver to its kernel-mode driver. WDK pages DXGKARG_ESCAPE and
// D3DDDI_ESCAPEFLAGS.
#ifndef REMAP_DDK_D3DKMDDI_ESCAPE_H
#define REMAP_DDK_D3DKMDDI_ESCAPE_H

#include "types.h"

REMAP_DDK_BEGIN

typedef struct _D3DDDI_ESCAPEFLAGS {
    union {
        struct {
            UINT HardwareAccess : 1;
            UINT DeviceStatusQuery : 1;
            UINT ChangeFrameLatency : 1;
            UINT NoAdapterSynchronization : 1;
            UINT Reserved : 1;
            UINT VirtualMachineData : 1;
            UINT DriverKnownEscape : 1;
            UINT DriverCommonEscape : 1;
            UINT Reserved2 : 24;
        };
        UINT Value;
    };
} D3DDDI_ESCAPEFLAGS;

// 0x30 bytes since WDDM 2.0, which added the last member.
typedef struct _DXGKARG_ESCAPE {
    HANDLE hDevice;
    D3DDDI_ESCAPEFLAGS Flags;
    VOID* pPrivateDriverData;
    UINT PrivateDriverDataSize;  // bytes
    HANDLE hContext;
    HANDLE hKmdProcessHandle;
} DXGKARG_ESCAPE, *PDXGKARG_ESCAPE;

typedef const DXGKARG_ESCAPE* IN_CONST_PDXGKARG_ESCAPE;

// IRQL PASSIVE_LEVEL.
typedef NTSTATUS APIENTRY DXGKDDI_ESCAPE(IN_CONST_HANDLE hAdapter, IN_CONST_PDXGKARG_ESCAPE pEscape);
typedef DXGKDDI_ESCAPE* PDXGKDDI_ESCAPE;

REMAP_DDK_END

#endif
