/* SPDX-License-Identifier: MIT */
/* A display driver's ring memory as it is written for the WDK: plain C, its headers by their names, its macros. */
#include <ntddk.h>
#include <d3dkmddi.h>
#include <dispmprt.h>

#include "ring.h"

static VOID RingLog(_In_ PRING Ring, _In_z_ PCSTR Text)
{
    UNREFERENCED_PARAMETER(Text);
    UNREFERENCED_PARAMETER(Ring);
    KdPrint(("ring %p: %s (%Iu bytes)\n", (PVOID)Ring, Text, Ring->Size));
}

_IRQL_requires_(PASSIVE_LEVEL)
_Must_inspect_result_
NTSTATUS APIENTRY RingCreate(_In_ const DXGKRNL_INTERFACE *Dxgk, _In_ SIZE_T Size, _Outptr_ PRING *Result)
{
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create = {0};
    DXGKARGCB_ALLOCATE_ADL adl = {0};
    DXGKARGCB_MAP_PHYSICAL_MEMORY map = {0};
    PRING ring;
    NTSTATUS status;

    PAGED_CODE();
    *Result = NULL;
    if (Size == 0 || (Size & (PAGE_SIZE - 1)) != 0)
        return STATUS_INVALID_PARAMETER;

    ring = (PRING)ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*ring), RING_TAG);
    if (ring == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    ring->Dxgk = Dxgk;
    ring->Size = Size;
    ExInitializeFastMutex(&ring->Mutex);
    KeInitializeSpinLock(&ring->Lock);
    KeInitializeEvent(&ring->Idle, NotificationEvent, TRUE);
    InitializeListHead(&ring->Packets);

    create.hAdapter = Dxgk->DeviceHandle;
    create.Size = Size;
    create.Context = (ULONG_PTR)ring;
    create.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    create.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    create.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
    status = Dxgk->DxgkCbCreatePhysicalMemoryObject(&create);
    if (!NT_SUCCESS(status))
        goto Exit;
    ring->Object = create.hPhysicalMemoryObject;
    ring->AdapterObject = create.hAdapterMemoryObject;

    adl.hAdapterMemoryObject = ring->AdapterObject;
    adl.Size = Size;
    adl.Flags.RequireContiguous = 1;
    status = Dxgk->DxgkCbAllocateAdl(&adl);
    if (!NT_SUCCESS(status))
        goto Exit;
    ring->Adl = adl.pAdl;
    NT_ASSERT(ring->Adl->PageCount == BYTES_TO_PAGES(Size));

    map.hPhysicalMemoryObject = ring->Object;
    map.AccessMode = DXGK_ACCESS_MODE_KERNEL_MODE;
    map.Size = Size;
    status = Dxgk->DxgkCbMapPhysicalMemory(&map);
    if (NT_SUCCESS(status)) {
        ring->MappedBase = map.pMappedAddress;
        ring->MappedSize = map.Size;
        ring->Base = (PUCHAR)map.pMappedAddress + map.Offset;
    }

Exit:
    if (!NT_SUCCESS(status)) {
        RingDestroy(ring);
        return status;
    }
    RingLog(ring, "created");
    *Result = ring;
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
VOID APIENTRY RingDestroy(PRING Ring)
{
    if (Ring->MappedBase != NULL) {
        DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap = {Ring->Object, Ring->MappedBase, Ring->MappedSize};
        Ring->Dxgk->DxgkCbUnmapPhysicalMemory(&unmap);
    }
    if (Ring->Adl != NULL) {
        DXGKARGCB_FREE_ADL free = {Ring->AdapterObject, Ring->Adl};
        Ring->Dxgk->DxgkCbFreeAdl(&free);
    }
    if (Ring->Object != NULL) {
        DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy = {Ring->Object, Ring->AdapterObject};
        Ring->Dxgk->DxgkCbDestroyPhysicalMemoryObject(&destroy);
    }
    ExFreePoolWithTag(Ring, RING_TAG);
}

BOOLEAN APIENTRY RingPush(_Inout_ PRING Ring, _In_reads_bytes_(Bytes) const VOID *Packet, _In_ ULONG Bytes)
{
    PRING_PACKET entry;
    KIRQL irql;

    entry = (PRING_PACKET)ExAllocatePoolWithTag(NonPagedPoolNx, FIELD_OFFSET(RING_PACKET, Data) + Bytes, RING_TAG);
    if (entry == NULL)
        return FALSE;
    entry->Bytes = Bytes;
    RtlCopyMemory(entry->Data, Packet, Bytes);
    KeAcquireSpinLock(&Ring->Lock, &irql);
    InsertTailList(&Ring->Packets, &entry->Link);
    KeClearEvent(&Ring->Idle);
    KeReleaseSpinLock(&Ring->Lock, irql);
    InterlockedIncrement(&Ring->Pushed);
    return TRUE;
}

ULONG APIENTRY RingDrain(_Inout_ PRING Ring)
{
    ULONG offset = 0;
    KIRQL irql;

    ExAcquireFastMutex(&Ring->Mutex);
    KeAcquireSpinLock(&Ring->Lock, &irql);
    while (!IsListEmpty(&Ring->Packets)) {
        PLIST_ENTRY link = RemoveHeadList(&Ring->Packets);
        PRING_PACKET entry = CONTAINING_RECORD(link, RING_PACKET, Link);
        if (offset + entry->Bytes <= Ring->Size) {
            RtlCopyMemory(Ring->Base + offset, entry->Data, entry->Bytes);
            offset += entry->Bytes;
        }
        ExFreePoolWithTag(entry, RING_TAG);
    }
    KeMemoryBarrier();
    KeReleaseSpinLock(&Ring->Lock, irql);
    KeSetEvent(&Ring->Idle, IO_NO_INCREMENT, FALSE);
    ExReleaseFastMutex(&Ring->Mutex);
    return offset;
}
