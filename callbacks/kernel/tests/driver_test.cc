// SPDX-License-Identifier: MIT
// A driver's sources as they are written for the WDK (callbacks/tests/wdk_driver), run: from DriverEntry to the end of
// its stay, over the kernel services and a hosted system.
#include "callbacks/ddk/dispmprt.h"
#include "callbacks/hosted/kernel_port.h"
#include "callbacks/hosted/system.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>

extern "C" DRIVER_INITIALIZE DriverEntry;

namespace remap::kernel {

namespace {

DRIVER_INITIALIZATION_DATA registered;

NTSTATUS NTAPI keep(PDRIVER_OBJECT, PUNICODE_STRING, PDRIVER_INITIALIZATION_DATA data) {
    std::memcpy(&registered, data, initialization_data_size(data->Version));
    return STATUS_SUCCESS;
}

NTSTATUS APIENTRY no_resources(HANDLE, PDXGK_DEVICE_INFO info) {
    *info = {};
    return STATUS_SUCCESS;
}

class DriverTest : public testing::Test {
protected:
    DriverTest()
        : system_(std::move(*hosted::System::create({}))),
          port(system_->frames(), system_->views()),
          adapter(*system_->start_adapter({})) {
        adapter.interface.DxgkCbGetDeviceInformation = no_resources;
        EXPECT_TRUE(start(port));
        set_dxgkrnl(keep);
        registered = {};
        DRIVER_OBJECT driver = {};
        WCHAR name[] = {'x', 0};
        UNICODE_STRING path = {2, 4, name};
        NTSTATUS status = STATUS_UNSUCCESSFUL;
        EXPECT_FALSE(port.run([&] { status = DriverEntry(&driver, &path); }).has_value());
        EXPECT_EQ(status, STATUS_SUCCESS);
    }
    ~DriverTest() override {
        stop();
        system_->stop_adapter(adapter);
    }

    // Calls a DDI; no bugcheck is expected.
    template <typename Call>
    NTSTATUS call(Call ddi) {
        NTSTATUS status = STATUS_SUCCESS;
        const auto stopped = port.run([&] { status = ddi(); });
        EXPECT_FALSE(stopped.has_value()) << stopped->message;
        return status;
    }

    NTSTATUS start_device() {
        ULONG sources = 1, children = 1;
        DXGK_START_INFO info = {};
        return call(
            [&] { return registered.DxgkDdiStartDevice(context, &info, &adapter.interface, &sources, &children); });
    }

    std::unique_ptr<hosted::System> system_;
    hosted::KernelPort port;
    hosted::Adapter adapter;
    DEVICE_OBJECT device = {};
    PVOID context = nullptr;
};

}  // namespace

TEST_F(DriverTest, it_goes_from_entry_to_unload_and_leaves_nothing) {
    ASSERT_EQ(call([&] { return registered.DxgkDdiAddDevice(&device, &context); }), STATUS_SUCCESS);
    ASSERT_NE(context, nullptr);
    ASSERT_EQ(start_device(), STATUS_SUCCESS);
    EXPECT_NE(port.console().find("created (16384 bytes)"), std::string::npos) << port.console();
    EXPECT_EQ(call([&] { return registered.DxgkDdiStopDevice(context); }), STATUS_SUCCESS);
    EXPECT_EQ(call([&] { return registered.DxgkDdiRemoveDevice(context); }), STATUS_SUCCESS);
    EXPECT_FALSE(port.run([] { registered.DxgkDdiUnload(); }).has_value());
    EXPECT_NE(port.console().find("Sample unloaded\n"), std::string::npos) << port.console();
    EXPECT_EQ(unload("sample.sys"), 0u) << port.console();
}

TEST_F(DriverTest, what_it_leaves_is_found) {
    ASSERT_EQ(call([&] { return registered.DxgkDdiAddDevice(&device, &context); }), STATUS_SUCCESS);
    EXPECT_EQ(unload("sample.sys"), 1u);
    EXPECT_NE(port.console().find("tag 'Smpl'"), std::string::npos) << port.console();
    ASSERT_EQ(port.stops().size(), 1u);
    EXPECT_EQ(port.stops()[0].parameters[0], 0x62u);
}

TEST_F(DriverTest, its_caps_say_what_it_can) {
    DXGK_DRIVERCAPS caps = {};
    DXGKARG_QUERYADAPTERINFO query = {};
    query.Type = DXGKQAITYPE_DRIVERCAPS;
    query.pOutputData = &caps;
    query.OutputDataSize = sizeof caps;
    ASSERT_EQ(call([&] { return registered.DxgkDdiQueryAdapterInfo(context, &query); }), STATUS_SUCCESS);
    EXPECT_EQ(caps.WDDMVersion, DXGKDDI_WDDMv3_0);
    EXPECT_EQ(caps.MemoryManagementCaps.Value, 0x4000u);  // MapAperture2Supported
    query.OutputDataSize = 4;
    EXPECT_EQ(call([&] { return registered.DxgkDdiQueryAdapterInfo(context, &query); }), STATUS_BUFFER_TOO_SMALL);
}

}  // namespace remap::kernel
