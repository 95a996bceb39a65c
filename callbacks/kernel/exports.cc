// SPDX-License-Identifier: MIT
// What a driver's image can import. The tables are sorted by name.
#include "callbacks/kernel/kernel.h"
#include "callbacks/kernel/runtime.h"

#include <algorithm>

namespace remap::kernel {

namespace {

// clang-format off
#define EXPORT_AS(name, function) {#name, reinterpret_cast<const void*>(&function)}
#define EXPORT(name) EXPORT_AS(name, name)
// clang-format on

const Export ntoskrnl[] = {
    EXPORT(DbgPrint),
    EXPORT(DbgPrintEx),
    EXPORT(ExAcquireFastMutex),
    EXPORT(ExAcquireFastMutexUnsafe),
    EXPORT(ExAllocatePool),
    EXPORT(ExAllocatePool2),
    EXPORT(ExAllocatePoolWithTag),
    EXPORT(ExFreePool),
    EXPORT(ExFreePool2),
    EXPORT(ExFreePoolWithTag),
    EXPORT(ExReleaseFastMutex),
    EXPORT(ExReleaseFastMutexUnsafe),
    EXPORT(ExTryToAcquireFastMutex),
    EXPORT(IoAllocateMdl),
    EXPORT(IoBuildDeviceIoControlRequest),
    EXPORT(IoFreeMdl),
    EXPORT(IoGetDeviceObjectPointer),
    EXPORT(IofCallDriver),
    EXPORT(KeAcquireSpinLockAtDpcLevel),
    EXPORT(KeAcquireSpinLockRaiseToDpc),
    EXPORT(KeBugCheck),
    EXPORT(KeBugCheckEx),
    EXPORT(KeClearEvent),
    EXPORT(KeDelayExecutionThread),
    EXPORT(KeGetCurrentIrql),
    EXPORT(KeGetCurrentThread),
    EXPORT(KeInitializeEvent),
    EXPORT(KeInitializeMutex),
    EXPORT(KeInitializeSpinLock),
    EXPORT(KeLowerIrql),
    EXPORT(KeQueryInterruptTime),
    EXPORT(KeQueryPerformanceCounter),
    EXPORT(KeQuerySystemTimePrecise),
    EXPORT(KeRaiseIrqlToDpcLevel),
    EXPORT(KeReadStateEvent),
    EXPORT(KeReadStateMutex),
    EXPORT(KeReleaseMutex),
    EXPORT(KeReleaseSpinLock),
    EXPORT(KeReleaseSpinLockFromDpcLevel),
    EXPORT(KeResetEvent),
    EXPORT(KeSetEvent),
    EXPORT(KeStallExecutionProcessor),
    EXPORT(KeTryToAcquireSpinLockAtDpcLevel),
    EXPORT(KeWaitForSingleObject),
    EXPORT(KfRaiseIrql),
    EXPORT(MmAllocateContiguousMemory),
    EXPORT(MmAllocateContiguousMemorySpecifyCache),
    EXPORT(MmAllocatePagesForMdl),
    EXPORT(MmAllocatePagesForMdlEx),
    EXPORT(MmBuildMdlForNonPagedPool),
    EXPORT(MmFreeContiguousMemory),
    EXPORT(MmFreeContiguousMemorySpecifyCache),
    EXPORT(MmFreePagesFromMdl),
    EXPORT(MmGetPhysicalAddress),
    EXPORT(MmIsAddressValid),
    EXPORT(MmMapIoSpace),
    EXPORT(MmMapIoSpaceEx),
    EXPORT(MmMapLockedPagesSpecifyCache),
    EXPORT(MmProbeAndLockPages),
    EXPORT(MmUnlockPages),
    EXPORT(MmUnmapIoSpace),
    EXPORT(MmUnmapLockedPages),
    EXPORT(ObfDereferenceObject),
    EXPORT(ObfReferenceObject),
    EXPORT(RtlAssert),
    EXPORT(RtlCompareMemory),
    EXPORT_AS(RtlCopyMemory, rtl_move_memory),
    EXPORT(RtlCopyUnicodeString),
    EXPORT(RtlEqualUnicodeString),
    EXPORT_AS(RtlFillMemory, rtl_fill_memory),
    EXPORT(RtlInitUnicodeString),
    EXPORT_AS(RtlMoveMemory, rtl_move_memory),
    EXPORT_AS(RtlZeroMemory, rtl_zero_memory),
    EXPORT(ZwLoadDriver),
    EXPORT(ZwUnloadDriver),
    EXPORT_AS(memcmp, driver_memcmp),
    EXPORT_AS(memcpy, driver_memcpy),
    EXPORT_AS(memmove, driver_memmove),
    EXPORT_AS(memset, driver_memset),
    EXPORT_AS(strcmp, driver_strcmp),
    EXPORT_AS(strlen, driver_strlen),
    EXPORT_AS(strncmp, driver_strncmp),
    EXPORT_AS(wcslen, driver_wcslen),
};

// What Windows forwards from here to ntoskrnl.exe.
const Export hal[] = {
    EXPORT(KeGetCurrentIrql),          EXPORT(KeLowerIrql),
    EXPORT(KeQueryPerformanceCounter), EXPORT(KeRaiseIrqlToDpcLevel),
    EXPORT(KeStallExecutionProcessor), EXPORT(KfRaiseIrql),
};

bool same_module(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return (x >= 'A' && x <= 'Z' ? x + 32 : x) == (y >= 'A' && y <= 'Z' ? y + 32 : y);
    });
}

}  // namespace

std::span<const Export> exports(std::string_view module) {
    if (same_module(module, "ntoskrnl.exe")) return ntoskrnl;
    if (same_module(module, "hal.dll")) return hal;
    return {};
}

const void* find_export(std::string_view module, std::string_view name) {
    const std::span<const Export> table = exports(module);
    const auto found = std::lower_bound(table.begin(), table.end(), name, [](const Export& e, std::string_view n) {
        return std::string_view(e.name) < n;
    });
    return found != table.end() && found->name == name ? found->address : nullptr;
}

}  // namespace remap::kernel
