// SPDX-License-Identifier: MIT
// Interrupts that go by an entry which is not in memory any more, and the stale-use detector that tells of them.
#include "iommu/engine/stale_report.h"
#include "iommu/tests/interrupt_bench.h"

#include <gtest/gtest.h>

#include <string>

namespace remap::iommu {
namespace {

using test::entry_high;
using test::entry_low;
using test::entry_message;
using test::gpu;
using test::InterruptBench;
using test::request;

constexpr std::uint64_t changed_low = 0x0000'0600'0031'0001;  // APIC 6 instead of 5
constexpr InterruptMessage changed_message{0xfee0'6000, 0x4031};

class StaleInterrupts : public testing::Test {
protected:
    StaleInterrupts() : bench({.detect_stale_uses = true, .stale_grace = 20}) { bench.start_queue(); }

    InterruptMessage now(unsigned index) { return bench.send(request(index)).message; }
    void let_time_pass() {
        for (int i = 0; i < 40; ++i) bench.unit.statistics();  // each is a tick of the unit's own clock
    }

    InterruptBench bench;
};

TEST_F(StaleInterrupts, AForgottenInvalidationIsFoundOut) {
    now(5);
    bench.set(5, changed_low, entry_high);
    EXPECT_EQ(now(5), entry_message);
    EXPECT_EQ(bench.unit.statistics().stale_uses, 0u) << "it may come yet";
    let_time_pass();
    EXPECT_EQ(bench.unit.statistics().stale_uses, 1u);
    now(5);
    EXPECT_EQ(bench.unit.statistics().stale_uses, 2u);
    const auto report = bench.unit.stale_uses();
    ASSERT_EQ(report.size(), 1u);
    EXPECT_EQ(report[0].interrupt, 5u);
    EXPECT_EQ(report[0].request.source.value, gpu);
    EXPECT_EQ(report[0].served.address.value, 0xfee05000u);
    EXPECT_EQ(report[0].memory.address.value, 0xfee06000u);
    EXPECT_EQ(report[0].memory.data, 0x4031u);
    EXPECT_EQ(report[0].entry_at.value, 0x40050u);
    EXPECT_EQ(report[0].entry, changed_low);
    const std::string text = text_of(report[0]);
    EXPECT_NE(text.find("device 00:03.0, interrupt 5: served message 0xfee05000 0x4031"), std::string::npos) << text;
    EXPECT_NE(text.find("memory says message 0xfee06000 0x4031, by the entry at 0x40050"), std::string::npos) << text;
}

TEST_F(StaleInterrupts, ALateInvalidationIsNoMistake) {
    now(5);
    bench.set(5, changed_low, entry_high);
    now(5);
    bench.forget(5);
    let_time_pass();
    EXPECT_EQ(now(5), changed_message);
    EXPECT_EQ(bench.unit.statistics().stale_uses, 0u);
    EXPECT_EQ(bench.unit.statistics().late_invalidations, 1u);
}

TEST_F(StaleInterrupts, AnEntryThatWasTakenAwayOrTurnedWrong) {
    now(5);
    bench.set(5, 0, 0);
    EXPECT_EQ(now(5), entry_message);
    bench.set(6, entry_low, entry_high);
    now(6);
    bench.set(6, entry_low, 0x4'0019);
    EXPECT_EQ(now(6), entry_message);
    let_time_pass();
    EXPECT_EQ(bench.unit.statistics().stale_uses, 2u);
    const auto report = bench.unit.stale_uses();
    ASSERT_EQ(report.size(), 2u);
    EXPECT_EQ(report[0].memory.fault_reason, 0x22u);
    EXPECT_EQ(report[1].memory.fault_reason, 0x26u);
}

TEST_F(StaleInterrupts, ANewTableWithoutAnInvalidation) {
    now(5);
    bench.set_table(0x50007);
    now(5);
    let_time_pass();
    EXPECT_EQ(bench.unit.statistics().stale_uses, 1u);
}

TEST_F(StaleInterrupts, AnInvalidationOfOthersIsNone) {
    now(5);
    bench.set(5, changed_low, entry_high);
    bench.forget(4);     // the wrong index
    bench.forget(6, 1);  // 6 and 7: a mask that is too small
    now(5);
    let_time_pass();
    EXPECT_EQ(bench.unit.statistics().stale_uses, 1u);
    bench.forget(6, 2);  // 4 to 7
    EXPECT_EQ(now(5), changed_message);
}

TEST_F(StaleInterrupts, WhatMakesNoDifferenceIsNone) {
    now(5);
    bench.set(5, entry_low | 0xf02, 0x5'0018);  // AVAIL, FPD, and another qualifier
    now(5);
    bench.set(9, entry_low, entry_high);  // was not there
    now(9);
    let_time_pass();
    EXPECT_EQ(bench.unit.statistics().stale_uses, 0u);
    EXPECT_EQ(bench.unit.statistics().late_invalidations, 0u);
}

}  // namespace
}  // namespace remap::iommu
