// SPDX-License-Identifier: MIT
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::Machine;

class Queue : public testing::Test {
protected:
    static constexpr std::uint64_t base = 0x20000;
    static constexpr std::uint64_t wait_write = 0x1234567800000025;
    static constexpr std::uint64_t status = 0x30000;

    Queue() {
        machine.start();
        machine.write64(0x90, base);
        machine.write32(0x18, 0x84000000);
    }

    void put(std::uint64_t low, std::uint64_t high) {
        machine.ram.set(base + tail, low);
        machine.ram.set(base + tail + 8, high);
        tail = (tail + 16) % 4096;
    }
    void submit() { machine.write64(0x88, tail); }
    bool waited() { return (machine.ram.get(status) & 0xffffffff) == 0x12345678; }
    std::uint64_t error() { return machine.read32(0x34) & 0x10 ? machine.read64(0xb0) : 0; }

    Machine machine;
    std::uint64_t tail = 0;
};

TEST_F(Queue, WrapsAround) {
    for (int i = 0; i < 1000; ++i) {
        put(0x11, 0);
        put(0x12, 0);
        put(wait_write, status);
        submit();
        ASSERT_EQ(machine.read64(0x80), tail);
        ASSERT_TRUE(waited());
        machine.ram.set(status, 0);
    }
}

TEST_F(Queue, ABadDescriptorStopsTheHeadUntilTheErrorIsCleared) {
    put(0x11, 0);
    put(0x0f, 0);  // no such type
    put(wait_write, status);
    submit();
    EXPECT_EQ(error(), 3u);
    EXPECT_EQ(machine.read64(0x80), 0x10u);
    EXPECT_FALSE(waited());
    machine.write64(0x88, tail);
    EXPECT_FALSE(waited()) << "a tail write does not help while IQE is set";
    machine.ram.set(base + 0x10, wait_write);
    machine.ram.set(base + 0x18, status + 8);
    machine.write32(0x34, 0x10);
    EXPECT_TRUE(waited()) << "and the unit goes on by itself";
    EXPECT_EQ(machine.read32(0x34), 0u);
    EXPECT_EQ(machine.read64(0xb0), 0u);
}

TEST_F(Queue, AnErrorThatWasNotMendedComesBack) {
    put(0x0f, 0);
    submit();
    machine.write32(0x34, 0x10);
    EXPECT_EQ(error(), 3u);
}

TEST_F(Queue, WhatIsInvalid) {
    struct Case {
        std::uint64_t low, high, info;
        const char* why;
    };
    const Case cases[] = {
        {0x00, 0, 3, "type 0"},
        {0x03, 0, 3, "device TLB without ECAP.DT"},
        {0x04, 0, 3, "interrupt entry cache without ECAP.IR"},
        {0x211, 0, 3, "type bits 11:9"},
        {0x01, 0, 4, "context granularity 0"},
        {0x51, 0, 4, "context reserved bit 6"},
        {0x11, 1, 4, "context high word"},
        {0x8000000000000011, 0, 4, "context reserved bit 63"},
        {0x02, 0, 4, "IOTLB granularity 0"},
        {0x112, 0, 4, "IOTLB reserved bit 8"},
        {0x0000000100000012, 0, 4, "IOTLB reserved bit 32"},
        {0x12, 0x80, 4, "IOTLB reserved bit 71"},
        {0x32, 19, 4, "address mask beyond MAMV"},
        {0xa5, 0, 4, "wait: page request drain"},
        {0x1025, 0, 4, "wait reserved bit 12"},
        {0x25, 0x30001, 4, "wait: status address not aligned"},
    };
    for (const Case& one : cases) {
        put(one.low, one.high);
        submit();
        EXPECT_EQ(error(), one.info) << one.why;
        EXPECT_EQ(machine.read64(0x80), (tail - 16) % 4096) << one.why;
        machine.ram.set(base + tail - 16, 0x12);
        machine.ram.set(base + tail - 8, 0);
        machine.write32(0x34, 0x10);
        EXPECT_EQ(machine.read64(0x80), tail) << one.why;
    }
}

TEST_F(Queue, TheTailMustBeInside) {
    machine.write64(0x88, 0x1000);
    EXPECT_EQ(error(), 1u);
    EXPECT_EQ(machine.read64(0x80), 0u);
}

TEST_F(Queue, AQueueThatIsNotMemoryIsAnError) {
    machine.write32(0x18, 0x80000000);
    machine.write64(0x90, 0x3f0000000000);
    machine.write32(0x18, 0x84000000);
    machine.write64(0x88, 0x10);
    EXPECT_EQ(error(), 2u);
}

TEST_F(Queue, WideDescriptorsNeedScalableMode) {
    machine.write32(0x18, 0x80000000);
    machine.write64(0x90, base | 0x800);
    machine.write32(0x18, 0x84000000);
    machine.write64(0x88, 0x20);
    EXPECT_EQ(error(), 5u);
}

TEST_F(Queue, TheAddressIsFixedWhileTheQueueIsOn) {
    machine.write64(0x90, 0x40000);
    EXPECT_EQ(machine.read64(0x90), base);
    put(0x12, 0);
    submit();
    machine.write32(0x18, 0x80000000);
    EXPECT_EQ(machine.read64(0x80), 0u) << "the head goes back to 0";
    machine.write64(0x90, 0x40007);
    EXPECT_EQ(machine.read64(0x90), 0x40007u);
}

TEST_F(Queue, MayBeSwitchedOnAndOffWithoutADescriptor) {
    machine.write32(0x18, 0x80000000);
    EXPECT_EQ(machine.read32(0x1c), 0xc0000000u);
    machine.write64(0x90, 0);
    machine.write32(0x18, 0x84000000);
    EXPECT_EQ(machine.read32(0x1c), 0xc4000000u);
    EXPECT_EQ(machine.read32(0x34), 0u);
}

TEST_F(Queue, ATailThatIsAheadWhenTheQueueStarts) {
    machine.write32(0x18, 0x80000000);
    put(wait_write, status);
    submit();
    EXPECT_FALSE(waited());
    machine.write32(0x18, 0x84000000);
    EXPECT_TRUE(waited());
}

TEST_F(Queue, AStatusWriteThatMissesMemoryIsAnError) {
    put(wait_write, 0x3f0000000000);
    submit();
    EXPECT_NE(machine.read32(0x34) & 0x10, 0u);
    EXPECT_EQ(machine.read64(0x80), 0u);
}

TEST_F(Queue, ErrorsRaiseTheFaultEvent) {
    machine.write32(0x3c, 0x77);
    machine.write32(0x38, 0);
    put(0, 0);
    submit();
    ASSERT_EQ(machine.interrupts.sent.size(), 1u);
    EXPECT_EQ(machine.interrupts.sent[0].data, 0x77u);
}

TEST_F(Queue, CompletionInterrupt) {
    machine.write32(0xa4, 0x31);
    machine.write32(0xa8, 0xfee01000);
    machine.write32(0xa0, 0);
    put(0x15, 0);
    put(0x15, 0);
    submit();
    ASSERT_EQ(machine.interrupts.sent.size(), 1u) << "IWC was set already";
    EXPECT_EQ(machine.interrupts.sent[0].source, InterruptSource::InvalidationCompletion);
    EXPECT_EQ(machine.interrupts.sent[0].address, 0xfee01000u);
    EXPECT_EQ(machine.interrupts.sent[0].data, 0x31u);
    EXPECT_EQ(machine.read32(0x9c), 1u);
    machine.write32(0x9c, 1);
    EXPECT_EQ(machine.read32(0x9c), 0u);
    put(0x15, 0);
    submit();
    EXPECT_EQ(machine.interrupts.sent.size(), 2u);
}

TEST_F(Queue, AMaskedCompletionIsHeldPending) {
    put(0x15, 0);
    submit();
    EXPECT_EQ(machine.read32(0xa0), 0xc0000000u);
    machine.write32(0x9c, 1);
    EXPECT_EQ(machine.read32(0xa0), 0x80000000u) << "serviced";
    put(0x15, 0);
    submit();
    machine.write32(0xa0, 0);
    EXPECT_EQ(machine.interrupts.sent.size(), 1u);
}

TEST(Commands, TranslationNeedsARootPointer) {
    Machine machine;
    machine.write32(0x18, 0x80000000);
    EXPECT_EQ(machine.read32(0x1c), 0u);
    machine.write32(0x18, 0x3f800000);
    EXPECT_EQ(machine.read32(0x1c), 0x04000000u) << "only what the unit has; root pointer not among these bits";
}

}  // namespace
}  // namespace remap::iommu
