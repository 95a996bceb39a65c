/* SPDX-License-Identifier: MIT */
#include "sample.h"

#define CHECK(condition)                 \
    do {                                 \
        if (!(condition)) return __LINE__; \
    } while (0)

static ULONG TestPool(void) {
    PUCHAR Zeroed = (PUCHAR)ExAllocatePool2(POOL_FLAG_NON_PAGED, 3000, SAMPLE_TAG);
    PUCHAR Other = (PUCHAR)ExAllocatePoolWithTag(NonPagedPoolNx, 100, SAMPLE_TAG);
    ULONG Index;

    CHECK(Zeroed != NULL && Other != NULL);
    for (Index = 0; Index < 3000; ++Index) CHECK(Zeroed[Index] == 0);
    RtlFillMemory(Zeroed, 3000, 0x77);
    RtlCopyMemory(Other, Zeroed + 1000, 100);
    CHECK(Other[0] == 0x77 && Other[99] == 0x77);
    ExFreePoolWithTag(Other, SAMPLE_TAG);
    ExFreePoolWithTag(Zeroed, SAMPLE_TAG);
    return 0;
}

static ULONG TestLocks(void) {
    FAST_MUTEX Mutex;
    KSPIN_LOCK SpinLock;
    KEVENT Event;
    KIRQL OldIrql;

    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    ExInitializeFastMutex(&Mutex);
    ExAcquireFastMutex(&Mutex);
    CHECK(KeGetCurrentIrql() == APC_LEVEL);
    ExReleaseFastMutex(&Mutex);
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);

    KeInitializeSpinLock(&SpinLock);
    KeAcquireSpinLock(&SpinLock, &OldIrql);
    CHECK(KeGetCurrentIrql() == DISPATCH_LEVEL && OldIrql == PASSIVE_LEVEL);
    KeReleaseSpinLock(&SpinLock, OldIrql);
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    CHECK(KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL) == STATUS_SUCCESS);
    return 0;
}

static ULONG TestMdl(void) {
    PUCHAR Buffer = (PUCHAR)ExAllocatePool2(POOL_FLAG_NON_PAGED, 3 * PAGE_SIZE, SAMPLE_TAG);
    PMDL Mdl;
    PUCHAR System;

    CHECK(Buffer != NULL);
    Mdl = IoAllocateMdl(Buffer + 100, 2 * PAGE_SIZE, FALSE, FALSE, NULL);
    CHECK(Mdl != NULL);
    MmBuildMdlForNonPagedPool(Mdl);
    CHECK(MmGetMdlByteCount(Mdl) == 2 * PAGE_SIZE);
    System = (PUCHAR)MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    CHECK(System != NULL);
    System[2 * PAGE_SIZE - 1] = 0x42;
    CHECK(Buffer[100 + 2 * PAGE_SIZE - 1] == 0x42);
    CHECK(MmGetMdlPfnArray(Mdl)[0] != 0);
    IoFreeMdl(Mdl);
    ExFreePoolWithTag(Buffer, SAMPLE_TAG);
    return 0;
}

ULONG SampleTestKernelServices(void) {
    ULONG Line = TestPool();
    if (Line == 0) Line = TestLocks();
    if (Line == 0) Line = TestMdl();
    return Line;
}

static ULONG TestBuffer(SAMPLE_DEVICE* Device, DXGK_PHYSICAL_MEMORY_TYPE Type) {
    SAMPLE_BUFFER Buffer;
    SIZE_T Index;

    CHECK(NT_SUCCESS(SampleMakeBuffer(Device, 8 * PAGE_SIZE, Type, &Buffer)));
    CHECK(Buffer.Adl->PageCount == 8);
    CHECK(Type != DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY || Buffer.Adl->Flags.Contiguous);
    for (Index = 0; Index < 8; ++Index) CHECK(SamplePage(Buffer.Adl, (ULONG)Index) != 0);
    for (Index = 0; Index < 8 * PAGE_SIZE; ++Index) CHECK(Buffer.Data[Index] == 0);
    for (Index = 0; Index < 8 * PAGE_SIZE; ++Index) Buffer.Data[Index] = (UCHAR)(Index ^ Index >> 8);
    for (Index = 0; Index < 8 * PAGE_SIZE; ++Index) CHECK(Buffer.Data[Index] == (UCHAR)(Index ^ Index >> 8));
    SampleFreeBuffer(Device, &Buffer);
    return 0;
}

/* An object that is made without an adapter and opened later. */
static ULONG TestOpenAndClose(SAMPLE_DEVICE* Device) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT Create;
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT Open;
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT Again;
    DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT Close;
    DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT Destroy;

    RtlZeroMemory(&Create, sizeof(Create));
    Create.Size = PAGE_SIZE;
    Create.Type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
    Create.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    Create.Mdl.HighAddress.QuadPart = -1;
    CHECK(NT_SUCCESS(Device->Dxgk.DxgkCbCreatePhysicalMemoryObject(&Create)));
    CHECK(Create.hAdapterMemoryObject == NULL);

    RtlZeroMemory(&Open, sizeof(Open));
    Open.hPhysicalMemoryObject = Create.hPhysicalMemoryObject;
    Open.hAdapter = Device->Dxgk.DeviceHandle;
    CHECK(NT_SUCCESS(Device->Dxgk.DxgkCbOpenPhysicalMemoryObject(&Open)));
    Again = Open;
    CHECK(!NT_SUCCESS(Device->Dxgk.DxgkCbOpenPhysicalMemoryObject(&Again)));

    Close.hAdapterMemoryObject = Open.hAdapterMemoryObject;
    Device->Dxgk.DxgkCbClosePhysicalMemoryObject(&Close);
    Destroy.hPhysicalMemoryObject = Create.hPhysicalMemoryObject;
    Destroy.hAdapterMemoryObject = NULL;
    Device->Dxgk.DxgkCbDestroyPhysicalMemoryObject(&Destroy);
    return 0;
}

/* The callbacks are called with a fast mutex held, at APC_LEVEL, as drivers do. */
ULONG SampleTestMemoryObjects(SAMPLE_DEVICE* Device) {
    ULONG Line;

    ExAcquireFastMutex(&Device->Lock);
    Line = TestBuffer(Device, DXGK_PHYSICAL_MEMORY_TYPE_MDL);
    if (Line == 0) Line = TestBuffer(Device, DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY);
    if (Line == 0) Line = TestBuffer(Device, DXGK_PHYSICAL_MEMORY_TYPE_SECTION);
    ExReleaseFastMutex(&Device->Lock);
    if (Line == 0) Line = TestOpenAndClose(Device);
    return Line;
}
