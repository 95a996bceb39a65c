// SPDX-License-Identifier: MIT
// Invalidations of device TLBs (VT-d sections 6.5.2.5, 6.5.2.6 and 6.5.2.11).
#include "iommu/tests/device_bench.h"

namespace remap::iommu {
namespace {

class DeviceTlb : public test::DeviceBench {
protected:
    static constexpr std::uint64_t forget_all = 0x7ffffffffffff001;  // with S: all addresses

    void put_forget(std::uint16_t source = device, unsigned most_pending = 0) {
        const std::uint64_t function = source;
        put(0x3 | std::uint64_t{source} << 32 | std::uint64_t{most_pending} << 16 | (function & 0xf) << 12 |
                function >> 4 << 52,
            forget_all);
    }
    void answer(std::size_t n) {
        unit.device_invalidated(devices.invalidations[n].source, devices.invalidations[n].tag);
    }
    void let_two_periods_pass() {
        unit.timer_expired();
        unit.timer_expired();
    }
    std::uint64_t errors() { return read32(0x34) & 0x70; }  // IQE, ICE, ITE
    std::uint64_t head() { return read64(0x80); }
};

TEST_F(DeviceTlb, DescriptorsNameADeviceAndARange) {
    struct Row {
        const char* what;
        std::uint64_t low, high;
        std::uint16_t source;
        std::uint64_t first, last;
        std::optional<std::uint32_t> pasid;
        bool every_pasid;
    };
    const Row rows[] = {
        {"one page", 0x0000001000000003, 0x12345000, 0x10, 0x12345000, 0x12345fff, {}, false},
        {"S: two pages", 0x0000ab1000000003, 0x12344001, 0xab10, 0x12344000, 0x12345fff, {}, false},
        {"S: 2 MiB", 0x0000001000000003, 0x400ff001, 0x10, 0x40000000, 0x401fffff, {}, false},
        {"S: everything", 0x0000001000000003, 0x7ffffffffffff001, 0x10, 0, ~std::uint64_t{0}, {}, false},
        {"PASID, one page", 0x0000000500100008, 0x12345000, 0x10, 0x12345000, 0x12345fff, 5, false},
        {"PASID, S: 16 pages", 0x0000000500100008, 0x12347800, 0x10, 0x12340000, 0x1234ffff, 5, false},
        {"every PASID", 0x0000000500100008, 0x12345001, 0x10, 0x12345000, 0x12345fff, 5, true},
    };
    for (const Row& row : rows) {
        devices.invalidations.clear();
        put(row.low, row.high);
        submit();
        ASSERT_EQ(devices.invalidations.size(), 1u) << row.what;
        const DeviceInvalidation& sent = devices.invalidations[0];
        EXPECT_EQ(sent.source.value, row.source) << row.what;
        EXPECT_EQ(sent.first.value, row.first) << row.what;
        EXPECT_EQ(sent.last.value, row.last) << row.what;
        EXPECT_EQ(sent.pasid.has_value(), row.pasid.has_value()) << row.what;
        if (row.pasid && sent.pasid) {
            EXPECT_EQ(sent.pasid->value, *row.pasid) << row.what;
        }
        EXPECT_EQ(sent.every_pasid, row.every_pasid) << row.what;
        answer(0);
    }
    EXPECT_EQ(errors(), 0u);
}

TEST_F(DeviceTlb, ReservedFieldsAreErrors) {
    struct Row {
        const char* what;
        std::uint64_t low, high;
    };
    const Row rows[] = {
        {"device TLB, bit 4", 0x0000001000000013, 0},
        {"device TLB, bit 21", 0x0000001000200003, 0},
        {"device TLB, bit 48", 0x0001001000000003, 0},
        {"device TLB, high bit 1", 0x0000001000000003, 0x2},
        {"PASID device TLB, high bit 1", 0x0000000500100008, 0x2},
        {"page response, bit 5", 0x0000000500100029, 0},
        {"page response, bit 52", 0x0010000500100009, 0},
        {"page response, high bit 0", 0x0000000500100009, 1},
        {"page response, high bit 12", 0x0000000500100009, 0x1000},
    };
    for (const Row& row : rows) {
        put(row.low, row.high);
        submit();
        EXPECT_EQ(errors(), 0x10u) << row.what;
        EXPECT_EQ(read64(0xb0) & 0xf, 4u) << row.what;
        EXPECT_TRUE(devices.invalidations.empty() && devices.answers.empty()) << row.what;
        ram.set(queue + head(), 0x25);  // a harmless wait in its place
        write32(0x34, 0x10);
    }
}

TEST_F(DeviceTlb, AWaitIsDoneWhenAllDevicesHaveAnswered) {
    put_forget();
    put_forget(0x20);
    put_wait(1);
    submit();
    EXPECT_EQ(devices.invalidations.size(), 2u);
    EXPECT_EQ(waited(), 0u);
    EXPECT_EQ(head(), 0x40u);
    answer(1);
    EXPECT_EQ(waited(), 0u);
    answer(0);
    EXPECT_EQ(waited(), 1u);
    EXPECT_EQ(head(), tail);
    EXPECT_EQ(errors(), 0u);
}

TEST_F(DeviceTlb, WhatComesBehindTheWaitIsNotBegun) {
    put_forget();
    put_wait(1);
    put_forget(0x20);
    put_wait(2);
    submit();
    EXPECT_EQ(devices.invalidations.size(), 1u);
    answer(0);
    EXPECT_EQ(waited(), 1u);
    EXPECT_EQ(devices.invalidations.size(), 2u);
    answer(1);
    EXPECT_EQ(waited(), 2u);
}

// Other invalidations before the wait need not wait for devices.
TEST_F(DeviceTlb, OtherCachesAreInvalidatedMeanwhile) {
    EXPECT_EQ(unit.translate({device}, {0}, Access::Read).address.value, 0x55000u);
    ram.set(0x16000, 0x99003);
    put_forget();
    put(0x00070022, 0);
    submit();
    EXPECT_EQ(unit.translate({device}, {0}, Access::Read).address.value, 0x99000u);
}

// MIP of the descriptor, counted for the function that it names (ECAP.DIT).
TEST_F(DeviceTlb, ADeviceGetsNoMoreThanItCanQueue) {
    for (int i = 0; i < 5; ++i) put_forget(device, 2);
    put_forget(0x20, 2);
    put_wait(1);
    submit();
    EXPECT_EQ(devices.invalidations.size(), 2u);
    answer(1);
    EXPECT_EQ(devices.invalidations.size(), 3u);
    answer(0);
    answer(2);
    ASSERT_EQ(devices.invalidations.size(), 6u);
    EXPECT_EQ(devices.invalidations[5].source.value, 0x20) << "another function has a queue of its own";
    for (std::size_t n = 3; n < 6; ++n) answer(n);
    EXPECT_EQ(waited(), 1u);
}

TEST_F(DeviceTlb, ThereAreThirtyTwoTags) {
    for (std::uint16_t i = 0; i < 40; ++i) put_forget(static_cast<std::uint16_t>(8 * i));
    put_wait(1);
    submit();
    ASSERT_EQ(devices.invalidations.size(), 32u);
    unsigned tags = 0;
    for (const DeviceInvalidation& sent : devices.invalidations) tags |= 1u << (sent.tag.value & 31);
    EXPECT_EQ(tags, 0xffffffffu);
    for (std::size_t n = 0; n < 40; ++n) {
        ASSERT_LT(n, devices.invalidations.size());
        answer(n);
    }
    EXPECT_EQ(waited(), 1u);
}

TEST_F(DeviceTlb, WhoDoesNotAnswerIsReportedAndTheWaitAborted) {
    put_forget(0x20);
    put_forget(device);
    put_wait(1);
    put(0x00070022, 0);
    put_wait(2);
    submit();
    answer(0);
    EXPECT_GE(devices.timers, 1u);
    unit.timer_expired();
    EXPECT_EQ(errors(), 0u) << "it was sent in the middle of this period";
    unit.timer_expired();
    EXPECT_EQ(errors(), 0x40u) << "ITE";
    EXPECT_EQ(read64(0xb0) >> 32 & 0xffff, 0x10u) << "ITESID";
    EXPECT_EQ(head(), 0x60u) << "behind the wait that is aborted";
    EXPECT_EQ(waited(), 0u);
    write64(0x88, tail);
    EXPECT_EQ(head(), 0x60u) << "nothing is fetched while ITE is set";
    write32(0x34, 0x40);
    EXPECT_EQ(waited(), 2u) << "and then the rest is";
    EXPECT_EQ(read64(0xb0), 0u);
}

TEST_F(DeviceTlb, ATimeOutWithoutAWaitAbortsNothing) {
    put_forget();
    submit();
    let_two_periods_pass();
    EXPECT_EQ(errors(), 0x40u);
    EXPECT_EQ(head(), 0x20u);
    put_wait(1);
    submit();
    EXPECT_EQ(waited(), 0u);
    write32(0x34, 0x40);
    EXPECT_EQ(waited(), 1u);
}

// An invalidation that has to wait for a place in the device's queue is carried out when there is one.
TEST_F(DeviceTlb, ATimeOutMakesRoom) {
    put_forget(device, 1);
    put_forget(device, 1);
    put_wait(1);
    submit();
    let_two_periods_pass();
    EXPECT_EQ(head(), 0x20u);
    write32(0x34, 0x40);
    ASSERT_EQ(devices.invalidations.size(), 2u);
    answer(1);
    EXPECT_EQ(waited(), 1u);
}

TEST_F(DeviceTlb, OthersThatArePendingAreStillWaitedFor) {
    put_forget(device);
    submit();
    unit.timer_expired();
    put_forget(0x20);
    put_wait(1);
    submit();
    unit.timer_expired();
    EXPECT_EQ(errors(), 0x40u);
    EXPECT_EQ(read64(0xb0) >> 32 & 0xffff, 0x10u);
    write32(0x34, 0x40);
    put_wait(2);  // software submits its wait anew
    submit();
    EXPECT_EQ(waited(), 0u);
    answer(1);
    EXPECT_EQ(waited(), 2u);
}

TEST_F(DeviceTlb, AnAnswerNobodyWaitsForIsAnError) {
    put_forget();
    put_wait(1);
    submit();
    unit.device_invalidated({0x99}, devices.invalidations[0].tag);
    EXPECT_EQ(errors(), 0x20u) << "ICE: another device's tag";
    EXPECT_EQ(read64(0xb0) >> 48, 0x99u) << "ICESID";
    EXPECT_EQ(waited(), 0u);
    answer(0);
    EXPECT_EQ(waited(), 1u) << "it does not stop the queue";
    write32(0x34, 0x20);
    EXPECT_EQ(read64(0xb0), 0u);
    answer(0);
    EXPECT_EQ(errors(), 0x20u) << "the same answer twice";
    EXPECT_EQ(read64(0xb0) >> 48, 0x10u);
}

TEST_F(DeviceTlb, AnAnswerAfterTheTimeOutIsAnError) {
    put_forget();
    submit();
    let_two_periods_pass();
    write32(0x34, 0x40);
    put_forget();
    submit();  // the tag is in use again
    answer(0);
    EXPECT_EQ(errors(), 0x20u);
    answer(1);
    write32(0x34, 0x20);
    EXPECT_EQ(errors(), 0u);
}

TEST_F(DeviceTlb, ErrorsSendTheFaultEvent) {
    write32(0x40, 0xfee00000);
    write32(0x3c, 0x31);
    write32(0x38, 0);
    put_forget();
    submit();
    let_two_periods_pass();
    ASSERT_EQ(interrupts.sent.size(), 1u);
    EXPECT_EQ(interrupts.sent[0].data, 0x31u);
    answer(0);
    EXPECT_EQ(interrupts.sent.size(), 1u) << "a condition is set already";
}

TEST_F(DeviceTlb, AResetForgetsWhatWasPending) {
    put_forget();
    submit();
    unit.reset();
    answer(0);
    unit.timer_expired();
    unit.timer_expired();
    EXPECT_EQ(read32(0x34), 0u);
}

TEST_F(DeviceTlb, SwitchingTheQueueOffAndOnGoesOn) {
    put_forget();
    put_wait(1);
    submit();
    write32(0x18, 0x80000000);
    tail = 0;
    write64(0x88, 0);
    write32(0x18, 0x84000000);
    put_wait(2);
    submit();
    EXPECT_EQ(waited(), 0u) << "the invalidation is still pending";
    answer(0);
    EXPECT_EQ(waited(), 2u);
}

TEST(DeviceTlbDescriptors, AreBadTypesWhereTheyAreNotOffered) {
    for (const std::uint64_t low : {0x3ull, 0x8ull, 0x9ull}) {
        test::Machine machine({.scalable = true});
        machine.ram.set(0x20000, low);
        machine.write64(0x90, 0x20800);
        machine.write32(0x18, 0x04000000);
        machine.write64(0x20, 0x10400);
        machine.write32(0x18, 0x44000000);
        machine.write64(0x88, 0x20);
        EXPECT_EQ(machine.read64(0xb0), 3u) << low;
    }
}

}  // namespace
}  // namespace remap::iommu
