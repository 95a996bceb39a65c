// SPDX-License-Identifier: MIT
// How a display driver finds the graphics kernel. A driver with the WDK's display library asks the device
// \Device\DxgKrnl for the function that registers it, by an internal control request with the code
// IOCTL_VIDEO_DDI_FUNC_REGISTER (the library's steps are public in ReactOS's sdk/lib/drivers/displib); a driver that is
// linked with this kernel calls DxgkInitialize.
#include "callbacks/kernel/state.h"

#include <string_view>

namespace remap::kernel {

namespace {

constexpr std::u16string_view device_name = u"\\Device\\DxgKrnl";
constexpr std::u16string_view service_name = u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\DXGKrnl";
constexpr ULONG register_request = CTL_CODE(FILE_DEVICE_VIDEO, 0xF, METHOD_NEITHER, FILE_ANY_ACCESS);
static_assert(register_request == 0x23003F);
constexpr std::uint32_t irp_tag = 'I' | 'r' << 8 | 'p' << 16 | ' ' << 24;

// A request with its one stack location behind it, as in Windows.
struct Request {
    IRP irp;
    IO_STACK_LOCATION location;
};

bool is(PCUNICODE_STRING string, std::u16string_view name) {
    if (string == nullptr || string->Buffer == nullptr || string->Length != name.size() * sizeof(WCHAR)) return false;
    const auto folded = [](char16_t c) { return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : int{c}; };
    for (std::size_t index = 0; index < name.size(); ++index)
        if (folded(static_cast<char16_t>(string->Buffer[index])) != folded(name[index])) return false;
    return true;
}

bool at_passive_level(const char* routine, const void* caller) {
    return irql_at_most(PASSIVE_LEVEL, wrong_irql, routine, caller);
}

NTSTATUS answer(const Request& request) {
    const auto& parameters = request.location.Parameters.DeviceIoControl;
    if (request.location.MajorFunction != IRP_MJ_INTERNAL_DEVICE_CONTROL ||
        parameters.IoControlCode != register_request)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (request.irp.UserBuffer == nullptr || parameters.OutputBufferLength < sizeof(RegisterDriver))
        return STATUS_BUFFER_TOO_SMALL;
    if (kernel().register_driver == nullptr) return STATUS_INVALID_DEVICE_STATE;
    *static_cast<RegisterDriver*>(request.irp.UserBuffer) = kernel().register_driver;
    return STATUS_SUCCESS;
}

}  // namespace

void set_dxgkrnl(RegisterDriver function) {
    Kernel& state = kernel();
    state.register_driver = function;
    state.dxgkrnl_device.Type = 3;  // IO_TYPE_DEVICE
    state.dxgkrnl_device.Size = sizeof state.dxgkrnl_device;
    state.dxgkrnl_device.DeviceType = FILE_DEVICE_VIDEO;
    state.dxgkrnl_device.StackSize = 1;
    state.dxgkrnl_file.Type = 5;  // IO_TYPE_FILE
    state.dxgkrnl_file.Size = sizeof state.dxgkrnl_file;
    state.dxgkrnl_file.DeviceObject = &state.dxgkrnl_device;
}

std::size_t initialization_data_size(ULONG version) {
    switch (version) {
        case DXGKDDI_INTERFACE_VERSION_VISTA:
        case DXGKDDI_INTERFACE_VERSION_VISTA_SP1: return 0x1f0;
        case DXGKDDI_INTERFACE_VERSION_WIN7: return 0x238;
        case DXGKDDI_INTERFACE_VERSION_WIN8: return 0x298;
        case DXGKDDI_INTERFACE_VERSION_WDDM1_3:
        case DXGKDDI_INTERFACE_VERSION_WDDM1_3_PATH_INDEPENDENT_ROTATION: return 0x2c8;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_0: return 0x340;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_1:
        case DXGKDDI_INTERFACE_VERSION_WDDM2_1_5:
        case DXGKDDI_INTERFACE_VERSION_WDDM2_1_6: return 0x370;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_2: return 0x408;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_3: return 0x420;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_4: return 0x480;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_5: return 0x4a8;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_6: return 0x4c8;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_7:
        case DXGKDDI_INTERFACE_VERSION_WDDM2_8: return 0x4d0;
        case DXGKDDI_INTERFACE_VERSION_WDDM2_9: return 0x4f0;
        case DXGKDDI_INTERFACE_VERSION_WDDM3_0: return 0x510;
        case DXGKDDI_INTERFACE_VERSION_WDDM3_1: return 0x560;
        case DXGKDDI_INTERFACE_VERSION_WDDM3_2: return sizeof(DRIVER_INITIALIZATION_DATA);
        default: return 0;
    }
}

}  // namespace remap::kernel

using namespace remap::kernel;

extern "C" {

NTSTATUS NTAPI DxgkInitialize(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                              PDRIVER_INITIALIZATION_DATA DriverInitializationData) {
    if (DriverObject == nullptr || RegistryPath == nullptr || DriverInitializationData == nullptr)
        return STATUS_INVALID_PARAMETER;
    if (!at_passive_level("DxgkInitialize", REMAP_CALLER())) return STATUS_INVALID_DEVICE_STATE;
    if (initialization_data_size(DriverInitializationData->Version) == 0) return STATUS_REVISION_MISMATCH;
    const RegisterDriver register_driver = kernel().register_driver;
    if (register_driver == nullptr) return STATUS_INVALID_DEVICE_STATE;
    return register_driver(DriverObject, RegistryPath, DriverInitializationData);
}

NTSTATUS NTAPI ZwLoadDriver(PUNICODE_STRING DriverServiceName) {
    if (!at_passive_level("ZwLoadDriver", REMAP_CALLER())) return STATUS_INVALID_DEVICE_STATE;
    return is(DriverServiceName, service_name) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS NTAPI ZwUnloadDriver(PUNICODE_STRING DriverServiceName) {
    if (!at_passive_level("ZwUnloadDriver", REMAP_CALLER())) return STATUS_INVALID_DEVICE_STATE;
    return is(DriverServiceName, service_name) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS NTAPI IoGetDeviceObjectPointer(PUNICODE_STRING ObjectName, ACCESS_MASK, PFILE_OBJECT* FileObject,
                                        PDEVICE_OBJECT* DeviceObject) {
    if (!at_passive_level("IoGetDeviceObjectPointer", REMAP_CALLER())) return STATUS_INVALID_DEVICE_STATE;
    Kernel& state = kernel();
    if (!is(ObjectName, device_name) || state.register_driver == nullptr) return STATUS_OBJECT_NAME_NOT_FOUND;
    *FileObject = &state.dxgkrnl_file;
    *DeviceObject = &state.dxgkrnl_device;
    return STATUS_SUCCESS;
}

PIRP NTAPI IoBuildDeviceIoControlRequest(ULONG IoControlCode, PDEVICE_OBJECT DeviceObject, PVOID InputBuffer,
                                         ULONG InputBufferLength, PVOID OutputBuffer, ULONG OutputBufferLength,
                                         BOOLEAN InternalDeviceIoControl, PKEVENT Event,
                                         PIO_STATUS_BLOCK IoStatusBlock) {
    const void* const caller = REMAP_CALLER();
    if (!at_passive_level("IoBuildDeviceIoControlRequest", caller)) return nullptr;
    Kernel& state = kernel();
    if (DeviceObject != &state.dxgkrnl_device) return nullptr;
    Request* request = nullptr;
    {
        const Locked locked(state);
        PoolBlock stale;
        request = static_cast<Request*>(
            state.pool.allocate({.bytes = sizeof(Request), .tag = irp_tag, .zeroed = true, .caller = caller}, stale));
    }
    if (request == nullptr) return nullptr;
    request->irp.Type = 6;  // IO_TYPE_IRP
    request->irp.Size = sizeof(Request);
    request->irp.StackCount = request->irp.CurrentLocation = 1;
    request->irp.UserBuffer = OutputBuffer;
    request->irp.UserEvent = Event;
    request->irp.UserIosb = IoStatusBlock;
    request->irp.Tail.Overlay.CurrentStackLocation = &request->location;
    request->location.MajorFunction = InternalDeviceIoControl ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL;
    request->location.DeviceObject = DeviceObject;
    auto& parameters = request->location.Parameters.DeviceIoControl;
    parameters.IoControlCode = IoControlCode;
    parameters.OutputBufferLength = OutputBufferLength;
    parameters.InputBufferLength = InputBufferLength;
    parameters.Type3InputBuffer = InputBuffer;
    return &request->irp;
}

NTSTATUS FASTCALL IofCallDriver(PDEVICE_OBJECT DeviceObject, PIRP Irp) {
    const void* const caller = REMAP_CALLER();
    if (!at_passive_level("IofCallDriver", caller)) return STATUS_INVALID_DEVICE_STATE;
    Kernel& state = kernel();
    bool ours = false;
    {
        const Locked locked(state);
        const PoolBlock block = state.pool.inspect(Irp);
        ours = block.state == PoolBlock::State::Live && block.tag == irp_tag;
    }
    if (!ours || DeviceObject != &state.dxgkrnl_device) {
        stop_machine(
            DRIVER_VERIFIER_IOMANAGER_VIOLATION, {0x01, address_of(Irp), address_of(DeviceObject), 0}, caller,
            "IofCallDriver(%p, %p), called from %p: not a request of IoBuildDeviceIoControlRequest for this device, or "
            "one that was answered",
            DeviceObject, Irp, caller);
        return STATUS_INVALID_PARAMETER;
    }
    const NTSTATUS status = answer(*reinterpret_cast<Request*>(Irp));
    if (Irp->UserIosb != nullptr) {
        Irp->UserIosb->Status = status;
        Irp->UserIosb->Information = NT_SUCCESS(status) ? sizeof(RegisterDriver) : 0;
    }
    if (Irp->UserEvent != nullptr) KeSetEvent(Irp->UserEvent, IO_NO_INCREMENT, FALSE);
    const Locked locked(state);
    state.pool.free(Irp, caller);
    return status;
}

LONG_PTR FASTCALL ObfReferenceObject(PVOID) { return 0; }
LONG_PTR FASTCALL ObfDereferenceObject(PVOID) { return 0; }
}
