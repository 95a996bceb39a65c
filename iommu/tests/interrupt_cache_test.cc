// SPDX-License-Identifier: MIT
// The interrupt entry cache (VT-d section 6.4): what it keeps, and that only iec_inv_dsc (6.5.2.7) empties it.
#include "iommu/tests/interrupt_bench.h"

#include <gtest/gtest.h>

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

class InterruptCache : public testing::Test {
protected:
    explicit InterruptCache(const Options& options = {}) : bench(options) { bench.start_queue(); }

    // Entries from `first` on are cached, and have changed since.
    void cache_and_change(unsigned first, unsigned count = 1) {
        for (unsigned i = first; i < first + count; ++i) {
            bench.set(i, entry_low, entry_high);
            EXPECT_EQ(now(i), entry_message);
            bench.set(i, changed_low, entry_high);
            EXPECT_EQ(now(i), entry_message) << "cached";
        }
    }
    InterruptMessage now(unsigned index) { return bench.send(request(index)).message; }
    bool forgot(unsigned index) { return now(index) == changed_message; }

    InterruptBench bench;
};

TEST_F(InterruptCache, AGlobalInvalidationForgetsAll) {
    cache_and_change(5, 3);
    bench.forget_all();
    for (unsigned i = 5; i < 8; ++i) EXPECT_TRUE(forgot(i));
}

TEST_F(InterruptCache, ASelectiveOneForgetsOneEntry) {
    cache_and_change(5, 3);
    bench.forget(6);
    EXPECT_FALSE(forgot(5));
    EXPECT_TRUE(forgot(6));
    EXPECT_FALSE(forgot(7));
}

TEST_F(InterruptCache, TheIndexMaskLeavesLowBitsOut) {
    for (unsigned mask = 0; mask < 6; ++mask) {
        cache_and_change(64, 64);
        bench.forget(80 & ~((1u << mask) - 1), mask);
        const unsigned first = 80 >> mask << mask;
        for (unsigned i = 64; i < 128; ++i)
            EXPECT_EQ(forgot(i), i >= first && i < first + (1u << mask)) << mask << ' ' << i;
        bench.forget_all();
    }
}

TEST_F(InterruptCache, TheLargestMaskForgetsHalfOfTheLargestTable) {
    bench.set_table(InterruptBench::table | 0xf);
    cache_and_change(5);
    cache_and_change(0x8005);
    bench.forget(0x8000, 15);
    EXPECT_FALSE(forgot(5));
    EXPECT_TRUE(forgot(0x8005));
}

TEST_F(InterruptCache, NothingElseForgets) {
    cache_and_change(5);
    bench.set_table(InterruptBench::table | 7);
    EXPECT_FALSE(forgot(5)) << "SIRTP, and CAP.ESIRTPS is 0";
    bench.switch_off();
    bench.switch_on();
    EXPECT_FALSE(forgot(5)) << "IRE";
    bench.run(0x11);
    bench.run(0x12);
    EXPECT_FALSE(forgot(5)) << "contexts and translations are something else";
    bench.write32(0x18, 0x02000000);
    bench.start_queue();
    EXPECT_FALSE(forgot(5)) << "the queue, off and on";
    bench.forget_all();
    EXPECT_TRUE(forgot(5));
}

TEST_F(InterruptCache, ANewTableIsNotSeenBeforeTheInvalidation) {
    EXPECT_EQ(now(5), entry_message);
    bench.ram.set(0x50050, changed_low);
    bench.ram.set(0x50058, entry_high);
    bench.set_table(0x50007);
    EXPECT_FALSE(forgot(5));
    bench.forget_all();
    EXPECT_TRUE(forgot(5));
}

TEST_F(InterruptCache, ASmallerTableCountsAtOnce) {
    EXPECT_EQ(now(5), entry_message);
    bench.set_table(InterruptBench::table | 1);
    EXPECT_EQ(bench.reason(request(5)), 0x21u);
}

TEST_F(InterruptCache, WhatIsNotPresentOrWrongIsNotKept) {
    for (const std::uint64_t low : {std::uint64_t{0}, entry_low | 1 << 12}) {
        bench.set(9, low, entry_high);
        EXPECT_NE(bench.reason(request(9)), 0u);
        bench.set(9, entry_low, entry_high);
        EXPECT_EQ(now(9), entry_message) << "without an invalidation";
        bench.forget_all();
    }
}

TEST_F(InterruptCache, AnEntryThatRefusesOneSourceIsKeptForOthers) {
    EXPECT_EQ(bench.reason(request(5), 0, gpu + 8), 0x26u);
    bench.set(5, changed_low, entry_high);
    EXPECT_FALSE(forgot(5));
    EXPECT_EQ(bench.reason(request(5), 0, gpu + 8), 0x26u) << "cached, it refuses as before, and the fault is recorded";
    EXPECT_EQ(bench.read64(0x228), 0x8000'0026'0000'0020u);
}

TEST_F(InterruptCache, AnEntryIsFetchedOnce) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(now(5), entry_message);
    EXPECT_EQ(bench.unit.statistics().interrupts, 10u);
    EXPECT_EQ(bench.unit.statistics().interrupt_fetches, 1u);
    bench.forget_all();
    now(5);
    EXPECT_EQ(bench.unit.statistics().interrupt_fetches, 2u);
}

class SmallInterruptCache : public InterruptCache {
protected:
    SmallInterruptCache() : InterruptCache({.caches = {.interrupts = {4, 1}}}) {}
};

TEST_F(SmallInterruptCache, AnEntryMakesRoomForAnother) {
    cache_and_change(5);
    cache_and_change(6);
    EXPECT_FALSE(forgot(5));
    EXPECT_FALSE(forgot(6));
    cache_and_change(9);  // the set of 5
    EXPECT_TRUE(forgot(5));
}

TEST_F(SmallInterruptCache, AMaskThatIsLargerThanTheCache) {
    cache_and_change(5);
    cache_and_change(6);
    bench.forget(128, 7);
    EXPECT_FALSE(forgot(5));
    bench.forget(0, 7);
    EXPECT_TRUE(forgot(5));
    EXPECT_TRUE(forgot(6));
}

class InterruptCachingMode : public InterruptCache {
protected:
    InterruptCachingMode() : InterruptCache({.caching_mode = true}) {}
};

TEST_F(InterruptCachingMode, WhatIsNotPresentIsKeptToo) {
    EXPECT_EQ(bench.reason(request(9)), 0x22u);
    bench.set(9, entry_low, entry_high);
    EXPECT_EQ(bench.reason(request(9)), 0x22u) << "section 6.1: software has to invalidate";
    bench.forget(9);
    EXPECT_EQ(now(9), entry_message);
    bench.set(10, entry_low | 1 << 12 | 2, entry_high);
    EXPECT_EQ(bench.reason(request(10)), 0x24u);
    bench.set(10, entry_low, entry_high);
    EXPECT_EQ(bench.reason(request(10)), 0x24u);
    EXPECT_EQ(bench.read64(0x238), 0u) << "one fault is recorded: that of index 9, collapsed; FPD keeps the other out";
}

// Section 6.5.2.7.
TEST_F(InterruptCache, DescriptorsThatAreWrong) {
    struct Case {
        std::uint64_t low, high;
        const char* what;
    };
    const Case cases[] = {
        {0x24, 0, "bit 5"},
        {0x104, 0, "bit 8"},
        {0x1004, 0, "bit 12"},
        {0x0400'0004, 0, "bit 26"},
        {0x0001'0000'0000'0004, 0, "bit 48"},
        {0x8000'0000'0000'0004, 0, "bit 63"},
        {0x4, 1, "bit 64"},
        {0x14 | 16ull << 27, 0, "an index mask beyond MHMV"},
        {0x14 | 31ull << 27, 0, "the largest index mask"},
    };
    for (const Case& one : cases) {
        bench.put(one.low, one.high);
        bench.submit();
        EXPECT_EQ(bench.read32(0x34) & 0x10, 0x10u) << one.what;
        EXPECT_EQ(bench.read64(0xb0) & 0xf, 4u) << one.what;
        bench.ram.set(InterruptBench::queue + bench.tail - 16, 0x4);
        bench.ram.set(InterruptBench::queue + bench.tail - 8, 0);
        bench.write32(0x34, 0x10);
    }
    bench.run(0x14 | 15ull << 27);
}

}  // namespace
}  // namespace remap::iommu
