// SPDX-License-Identifier: MIT
// How a display driver finds the graphics kernel: DxgkInitialize, and the steps of the WDK's display library.
#include "callbacks/kernel/tests/fixture.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace remap::kernel {

namespace {

struct Registration {
    PDRIVER_OBJECT driver = nullptr;
    PUNICODE_STRING path = nullptr;
    PDRIVER_INITIALIZATION_DATA data = nullptr;
};
Registration seen;

NTSTATUS NTAPI register_driver(PDRIVER_OBJECT driver, PUNICODE_STRING path, PDRIVER_INITIALIZATION_DATA data) {
    seen = {driver, path, data};
    return STATUS_MORE_ENTRIES;
}

// "\Device\DxgKrnl" and the like, for as long as the object lives. Its memory is its own: where the machine stops no
// destructor runs.
class Name {
public:
    explicit Name(const char* text) {
        const std::size_t length = std::strlen(text);
        EXPECT_LT(length, characters_.size());
        std::copy_n(text, std::min(length, characters_.size() - 1), characters_.begin());
        RtlInitUnicodeString(&string_, characters_.data());
    }
    operator PUNICODE_STRING() { return &string_; }

private:
    std::array<WCHAR, 256> characters_{};
    UNICODE_STRING string_;
};

class RegistrationTest : public KernelTest {
protected:
    RegistrationTest() {
        seen = {};
        set_dxgkrnl(register_driver);
    }

    PDEVICE_OBJECT device() {
        PFILE_OBJECT file = nullptr;
        PDEVICE_OBJECT device = nullptr;
        EXPECT_EQ(IoGetDeviceObjectPointer(Name("\\Device\\DxgKrnl"), FILE_ALL_ACCESS, &file, &device), STATUS_SUCCESS);
        ObfDereferenceObject(file);
        return device;
    }

    // Asks the device; `function` gets the answer.
    NTSTATUS ask(ULONG code, bool internal, ULONG length) {
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        PIRP const irp = IoBuildDeviceIoControlRequest(code, device(), nullptr, 0, &function, length,
                                                       internal ? TRUE : FALSE, &event, &status);
        EXPECT_NE(irp, nullptr);
        return IofCallDriver(device(), irp);
    }

    DRIVER_OBJECT driver = {};
    DRIVER_INITIALIZATION_DATA data = {};
    Name path{"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\ring"};
    KEVENT event = {};
    IO_STATUS_BLOCK status = {};
    RegisterDriver function = nullptr;
};

}  // namespace

TEST_F(RegistrationTest, a_linked_driver_registers_itself) {
    data.Version = DXGKDDI_INTERFACE_VERSION_WDDM2_9;
    EXPECT_EQ(DxgkInitialize(&driver, path, &data), STATUS_MORE_ENTRIES);  // what the graphics kernel says
    EXPECT_EQ(seen.driver, &driver);
    EXPECT_EQ(seen.path, static_cast<PUNICODE_STRING>(path));
    EXPECT_EQ(seen.data, &data);
}

TEST_F(RegistrationTest, each_argument_is_needed_and_the_version_known) {
    data.Version = DXGKDDI_INTERFACE_VERSION_WDDM2_9;
    EXPECT_EQ(DxgkInitialize(nullptr, path, &data), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(DxgkInitialize(&driver, nullptr, &data), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(DxgkInitialize(&driver, path, nullptr), STATUS_INVALID_PARAMETER);
    data.Version = 0x1234;
    EXPECT_EQ(DxgkInitialize(&driver, path, &data), STATUS_REVISION_MISMATCH);
    data.Version = DXGKDDI_INTERFACE_VERSION_WDDM2_9;
    EXPECT_STOP_AT(APC_LEVEL, DxgkInitialize(&driver, path, &data), 0xC4, 0xE5);
    set_dxgkrnl(nullptr);
    EXPECT_EQ(DxgkInitialize(&driver, path, &data), STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(seen.data, nullptr);
}

TEST_F(RegistrationTest, each_version_of_the_initialization_data_holds_the_one_before) {
    std::size_t before = 0;
    for (const ULONG version :
         {DXGKDDI_INTERFACE_VERSION_VISTA, DXGKDDI_INTERFACE_VERSION_WIN7, DXGKDDI_INTERFACE_VERSION_WIN8,
          DXGKDDI_INTERFACE_VERSION_WDDM1_3, DXGKDDI_INTERFACE_VERSION_WDDM2_0, DXGKDDI_INTERFACE_VERSION_WDDM2_1,
          DXGKDDI_INTERFACE_VERSION_WDDM2_2, DXGKDDI_INTERFACE_VERSION_WDDM2_3, DXGKDDI_INTERFACE_VERSION_WDDM2_4,
          DXGKDDI_INTERFACE_VERSION_WDDM2_5, DXGKDDI_INTERFACE_VERSION_WDDM2_6, DXGKDDI_INTERFACE_VERSION_WDDM2_7,
          DXGKDDI_INTERFACE_VERSION_WDDM2_9, DXGKDDI_INTERFACE_VERSION_WDDM3_0, DXGKDDI_INTERFACE_VERSION_WDDM3_1,
          DXGKDDI_INTERFACE_VERSION_WDDM3_2}) {
        EXPECT_GT(initialization_data_size(version), before) << std::hex << version;
        before = initialization_data_size(version);
    }
    EXPECT_EQ(before, sizeof(DRIVER_INITIALIZATION_DATA));
    EXPECT_EQ(initialization_data_size(0), 0u);
}

TEST_F(RegistrationTest, the_display_librarys_steps_lead_to_the_same_function) {
    EXPECT_EQ(ZwLoadDriver(Name("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\DXGKrnl")), STATUS_SUCCESS);
    EXPECT_EQ(ask(0x23003F, true, sizeof function), STATUS_SUCCESS);
    EXPECT_EQ(status.Status, STATUS_SUCCESS);
    EXPECT_EQ(status.Information, sizeof function);
    EXPECT_NE(KeReadStateEvent(&event), 0);
    ASSERT_EQ(function, &register_driver);
    EXPECT_EQ(function(&driver, path, &data), STATUS_MORE_ENTRIES);
    EXPECT_EQ(seen.data, &data);
    EXPECT_EQ(ZwUnloadDriver(Name("\\registry\\machine\\SYSTEM\\CurrentControlSet\\Services\\dxgkrnl")),
              STATUS_SUCCESS);
    EXPECT_EQ(unload("driver"), 0u);  // the request is gone
}

TEST_F(RegistrationTest, everything_else_is_refused) {
    EXPECT_EQ(ask(0x23003B, true, sizeof function), STATUS_INVALID_DEVICE_REQUEST);
    EXPECT_EQ(status.Status, STATUS_INVALID_DEVICE_REQUEST);
    EXPECT_EQ(status.Information, 0u);
    EXPECT_NE(KeReadStateEvent(&event), 0);
    EXPECT_EQ(ask(0x23003F, false, sizeof function), STATUS_INVALID_DEVICE_REQUEST);
    EXPECT_EQ(ask(0x23003F, true, 4), STATUS_BUFFER_TOO_SMALL);
    EXPECT_EQ(function, nullptr);
    EXPECT_EQ(ZwLoadDriver(Name("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\disk")),
              STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_EQ(ZwUnloadDriver(Name("")), STATUS_OBJECT_NAME_NOT_FOUND);
    PFILE_OBJECT file = nullptr;
    PDEVICE_OBJECT found = nullptr;
    EXPECT_EQ(IoGetDeviceObjectPointer(Name("\\Device\\Harddisk0"), FILE_ALL_ACCESS, &file, &found),
              STATUS_OBJECT_NAME_NOT_FOUND);
    EXPECT_EQ(found, nullptr);
    DEVICE_OBJECT other = {};
    EXPECT_EQ(IoBuildDeviceIoControlRequest(0x23003F, &other, nullptr, 0, &function, 8, TRUE, nullptr, &status),
              nullptr);
    set_dxgkrnl(nullptr);
    EXPECT_EQ(IoGetDeviceObjectPointer(Name("\\Device\\DxgKrnl"), FILE_ALL_ACCESS, &file, &found),
              STATUS_OBJECT_NAME_NOT_FOUND);
}

TEST_F(RegistrationTest, a_request_is_answered_once) {
    PIRP const irp = IoBuildDeviceIoControlRequest(0x23003F, device(), nullptr, 0, &function, sizeof function, TRUE,
                                                   nullptr, &status);
    ASSERT_NE(irp, nullptr);
    DEVICE_OBJECT other = {};
    EXPECT_STOP(IofCallDriver(&other, irp), 0xC9, 0x01);
    EXPECT_EQ(IofCallDriver(device(), irp), STATUS_SUCCESS);
    EXPECT_STOP(IofCallDriver(device(), irp), 0xC9, 0x01);
    IRP own = {};
    EXPECT_STOP(IofCallDriver(device(), &own), 0xC9, 0x01);
}

TEST_F(RegistrationTest, each_step_is_for_passive_level) {
    Name name("x");
    PFILE_OBJECT file = nullptr;
    PDEVICE_OBJECT found = nullptr;
    EXPECT_STOP_AT(DISPATCH_LEVEL, ZwLoadDriver(name), 0xC4, 0xE5);
    EXPECT_STOP_AT(DISPATCH_LEVEL, ZwUnloadDriver(name), 0xC4, 0xE5);
    EXPECT_STOP_AT(DISPATCH_LEVEL, IoGetDeviceObjectPointer(name, 0, &file, &found), 0xC4, 0xE5);
    EXPECT_STOP_AT(DISPATCH_LEVEL,
                   IoBuildDeviceIoControlRequest(0, device(), nullptr, 0, nullptr, 0, TRUE, nullptr, &status), 0xC4,
                   0xE5);
    EXPECT_STOP_AT(DISPATCH_LEVEL, IofCallDriver(found, nullptr), 0xC4, 0xE5);
}

}  // namespace remap::kernel
