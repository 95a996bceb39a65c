/* SPDX-License-Identifier: MIT */
/* A driver that imports routines of Windows which this project does not have. */
#include <ntddk.h>

NTKERNELAPI ULONGLONG NTAPI KeQueryUnbiasedInterruptTime(VOID);
NTKERNELAPI NTSTATUS NTAPI EtwRegister(const void* ProviderId, PVOID Callback, PVOID Context, ULONGLONG* Handle);

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath) {
    ULONGLONG Handle = KeQueryUnbiasedInterruptTime();

    UNREFERENCED_PARAMETER(RegistryPath);
    if (KeGetCurrentIrql() != PASSIVE_LEVEL) return STATUS_UNSUCCESSFUL;
    return EtwRegister(DriverObject, NULL, NULL, &Handle);
}
