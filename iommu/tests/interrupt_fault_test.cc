// SPDX-License-Identifier: MIT
// Each reason for which an interrupt is refused (VT-d section 5.1.4, table of interrupt remapping fault conditions), in
// the order of the table, and how it is recorded (7.2.1 and 11.4.7.6).
#include "iommu/tests/interrupt_bench.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::entry_high;
using test::entry_low;
using test::gpu;
using test::InterruptBench;
using test::request;

class InterruptFaults : public testing::Test {
protected:
    // The next of the eight fault records; 0 when there is none.
    struct Record {
        std::uint64_t low, high;
    };
    Record take(InterruptBench& from) {
        const Record taken{from.read64(0x220 + 16 * next), from.read64(0x228 + 16 * next)};
        if (taken.high >> 63 == 0) return {0, 0};
        from.write32(0x22c + 16 * next, 0x80000000);
        next = (next + 1) % 8;
        return taken;
    }
    // Refused for this reason, and recorded with it, the index and the source; or, with FPD, not at all.
    void expect_fault(InterruptBench& unit, std::uint64_t address, std::uint32_t data, std::uint64_t why,
                      std::uint64_t index, bool recorded = true) {
        const InterruptOutcome outcome = unit.send(address, data);
        EXPECT_FALSE(outcome.allowed);
        EXPECT_EQ(outcome.fault_reason, why);
        const Record record = take(unit);
        EXPECT_EQ(record.low, recorded ? index << 48 : 0);
        EXPECT_EQ(record.high, recorded ? 0x8000'0000'0000'0018 | why << 32 : 0);
    }
    void expect_fault(std::uint64_t address, std::uint64_t why, std::uint64_t index, bool recorded = true) {
        expect_fault(bench, address, 0, why, index, recorded);
    }
    void expect_passes(std::uint64_t address, std::uint32_t data = 0) {
        EXPECT_TRUE(bench.send(address, data).allowed);
    }

    InterruptBench bench;
    unsigned next = 0;
};

TEST_F(InterruptFaults, Reason20AReservedFieldOfTheRequest) {
    expect_passes(request(5) | 8, 0);
    for (unsigned bit = 16; bit < 32; ++bit) expect_fault(bench, request(5) | 8, 1u << bit, 0x20, 5);
    expect_passes(request(5), 0xffff0000);  // without SHV the data counts for nothing
    expect_fault(bench, request(300) | 8, 0x10000, 0x20, 300);
}

TEST_F(InterruptFaults, Reason20IsToldWhateverTheEntrySays) {
    bench.set(5, 0x2, 0);
    expect_fault(bench, request(5) | 8, 0x80000000, 0x20, 5);
}

TEST_F(InterruptFaults, Reason21AnIndexBeyondTheTable) {
    bench.set(255, entry_low, entry_high);
    expect_passes(request(255));
    expect_fault(request(256), 0x21, 256);
    expect_fault(request(0xffff), 0x21, 0xffff);
    expect_passes(request(254) | 8, 1);
    expect_fault(bench, request(255) | 8, 1, 0x21, 256);
    expect_fault(bench, request(0xffff) | 8, 0xffff, 0x21, 0xfffe);  // of 17 bits, the record has 16
}

TEST_F(InterruptFaults, Reason21BeginsWhereTheSizeSays) {
    for (unsigned size = 0; size < 16; ++size) {
        bench.set_table(InterruptBench::table | size);
        const std::uint64_t entries = std::uint64_t{2} << size;
        EXPECT_NE(bench.reason(request(entries - 1)), 0x21u) << size;
        if (size < 15) {
            EXPECT_EQ(bench.reason(request(entries)), 0x21u) << size;
        }
    }
}

TEST_F(InterruptFaults, Reason21AnEntryBeyondTheHostWidth) {
    InterruptBench narrow({.host_address_width = 32});
    narrow.set_table(0xffff'f00f);
    expect_fault(narrow, request(255), 0, 0x23, 255);
    expect_fault(narrow, request(256), 0, 0x21, 256);
}

TEST_F(InterruptFaults, Reason22AnEntryThatIsNotPresent) {
    expect_fault(request(4), 0x22, 4);
    bench.set(4, ~std::uint64_t{3}, ~std::uint64_t{0});
    expect_fault(request(4), 0x22, 4);
    bench.set(4, 0x2, 0);
    expect_fault(request(4), 0x22, 4, false);  // FPD counts, present or not
}

TEST_F(InterruptFaults, Reason23AnEntryThatCannotBeRead) {
    bench.set_table(0x3f00'0000'0007);
    expect_fault(request(5), 0x23, 5);
}

TEST_F(InterruptFaults, Reason24AReservedFieldOfTheEntry) {
    // 14:12, IM (there are no posted interrupts), 31:24, and of the destination all but an APIC id's 8 bits
    constexpr std::uint64_t low_reserved = 0xffff'00ff'ff00'f000;
    constexpr std::uint64_t high_reserved = 0xffff'ffff'fff0'0000;
    for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t one = std::uint64_t{1} << bit;
        bench.set(4, entry_low | one, entry_high);
        if ((low_reserved & one) != 0) expect_fault(request(4), 0x24, 4);
        bench.set(4, entry_low, entry_high | one);
        if ((high_reserved & one) != 0) expect_fault(request(4), 0x24, 4);
    }
    bench.set(4, entry_low | 1 << 15 | 2, entry_high);
    expect_fault(request(4), 0x24, 4, false);
}

TEST_F(InterruptFaults, WhatIsNotReservedIsNoFault) {
    constexpr std::uint64_t low_used = 0x0000'ff00'00ff'0fff;
    for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t one = std::uint64_t{1} << bit;
        bench.set(4 + bit, entry_low | (low_used & one), 0);
        expect_passes(request(4 + bit));
    }
}

TEST_F(InterruptFaults, Reason24InExtendedModeTheWholeDestinationCounts) {
    InterruptBench wide({.extended_interrupts = true});
    wide.set_table(InterruptBench::table | 0x807);
    for (unsigned bit = 0; bit < 64; ++bit) {
        wide.set(4 + bit, entry_low | std::uint64_t{1} << bit, entry_high);
        const bool reserved = (0xff00'f000ull >> bit & 1) != 0;
        EXPECT_EQ(wide.reason(request(4 + bit)), reserved ? 0x24u : 0u) << bit;
    }
}

TEST_F(InterruptFaults, Reason25CompatibilityFormatWhereItIsBlocked) {
    expect_fault(0xfee0'5000, 0x25, 0);
    bench.let_compatibility_pass(true);
    const InterruptOutcome outcome = bench.send(0xfee0'500c, 0xc131);
    EXPECT_TRUE(outcome.allowed);
    EXPECT_EQ(outcome.message, (InterruptMessage{0xfee0'500c, 0xc131})) << "as it came";
    bench.let_compatibility_pass(false);
    expect_fault(0xfee0'5000, 0x25, 0);
}

TEST_F(InterruptFaults, Reason25InExtendedModeCompatibilityFormatNeverPasses) {
    InterruptBench wide({.extended_interrupts = true});
    wide.let_compatibility_pass(true);
    EXPECT_TRUE(wide.send(0xfee0'5000, 0x31).allowed);
    wide.set_table(InterruptBench::table | 0x807);
    expect_fault(wide, 0xfee0'5000, 0x31, 0x25, 0);
}

TEST_F(InterruptFaults, Reason26AnotherSourceThanTheEntrys) {
    bench.set(4, entry_low, 0x4'0019);  // SVT 1, SQ 0
    expect_fault(request(4), 0x26, 4);
    bench.set(6, entry_low | 2, 0x4'0019);
    expect_fault(request(6), 0x26, 6, false);
}

TEST_F(InterruptFaults, Reason26WhatTheQualifierLeavesOut) {
    // SQ: nothing, bit 2, bits 2:1, bits 2:0
    constexpr std::uint16_t left_out[] = {0, 4, 6, 7};
    for (unsigned qualifier = 0; qualifier < 4; ++qualifier) {
        bench.set(10 + qualifier, entry_low, 0x4'0018 | qualifier << 16);
        for (unsigned bit = 0; bit < 16; ++bit) {
            const auto source = static_cast<std::uint16_t>(gpu ^ 1u << bit);
            const bool same = (1u << bit & left_out[qualifier]) != 0;
            EXPECT_EQ(bench.reason(request(10 + qualifier), 0, source), same ? 0u : 0x26u) << qualifier << ' ' << bit;
        }
    }
}

TEST_F(InterruptFaults, Reason26BusesOutsideTheRange) {
    bench.set(4, entry_low, 0x8'0305);  // SVT 2: buses 3 to 5
    EXPECT_EQ(bench.reason(request(4), 0, 0x02ff), 0x26u);
    EXPECT_EQ(bench.reason(request(4), 0, 0x0300), 0u);
    EXPECT_EQ(bench.reason(request(4), 0, 0x05ff), 0u);
    EXPECT_EQ(bench.reason(request(4), 0, 0x0600), 0x26u);
}

TEST_F(InterruptFaults, Reason26AValidationOfNoKind) {
    bench.set(4, entry_low, 0xc'0018);  // SVT 3
    expect_fault(request(4), 0x26, 4);
}

TEST_F(InterruptFaults, WhatIsFoundFirstIsTold) {
    bench.set(4, 0x0000'0000'0000'f000, 0xc'0000);
    EXPECT_EQ(bench.reason(request(4)), 0x22u) << "not present, before reserved fields";
    bench.set(4, 0x0000'0000'0000'f001, 0xc'0000);
    EXPECT_EQ(bench.reason(request(4)), 0x24u) << "before the source";
    EXPECT_EQ(bench.reason(request(256) | 8, 0x10000), 0x20u) << "before the index";
}

TEST_F(InterruptFaults, TheFaultEventIsSentAndNotRemapped) {
    bench.write32(0x3c, 0x41);
    bench.write32(0x40, 0xfee05000);
    bench.write32(0x38, 0);
    bench.send(request(4));
    ASSERT_EQ(bench.interrupts.sent.size(), 1u);
    EXPECT_EQ(bench.interrupts.sent[0].address, 0xfee05000u) << "compatibility format, and it goes through";
    EXPECT_EQ(bench.interrupts.sent[0].data, 0x41u);
}

TEST_F(InterruptFaults, ShareTheLogWithThoseOfAccesses) {
    for (unsigned i = 0; i < 8; ++i) bench.send(request(100 + i));
    EXPECT_EQ(bench.read32(0x34), 0x2u);
    bench.send(request(100));
    EXPECT_EQ(bench.read32(0x34), 0x2u) << "collapsed";
    bench.send(request(108));
    EXPECT_EQ(bench.read32(0x34), 0x3u) << "PFO";
    bench.send(request(101), 0, gpu + 1);
    EXPECT_EQ(bench.read64(0x230), 101ull << 48);
    EXPECT_EQ(bench.read64(0x238), 0x8000'0022'0000'0018u) << "nothing is recorded after an overflow";
}

}  // namespace
}  // namespace remap::iommu
