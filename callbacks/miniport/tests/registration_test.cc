// SPDX-License-Identifier: MIT
// DriverEntry and what it registers.
#include "callbacks/miniport/tests/fake_driver.h"
#include "callbacks/miniport/tests/irql.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include <cstring>

namespace remap::miniport {
namespace {

TEST(MiniportRegistration, BytesBehindTheVersionAreNotRead) {
    FakeDriver fake;
    DRIVER_INITIALIZATION_DATA given = fake.ddis;
    std::memset(reinterpret_cast<char*>(&given) + 0x510, 0xee, sizeof given - 0x510);
    DRIVER_INITIALIZATION_DATA copy;
    ASSERT_TRUE(copy_registration(&given, copy).ok());
    EXPECT_EQ(copy.DxgkDdiQueryAdapterInfo, given.DxgkDdiQueryAdapterInfo);
    EXPECT_EQ(copy.DxgkDdiCreateNativeFence.Address, nullptr);
    EXPECT_EQ(copy.DxgkDdiResetDisplayEngine.Address, nullptr);
}

TEST(MiniportRegistration, AMissingDdiIsNamed) {
    const struct {
        const char* name;
        std::size_t offset;
    } required[] = {{"DxgkDdiAddDevice", 0x8},     {"DxgkDdiStartDevice", 0x10}, {"DxgkDdiStopDevice", 0x18},
                    {"DxgkDdiRemoveDevice", 0x20}, {"DxgkDdiUnload", 0x70},      {"DxgkDdiQueryAdapterInfo", 0x88}};
    for (const auto& [name, offset] : required) {
        FakeDriver fake;
        std::memset(reinterpret_cast<char*>(&fake.ddis) + offset, 0, 8);
        const Outcome outcome = fake.start();
        EXPECT_EQ(outcome.status, STATUS_INVALID_PARAMETER);
        EXPECT_STREQ(outcome.why.c_str(), (std::string("the driver registered no ") + name).c_str());
        EXPECT_FALSE(fake.driver.started());
    }
}

TEST(MiniportRegistration, AnUnknownVersionIsRefused) {
    FakeDriver fake;
    fake.ddis.Version = 0x12345;
    const Outcome outcome = fake.start();
    EXPECT_EQ(outcome.status, STATUS_REVISION_MISMATCH);
    EXPECT_STREQ(outcome.why.c_str(), "the driver registered for an unknown interface version 0x12345");
}

TEST(MiniportDriver, StartsWithADriverObjectAndEndsWithUnload) {
    FakeDriver fake;
    static const char image[16] = {};
    fake.on_entry = [&](PDRIVER_OBJECT object, PUNICODE_STRING path) {
        EXPECT_EQ(object->DriverStart, image);
        EXPECT_EQ(object->DriverSize, 16u);
        EXPECT_EQ(object->DriverExtension->DriverObject, object);
        EXPECT_EQ(path->Buffer[0], '\\');
        EXPECT_EQ(path->Buffer[path->Length / 2], 0);
        return Driver::register_ddis(object, path, &fake.ddis);
    };
    ASSERT_TRUE(fake.driver.start({FakeDriver::entry, image, sizeof image}).ok());
    EXPECT_TRUE(fake.driver.started());
    ASSERT_TRUE(fake.driver.unload().ok());
    EXPECT_EQ(fake.take_log(), "unload");
}

TEST(MiniportDriver, ADriverThatDoesNotRegisterOnceIsRefused) {
    FakeDriver silent;
    silent.on_entry = [](PDRIVER_OBJECT, PUNICODE_STRING) { return STATUS_SUCCESS; };
    EXPECT_EQ(silent.start().status, STATUS_INVALID_DEVICE_STATE);

    FakeDriver twice;
    twice.on_entry = [&](PDRIVER_OBJECT object, PUNICODE_STRING path) {
        Driver::register_ddis(object, path, &twice.ddis);
        EXPECT_EQ(Driver::register_ddis(object, path, &twice.ddis), STATUS_INVALID_DEVICE_STATE);
        return STATUS_SUCCESS;
    };
    EXPECT_STREQ(twice.start().why.c_str(), "DriverEntry called DxgkInitialize twice");

    FakeDriver failing;
    failing.on_entry = [](PDRIVER_OBJECT, PUNICODE_STRING) { return STATUS_NO_MEMORY; };
    const Outcome outcome = failing.start();
    EXPECT_EQ(outcome.status, STATUS_NO_MEMORY);
    EXPECT_STREQ(outcome.why.c_str(), "DriverEntry failed: NTSTATUS 0xc0000017");
}

TEST(MiniportDriver, NobodyElseRegisters) {
    FakeDriver fake;
    DRIVER_OBJECT stranger{};
    UNICODE_STRING path{};
    EXPECT_EQ(Driver::register_ddis(&stranger, &path, &fake.ddis), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Driver::register_ddis(nullptr, &path, &fake.ddis), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Driver::register_ddis(&stranger, &path, nullptr), STATUS_INVALID_PARAMETER);
}

TEST(MiniportDriver, DriverEntryHasToComeBackAtPassiveLevel) {
    FakeDriver fake;
    fake.on_entry = [&](PDRIVER_OBJECT object, PUNICODE_STRING path) {
        set_irql(DISPATCH_LEVEL);
        return Driver::register_ddis(object, path, &fake.ddis);
    };
    const Outcome outcome = fake.start();
    EXPECT_EQ(outcome.status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_STREQ(outcome.why.c_str(), "DriverEntry returned at IRQL 2, was called at PASSIVE_LEVEL (0)");
    EXPECT_EQ(irql(), PASSIVE_LEVEL);
}

TEST(MiniportDriver, ThereAreSixteenAtMost) {
    FakeDriver fake;
    std::vector<std::unique_ptr<Driver>> drivers;
    for (int i = 0; i < 16; ++i) {
        drivers.push_back(std::make_unique<Driver>());
        ASSERT_TRUE(drivers.back()->start({.entry = FakeDriver::entry}).ok());
    }
    EXPECT_EQ(fake.start().status, STATUS_INSUFFICIENT_RESOURCES);
    drivers.pop_back();
    EXPECT_TRUE(fake.start().ok());
}

}  // namespace
}  // namespace remap::miniport
