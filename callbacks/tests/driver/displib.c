/* SPDX-License-Identifier: MIT */
/* What the WDK links into every display driver in place of an import: it asks the graphics kernel, in a request to its
   device, for the function that registers a driver. */
#include <ntddk.h>
#include <dispmprt.h>

#define REGISTRATION_REQUEST 0x23003F

typedef NTSTATUS(NTAPI* REGISTER_DRIVER)(PDRIVER_OBJECT, PUNICODE_STRING, PDRIVER_INITIALIZATION_DATA);

static NTSTATUS AskForFunction(PDEVICE_OBJECT Device, REGISTER_DRIVER* Function) {
    IO_STATUS_BLOCK IoStatus;
    KEVENT Event;
    PIRP Irp;
    NTSTATUS Status;

    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Irp = IoBuildDeviceIoControlRequest(REGISTRATION_REQUEST, Device, NULL, 0, Function, sizeof(*Function), TRUE, &Event,
                                        &IoStatus);
    if (Irp == NULL) return STATUS_INSUFFICIENT_RESOURCES;
    Status = IoCallDriver(Device, Irp);
    if (Status == STATUS_PENDING) {
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);
        Status = IoStatus.Status;
    }
    return Status;
}

NTSTATUS NTAPI DxgkInitialize(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                              PDRIVER_INITIALIZATION_DATA Data) {
    UNICODE_STRING Name;
    PFILE_OBJECT File;
    PDEVICE_OBJECT Device;
    REGISTER_DRIVER Register = NULL;
    NTSTATUS Status;

    if (DriverObject == NULL || RegistryPath == NULL || Data == NULL) return STATUS_INVALID_PARAMETER;
    RtlInitUnicodeString(&Name, L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\DXGKrnl");
    Status = ZwLoadDriver(&Name);
    if (!NT_SUCCESS(Status) && Status != STATUS_IMAGE_ALREADY_LOADED) return Status;
    RtlInitUnicodeString(&Name, L"\\Device\\DxgKrnl");
    Status = IoGetDeviceObjectPointer(&Name, FILE_ALL_ACCESS, &File, &Device);
    if (!NT_SUCCESS(Status)) return Status;
    Status = AskForFunction(Device, &Register);
    ObDereferenceObject(File);
    return NT_SUCCESS(Status) ? Register(DriverObject, RegistryPath, Data) : Status;
}
