// SPDX-License-Identifier: MIT
// Errors of the invalidation queue: what IQERCD_REG.IQEI says, and where the head stays (VT-d sections 6.5.2.11 and
// 11.4.9.9).
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>

namespace remap::test {
namespace {

constexpr std::uint64_t hole = 0x3f0000000000;
using Words = std::array<std::uint64_t, 4>;

// A unit that has scalable mode, with TTM and IQA_REG as given and one descriptor in its queue's second place.
struct Row {
    const char* name;
    std::uint64_t mode;     // RTADDR_REG
    std::uint64_t address;  // IQA_REG
    std::uint64_t tail;     // IQT_REG
    Words descriptor;
    std::uint64_t error;    // IQEI; 0: none
    std::uint64_t head;     // IQH_REG afterwards

    friend void PrintTo(const Row& row, std::ostream* to) { *to << row.name; }
};

class QueueError : public testing::TestWithParam<Row> {};

TEST_P(QueueError, IsToldOfWithTheHeadAtTheDescriptor) {
    const Row& row = GetParam();
    Machine machine({.scalable = true});
    machine.set_root(row.mode);
    machine.write64(0x90, row.address);
    const std::uint64_t size = row.address & 0x800 ? 0x20 : 0x10;
    machine.ram.set(0x60000, 0x11);
    for (unsigned i = 0; i < size / 8; ++i) machine.ram.set(0x60000 + size + 8 * i, row.descriptor[i]);
    machine.write32(0x18, 0x04000000);
    EXPECT_EQ(machine.read32(0x34), 0u) << "an empty queue has no error";
    machine.write64(0x88, row.tail);
    EXPECT_EQ(machine.read32(0x34), row.error != 0 ? 0x10u : 0u);
    EXPECT_EQ(machine.read64(0xb0), row.error);
    EXPECT_EQ(machine.read64(0x80), row.head);
}

constexpr std::uint64_t legacy = 0x10000, scalable = 0x10400;
constexpr std::uint64_t narrow = 0x60000, wide = 0x60800;

Row one(const char* name, const Words& descriptor, std::uint64_t error) {
    return {name, scalable, wide, 0x40, descriptor, error, error != 0 ? 0x20u : 0x40u};
}
Row in_legacy(const char* name, const Words& descriptor, std::uint64_t error) {
    return {name, legacy, narrow, 0x20, descriptor, error, error != 0 ? 0x10u : 0x20u};
}

const Row rows[] = {
    // 1: the tail
    {"BadTail", scalable, wide, 0x1000, {}, 1, 0},
    {"BadTail_Largest", scalable, wide, 0x7ffe0, {}, 1, 0},
    {"BadTail_Narrow", legacy, narrow, 0x1000, {}, 1, 0},
    {"GoodTail_OfALargerQueue", scalable, wide | 1, 0x40, {0x12}, 0, 0x40},
    // 2: memory
    {"Unreadable", scalable, hole | 0x800, 0x20, {}, 2, 0},
    {"Unreadable_Narrow", legacy, hole, 0x10, {}, 2, 0},
    // 3: the type
    one("BadType_0", {0x0}, 3),
    one("BadType_10", {0xa}, 3),
    one("BadType_15", {0xf}, 3),
    one("BadType_UpperBits", {0x211}, 3),
    one("BadType_UpperBitsOfAWait", {0x825, hole}, 3),
    one("BadType_DeviceTlbWithoutDT", {0x3}, 3),
    one("BadType_InterruptEntryWithoutIR", {0x4}, 3),
    one("BadType_PasidDeviceTlbWithoutDT", {0x8}, 3),
    one("BadType_PageResponseWithoutPRS", {0x9}, 3),
    in_legacy("BadType_PasidIotlbInLegacyMode", {0x26}, 3),
    in_legacy("BadType_PasidCacheInLegacyMode", {0x37}, 3),
    {"BadType_PasidCacheInLegacyModeWide", legacy, wide, 0x40, {0x37}, 3, 0x20},
    // 4: reserved fields and values
    one("Reserved_ContextGranularity0", {0x01}, 4),
    one("Reserved_IotlbGranularity0", {0x02}, 4),
    one("Reserved_PasidCacheGranularity2", {0x27}, 4),
    one("Reserved_PasidIotlbGranularity0", {0x06}, 4),
    one("Reserved_PasidIotlbGranularity1", {0x16}, 4),
    one("Reserved_IotlbMaskBeyondMamv", {0x32, 19}, 4),
    one("Reserved_WaitPageDrainWithoutPDS", {0xa5, 0x6f000}, 4),
    one("Reserved_WaitStatusAddress", {0x25, 0x6f002}, 4),
    one("Good_IotlbMaskOfADomainIsIgnored", {0x22, 0x3f}, 0),
    one("Good_IotlbMaskMamv", {0x32, 18}, 0),
    one("Good_PasidIotlbHasNoMamv", {0x36, 0x3f}, 0),
    // 5: the width
    {"BadWidth_NarrowInScalableMode", scalable, narrow, 0x10, {}, 5, 0},
    {"GoodWidth_WideInLegacyMode", legacy, wide, 0x40, {0x12}, 0, 0x40},
    // 6: the tail's alignment
    {"UnalignedTail", scalable, wide, 0x30, {}, 6, 0},
    {"GoodTail_Narrow", legacy, narrow, 0x20, {0x12}, 0, 0x20},
    // 7: the mode
    {"BadMode_Reserved", 0x10800, wide, 0x20, {}, 7, 0},
    {"BadMode_AbortNotOffered", 0x10c00, wide, 0x20, {}, 7, 0},
};

INSTANTIATE_TEST_SUITE_P(Section11_4_9_9, QueueError, testing::ValuesIn(rows),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(QueueErrorOfALegacyUnit, WideDescriptors) {
    Machine machine;
    machine.write64(0x90, 0x60800);
    machine.write32(0x18, 0x04000000);
    machine.write64(0x88, 0x20);
    EXPECT_EQ(machine.read64(0xb0), 5u);
}

// Every bit that no field has, of every descriptor.
TEST(DescriptorReserved, EachBit) {
    struct Case {
        std::uint64_t good, good_high;
        Words reserved;
    };
    constexpr std::uint64_t all = ~0ull;
    const Case cases[] = {
        {0x11, 0, {0xfffc00000000f1c0, all, all, all}},         // context cache
        {0x12, 0, {0xffffffff0000f100, 0xf80, all, all}},       // IOTLB
        {0x37, 0, {0xfff000000000f1c0, all, all, all}},         // PASID cache
        {0x26, 0, {0xfff000000000f1c0, 0xf80, all, all}},       // PASID-based IOTLB
        {0x25, 0x6f000, {0x00000000fffff180, 0x3, all, all}},  // wait
    };
    for (const Case& one : cases) {
        ScalableMachine machine;
        for (unsigned bit = 0; bit < 256; ++bit) {
            Words words{one.good, one.good_high, 0, 0};
            words[bit / 64] ^= 1ull << bit % 64;
            if ((one.reserved[bit / 64] >> bit % 64 & 1) == 0) {
                if (bit < 12) continue;  // the type, the granularity and flags
                if (one.good == 0x25 && bit >= 64) continue;
                machine.put(words[0], words[1], words[2], words[3]);
                machine.write64(0x88, machine.tail);
                EXPECT_EQ(machine.read32(0x34), 0u) << std::hex << one.good << " bit " << std::dec << bit;
                continue;
            }
            machine.put(words[0], words[1], words[2], words[3]);
            machine.write64(0x88, machine.tail);
            // Bits 11:9 are of the type.
            const std::uint64_t error = bit >= 9 && bit <= 11 ? 3 : 4;
            EXPECT_EQ(machine.read64(0xb0), error) << std::hex << one.good << " bit " << std::dec << bit;
            EXPECT_EQ(machine.read64(0x80), (machine.tail - 0x20) & 0xfff);
            const std::uint64_t bad = ScalableMachine::queue + ((machine.tail - 0x20) & 0xfff);
            for (unsigned i = 0; i < 4; ++i) machine.ram.set(bad + 8 * i, i == 0 ? 0x12 : 0);
            machine.write32(0x34, 0x10);
            EXPECT_EQ(machine.read64(0x80), machine.tail);
        }
    }
}

// The whole way round, with queues of every size and both widths.
TEST(QueueSizes, AllOfThemWrap) {
    for (const bool is_wide : {false, true}) {
        for (std::uint64_t size = 0; size < 8; ++size) {
            Machine machine({.scalable = true});
            const std::uint64_t bytes = 0x1000ull << size, step = is_wide ? 0x20 : 0x10;
            for (std::uint64_t at = 0; at < bytes; at += step) machine.ram.set(0x400000 + at, 0x12);
            machine.write64(0x90, 0x400000 | (is_wide ? 0x800 : 0) | size);
            machine.write32(0x18, 0x04000000);
            machine.write64(0x88, bytes - step);
            EXPECT_EQ(machine.read64(0x80), bytes - step);
            machine.ram.set(0x400000 + bytes - step, 0xcafe00000025);
            machine.ram.set(0x400008 + bytes - step, 0x6f000);
            machine.write64(0x88, 0x0);
            EXPECT_EQ(machine.read64(0x80), 0u);
            EXPECT_EQ(machine.ram.get(0x6f000), 0xcafeu);
            machine.write64(0x88, bytes);
            EXPECT_EQ(machine.read64(0xb0), size == 7 ? 0u : 1u) << "no tail says so much where the queue is largest";
        }
    }
}

}  // namespace
}  // namespace remap::test
