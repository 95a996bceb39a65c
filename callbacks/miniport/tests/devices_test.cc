// SPDX-License-Identifier: MIT
// The callbacks through which a driver reaches its device.
#include "callbacks/miniport/tests/fake_driver.h"

#include <gtest/gtest.h>

namespace remap::miniport {
namespace {

NTSTATUS map(const DXGKRNL_INTERFACE& interface, std::uint64_t first, ULONG bytes, PVOID* mapped,
             MEMORY_CACHING_TYPE cache = MmNonCached) {
    PHYSICAL_ADDRESS address;
    address.QuadPart = static_cast<LONGLONG>(first);
    return interface.DxgkCbMapMemory(interface.DeviceHandle, address, bytes, FALSE, FALSE, cache, mapped);
}

TEST(MiniportDevices, TheDriverLearnsOfItsDeviceWhileItStarts) {
    AdapterBench bench;
    unsigned seen = 0;
    bench.fake.on_start = [&](const DXGKRNL_INTERFACE& interface) {
        DXGK_DEVICE_INFO info{};
        ASSERT_EQ(interface.DxgkCbGetDeviceInformation(interface.DeviceHandle, &info), STATUS_SUCCESS);
        EXPECT_EQ(info.MiniportDeviceContext, reinterpret_cast<PVOID>(std::uintptr_t{0x1000} + seen));
        EXPECT_EQ(info.SystemMemorySize.QuadPart, 0x20000000);
        EXPECT_EQ(info.HighestPhysicalAddress.QuadPart, 0x1fffffff);
        ASSERT_NE(info.TranslatedResourceList, nullptr);
        EXPECT_EQ(info.TranslatedResourceList->Count, 1u);
        const auto& full = info.TranslatedResourceList->List[0];
        EXPECT_EQ(full.InterfaceType, 5);
        EXPECT_EQ(full.BusNumber, 3u);
        ASSERT_EQ(full.PartialResourceList.Count, 2u);
        const auto* ranges = full.PartialResourceList.PartialDescriptors;
        EXPECT_EQ(ranges[0].Type, 3);
        EXPECT_EQ(ranges[0].Flags, 0x80);
        EXPECT_EQ(ranges[0].u.Memory.Start.QuadPart, 0xfe000000 + seen * 0x10000);
        EXPECT_EQ(ranges[0].u.Memory.Length, 0x4000u);
        EXPECT_EQ(ranges[1].Type, 7);
        EXPECT_EQ(ranges[1].Flags, 0x284);
        EXPECT_EQ(ranges[1].u.Memory40.Length40, 0x2000000u);  // 8 GiB in units of 256 bytes
        ++seen;
    };
    ASSERT_TRUE(bench.start(2).ok());
    EXPECT_EQ(seen, 2u);
    DXGK_DEVICE_INFO info{};
    const auto& interface = bench.adapter.interface(1);
    ASSERT_EQ(interface.DxgkCbGetDeviceInformation(interface.DeviceHandle, &info), STATUS_SUCCESS);
    EXPECT_EQ(info.TranslatedResourceList, nullptr);
    EXPECT_EQ(interface.DxgkCbGetDeviceInformation(interface.DeviceHandle, nullptr), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(interface.DxgkCbGetDeviceInformation(nullptr, &info), STATUS_INVALID_PARAMETER);
}

TEST(MiniportDevices, ARangeOfTheDeviceIsMappedWithTheCacheTypeAskedFor) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(1).ok());
    const auto& interface = bench.adapter.interface(0);
    PVOID mapped = nullptr;
    ASSERT_EQ(map(interface, 0xfe001000, 0x3000, &mapped), STATUS_SUCCESS);
    EXPECT_EQ(mapped, reinterpret_cast<PVOID>(0xffff0000fe001000));
    ASSERT_EQ(bench.devices.views.size(), 1u);
    EXPECT_EQ(bench.devices.views[0].bytes, 0x3000u);
    EXPECT_EQ(bench.devices.views[0].cache, MmNonCached);
    EXPECT_EQ(interface.DxgkCbUnmapMemory(interface.DeviceHandle, mapped), STATUS_SUCCESS);
    EXPECT_TRUE(bench.devices.views.empty());
    EXPECT_EQ(interface.DxgkCbUnmapMemory(interface.DeviceHandle, mapped), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(interface.DxgkCbUnmapMemory(interface.DeviceHandle, nullptr), STATUS_INVALID_PARAMETER);
}

TEST(MiniportDevices, ViewsOfAPageWithTwoCacheTypesAreReportedWhenTheSecondIsMade) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(1).ok());
    const auto& interface = bench.adapter.interface(0);
    PVOID views[3] = {};
    ASSERT_EQ(map(interface, 0x8000001800, 0x1000, &views[0], MmWriteCombined), STATUS_SUCCESS);
    ASSERT_EQ(map(interface, 0x8000002000, 0x1000, &views[1], MmWriteCombined), STATUS_SUCCESS);
    EXPECT_TRUE(bench.devices.reports.empty());
    ASSERT_EQ(map(interface, 0x8000002800, 0x10, &views[2], MmCached), STATUS_SUCCESS);
    ASSERT_EQ(bench.devices.reports.size(), 1u);
    EXPECT_EQ(bench.devices.reports[0].first, callbacks::Check::ConflictingViews);
    EXPECT_NE(bench.devices.reports[0].second.find("DxgkCbMapMemory: page 0x8000002 is now mapped cached at "
                                                   "0xffff008000002000 (1 pages), and write-combined at "),
              std::string::npos)
        << bench.devices.reports[0].second;
    for (PVOID view : views) EXPECT_EQ(interface.DxgkCbUnmapMemory(interface.DeviceHandle, view), STATUS_SUCCESS);
    ASSERT_EQ(map(interface, 0x8000001000, 0x3000, &views[0], MmCached), STATUS_SUCCESS);
    EXPECT_EQ(bench.devices.reports.size(), 1u);
    EXPECT_EQ(bench.adapter.stop().why.c_str()[0], 't');  // the view is left, and taken back
    bench.devices.audit.for_each_view_of({0x8000002}, [](const callbacks::ShownPage&) { ADD_FAILURE(); });
}

TEST(MiniportDevices, NothingElseIsMapped) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(2).ok());
    const auto& interface = bench.adapter.interface(0);
    PVOID mapped = &mapped;
    EXPECT_EQ(map(interface, 0xfe000000, 0x4001, &mapped), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(mapped, nullptr);
    EXPECT_EQ(map(interface, 0xfdfff000, 0x2000, &mapped), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map(interface, 0xfe004000, 1, &mapped), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map(interface, 0xfe010000, 0x1000, &mapped), STATUS_INVALID_PARAMETER);  // the other device's
    EXPECT_EQ(map(interface, 0xfffffffffffff000, 0x1000, &mapped), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map(interface, 0xfe000000, 0, &mapped), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map(interface, 0xfe000000, 0x1000, nullptr), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(map(interface, 0x8000000000, 0x5000, &mapped), STATUS_NO_MEMORY);
    PHYSICAL_ADDRESS address;
    address.QuadPart = 0xfe000000;
    const auto call = interface.DxgkCbMapMemory;
    const HANDLE handle = interface.DeviceHandle;
    EXPECT_EQ(call(handle, address, 0x1000, TRUE, FALSE, MmNonCached, &mapped), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(call(handle, address, 0x1000, FALSE, TRUE, MmNonCached, &mapped), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(call(handle, address, 0x1000, FALSE, FALSE, MmNotMapped, &mapped), STATUS_INVALID_PARAMETER);
    EXPECT_TRUE(bench.devices.views.empty());
}

TEST(MiniportDevices, AViewThatIsLeftAtStopIsReportedAndTakenBack) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(1).ok());
    const DXGKRNL_INTERFACE interface = bench.adapter.interface(0);
    PVOID mapped = nullptr;
    ASSERT_EQ(map(interface, 0xfe000000, 0x1000, &mapped), STATUS_SUCCESS);
    const Outcome outcome = bench.adapter.stop();
    EXPECT_STREQ(outcome.why.c_str(), "the driver stopped and left views of DxgkCbMapMemory: 1");
    EXPECT_TRUE(bench.devices.views.empty());
    EXPECT_EQ(map(interface, 0xfe000000, 0x1000, &mapped), STATUS_INVALID_DEVICE_STATE);
}

TEST(MiniportDevices, AdaptersDoNotReachEachOthersDevices) {
    FakeDriver fake;
    ASSERT_TRUE(fake.start().ok());
    FakeCore core;
    FakeDevices devices;
    LogicalAdapter one(fake.driver, core, devices);
    LogicalAdapter two(fake.driver, core, devices);
    for (LogicalAdapter* adapter : {&one, &two}) {
        const DeviceDescription description;
        ASSERT_TRUE(adapter->add({&description, 1}).ok() && adapter->query().ok() && adapter->start().ok());
    }
    // Both cores gave out the same handle; the entry points tell them apart.
    ASSERT_EQ(one.interface(0).DeviceHandle, two.interface(0).DeviceHandle);
    DXGK_DEVICE_INFO info{};
    two.interface(0).DxgkCbGetDeviceInformation(two.interface(0).DeviceHandle, &info);
    EXPECT_EQ(info.MiniportDeviceContext, two.context(0));
    EXPECT_NE(one.context(0), two.context(0));
}

}  // namespace
}  // namespace remap::miniport
