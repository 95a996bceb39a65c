// SPDX-License-Identifier: MIT
// The life of a logical adapter, in order and out of it.
#include "callbacks/miniport/tests/fake_driver.h"
#include "callbacks/miniport/tests/irql.h"

#include <gtest/gtest.h>

#include <set>

namespace remap::miniport {
namespace {

TEST(MiniportAdapter, IsTakenThroughItsLifeInOrder) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(3).ok());
    EXPECT_EQ(bench.core.starts, 1u);
    EXPECT_EQ(bench.core.seen.physical_adapters, 3u);
    EXPECT_EQ(bench.core.driver, &bench.adapter);
    const std::string log = bench.fake.take_log();
    EXPECT_EQ(log.substr(0, 14), "add0 add1 add2");
    EXPECT_EQ(log.substr(log.size() - 20), "start0 start1 start2");
    ASSERT_TRUE(bench.adapter.stop().ok());
    EXPECT_EQ(bench.core.stops, 1u);
    ASSERT_TRUE(bench.adapter.remove().ok());
    EXPECT_EQ(bench.fake.take_log(), "stop2 stop1 stop0 remove2 remove1 remove0");
    ASSERT_TRUE(bench.start(1).ok());
}

TEST(MiniportAdapter, AStepOutOfOrderIsRefused) {
    AdapterBench bench;
    EXPECT_EQ(bench.adapter.query().status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(bench.adapter.start().status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(bench.add(0).status, STATUS_INVALID_PARAMETER);
    EXPECT_EQ(bench.add(9).status, STATUS_INVALID_PARAMETER);
    ASSERT_TRUE(bench.add(1).ok());
    EXPECT_EQ(bench.add(1).status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(bench.adapter.start().status, STATUS_INVALID_DEVICE_STATE);
    int number = 0;
    EXPECT_EQ(bench.adapter.escape(0, &number, sizeof number).status, STATUS_INVALID_DEVICE_STATE);
    ASSERT_TRUE(bench.adapter.query().ok());
    ASSERT_TRUE(bench.adapter.start().ok());
    EXPECT_EQ(bench.adapter.remove().status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(bench.adapter.query().status, STATUS_INVALID_DEVICE_STATE);
    ASSERT_TRUE(bench.adapter.escape(0, &number, sizeof number).ok());
    EXPECT_EQ(number, 1);
    EXPECT_STREQ(bench.adapter.start().why.c_str(), "StartDevice is not the next step of this adapter");
}

TEST(MiniportAdapter, AFailedAddDeviceRemovesThoseBefore) {
    AdapterBench bench;
    bench.fake.status = [](const std::string& call) { return call == "add2" ? STATUS_NO_MEMORY : STATUS_SUCCESS; };
    const Outcome outcome = bench.add(4);
    EXPECT_EQ(outcome.status, STATUS_NO_MEMORY);
    EXPECT_STREQ(outcome.why.c_str(), "DxgkDdiAddDevice failed: NTSTATUS 0xc0000017");
    EXPECT_EQ(bench.fake.take_log(), "add0 add1 add2 remove1 remove0");
}

TEST(MiniportAdapter, EachDeviceHasAContextOfItsOwn) {
    AdapterBench none;
    none.fake.context = [](unsigned) { return nullptr; };
    EXPECT_STREQ(none.add(1).why.c_str(), "DxgkDdiAddDevice succeeded without a context");
    AdapterBench same;
    same.fake.context = [](unsigned) { return reinterpret_cast<PVOID>(0x1000); };
    EXPECT_STREQ(same.add(2).why.c_str(), "DxgkDdiAddDevice gave two devices the same context");
    EXPECT_EQ(same.fake.take_log(), "add0 add1 remove0");
}

TEST(MiniportAdapter, AFailedStartDeviceStopsThoseBeforeAndTheCore) {
    AdapterBench bench;
    bench.fake.status = [](const std::string& call) { return call == "start1" ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS; };
    const Outcome outcome = bench.start(3);
    EXPECT_EQ(outcome.status, STATUS_UNSUCCESSFUL);
    EXPECT_STREQ(outcome.why.c_str(), "DxgkDdiStartDevice failed: NTSTATUS 0xc0000001");
    const std::string log = bench.fake.take_log();
    EXPECT_EQ(log.substr(log.size() - 19), "start0 start1 stop0");
    EXPECT_EQ(bench.core.stops, 1u);
    EXPECT_TRUE(bench.adapter.remove().ok());
}

TEST(MiniportAdapter, WhatTheCoreRefusesIsNotStarted) {
    AdapterBench bench;
    bench.core.status = STATUS_DEVICE_CONFIGURATION_ERROR;
    const Outcome outcome = bench.start(1);
    EXPECT_EQ(outcome.status, STATUS_DEVICE_CONFIGURATION_ERROR);
    EXPECT_STREQ(outcome.why.c_str(), "the adapter cannot be started with these caps: NTSTATUS 0xc0000182");
    EXPECT_EQ(bench.fake.take_log().find("start"), std::string::npos);
}

TEST(MiniportAdapter, IsStoppedAndRemovedWithItsObject) {
    FakeDriver fake;
    ASSERT_TRUE(fake.start().ok());
    FakeCore core;
    FakeDevices devices;
    {
        LogicalAdapter adapter(fake.driver, core, devices);
        const DeviceDescription description;
        ASSERT_TRUE(adapter.add({&description, 1}).ok());
        ASSERT_TRUE(adapter.query().ok());
        ASSERT_TRUE(adapter.start().ok());
        ASSERT_EQ(adapter.begin_exclusive_access(), STATUS_SUCCESS);
        fake.take_log();
    }
    EXPECT_EQ(fake.take_log(), "end0 stop0 remove0");
    EXPECT_EQ(core.stops, 1u);
}

TEST(MiniportAdapter, ADdiThatReturnsAtAnotherIrqlIsReportedAndTheIrqlPutRight) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(1).ok());
    bench.fake.status = [](const std::string&) {
        set_irql(APC_LEVEL);
        return STATUS_SUCCESS;
    };
    int number = 0;
    const Outcome outcome = bench.adapter.escape(0, &number, sizeof number);
    EXPECT_EQ(outcome.status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_STREQ(outcome.why.c_str(), "DxgkDdiEscape returned at IRQL 1, was called at PASSIVE_LEVEL (0)");
    EXPECT_EQ(irql(), PASSIVE_LEVEL);
    bench.fake.status = nullptr;
    EXPECT_TRUE(bench.adapter.escape(0, &number, sizeof number).ok());
}

TEST(MiniportAdapter, NoDdiIsCalledAboveThePassiveLevel) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(1).ok());
    bench.fake.take_log();
    int number = 0;
    set_irql(DISPATCH_LEVEL);
    const Outcome outcome = bench.adapter.escape(0, &number, sizeof number);
    set_irql(PASSIVE_LEVEL);
    EXPECT_EQ(outcome.status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_STREQ(outcome.why.c_str(), "DxgkDdiEscape was to be called at IRQL 2");
    EXPECT_EQ(bench.fake.take_log(), "");
}

TEST(MiniportAdapter, EachStartOfADeviceHasIdentifiersOfItsOwn) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(2).ok());
    ASSERT_TRUE(bench.adapter.stop().ok() && bench.adapter.query().ok() && bench.adapter.start().ok());
    ASSERT_EQ(bench.fake.luids.size(), 4u);
    EXPECT_EQ(std::set<ULONG>(bench.fake.luids.begin(), bench.fake.luids.end()).size(), 4u);
    EXPECT_EQ(bench.fake.luids[3] - bench.fake.luids[0], 3u);
}

TEST(MiniportAdapter, ADdiThatWasNotRegisteredIsNamed) {
    FakeDriver fake;
    fake.ddis.DxgkDdiEscape = nullptr;
    ASSERT_TRUE(fake.start().ok());
    FakeCore core;
    FakeDevices devices;
    LogicalAdapter adapter(fake.driver, core, devices);
    const DeviceDescription description;
    ASSERT_TRUE(adapter.add({&description, 1}).ok() && adapter.query().ok() && adapter.start().ok());
    int number = 0;
    const Outcome outcome = adapter.escape(0, &number, sizeof number);
    EXPECT_EQ(outcome.status, STATUS_NOT_IMPLEMENTED);
    EXPECT_STREQ(outcome.why.c_str(), "the driver registered no DxgkDdiEscape");
}

TEST(MiniportExclusiveAccess, IsBegunAndEndedOfAllPhysicalAdapters) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(3).ok());
    bench.fake.take_log();
    EXPECT_EQ(bench.adapter.begin_exclusive_access(), STATUS_SUCCESS);
    EXPECT_EQ(bench.adapter.end_exclusive_access(), STATUS_SUCCESS);
    EXPECT_EQ(bench.fake.take_log(), "begin0 begin1 begin2 end0 end1 end2");
}

TEST(MiniportExclusiveAccess, NoOtherDdiIsCalledMeanwhile) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(1).ok());
    ASSERT_EQ(bench.adapter.begin_exclusive_access(), STATUS_SUCCESS);
    bench.fake.take_log();
    int number = 0;
    const Outcome outcome = bench.adapter.escape(0, &number, sizeof number);
    EXPECT_EQ(outcome.status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_STREQ(outcome.why.c_str(),
                 "DxgkDdiEscape was to be called between BeginExclusiveAccess and EndExclusiveAccess");
    EXPECT_EQ(bench.adapter.stop().status, STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(bench.adapter.begin_exclusive_access(), STATUS_INVALID_DEVICE_STATE);
    EXPECT_EQ(bench.fake.take_log(), "");
    EXPECT_EQ(bench.adapter.end_exclusive_access(), STATUS_SUCCESS);
    EXPECT_EQ(bench.adapter.end_exclusive_access(), STATUS_INVALID_DEVICE_STATE);
    EXPECT_TRUE(bench.adapter.escape(0, &number, sizeof number).ok());
}

TEST(MiniportExclusiveAccess, AnAdapterThatCannotBeginEndsThoseThatHave) {
    AdapterBench bench;
    ASSERT_TRUE(bench.start(3).ok());
    bench.fake.take_log();
    bench.fake.status = [](const std::string& call) { return call == "begin2" ? STATUS_DEVICE_BUSY : STATUS_SUCCESS; };
    EXPECT_EQ(bench.adapter.begin_exclusive_access(), STATUS_DEVICE_BUSY);
    EXPECT_EQ(bench.fake.take_log(), "begin0 begin1 begin2 end0 end1");
    EXPECT_STREQ(bench.adapter.exclusive_outcome().why.c_str(),
                 "DxgkDdiBeginExclusiveAccess failed: NTSTATUS 0x80000011");
    bench.fake.status = nullptr;
    EXPECT_EQ(bench.adapter.begin_exclusive_access(), STATUS_SUCCESS);
    EXPECT_EQ(bench.adapter.end_exclusive_access(), STATUS_SUCCESS);
}

}  // namespace
}  // namespace remap::miniport
