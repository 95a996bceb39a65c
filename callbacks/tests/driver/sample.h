/* SPDX-License-Identifier: MIT */
/* A display miniport driver for remap-gpu, as one is written for the Windows Driver Kit: nothing of this project but the
   headers of the part. Built as a PE image by a Windows compiler, and as plain objects for the host. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <ntddk.h>
#include <dispmprt.h>

#include "callbacks/driver/sample_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SAMPLE_TAG 'lpmS'

typedef struct _SAMPLE_GPU SAMPLE_GPU;

typedef struct _SAMPLE_DEVICE {
    PDEVICE_OBJECT PhysicalDevice;
    DXGKRNL_INTERFACE Dxgk;
    DXGK_START_INFO StartInfo;
    BOOLEAN Started;
    volatile UCHAR* Registers; /* BAR 0, or null */
    ULONG RegisterBytes;
    FAST_MUTEX Lock;
    ULONG ExclusiveBegun;
    ULONG ExclusiveEnded;
    DXGK_PAGE_NUMBER Aperture[SAMPLE_APERTURE_PAGES]; /* 0: not mapped */
} SAMPLE_DEVICE;

DRIVER_INITIALIZE DriverEntry;
NTSTATUS NTAPI SampleQueryAdapterInfo(HANDLE Adapter, const DXGKARG_QUERYADAPTERINFO* Query);
NTSTATUS NTAPI SampleBuildPagingBuffer(HANDLE Adapter, DXGKARG_BUILDPAGINGBUFFER* Build);

/* Maps BAR 0, where the system gives the device one. */
NTSTATUS SampleMapRegisters(SAMPLE_DEVICE* Device);
void SampleUnmapRegisters(SAMPLE_DEVICE* Device);

/* Each runs its checks. 0, or the line of the one that failed. */
ULONG SampleTestKernelServices(void);
ULONG SampleTestMemoryObjects(SAMPLE_DEVICE* Device);
ULONG SampleTestGpuCopy(SAMPLE_DEVICE* Device);

/* Whether the part is one this driver knows; nothing of it works while the system has exclusive access. */
BOOLEAN SampleGpuIsKnown(SAMPLE_DEVICE* Device);
void SampleGpuSilence(SAMPLE_DEVICE* Device);

/* A memory object with an ADL and a view, in the order that every driver uses; and back. */
typedef struct _SAMPLE_BUFFER {
    HANDLE Object;
    HANDLE AdapterObject;
    DXGK_ADL* Adl;
    PVOID MappedBase;
    SIZE_T MappedBytes;
    PUCHAR Data;
} SAMPLE_BUFFER;

NTSTATUS SampleMakeBuffer(SAMPLE_DEVICE* Device, SIZE_T Bytes, DXGK_PHYSICAL_MEMORY_TYPE Type, SAMPLE_BUFFER* Buffer);
void SampleFreeBuffer(SAMPLE_DEVICE* Device, SAMPLE_BUFFER* Buffer);
DXGK_PAGE_NUMBER SamplePage(const DXGK_ADL* Adl, ULONG Index);

#ifdef __cplusplus
}
#endif
#endif
