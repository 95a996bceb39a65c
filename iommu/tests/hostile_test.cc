// SPDX-License-Identifier: MIT
// Anything at all in registers and memory: the unit stays in bounds, ends, and never gives what tables did not give.
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <random>

namespace remap::iommu {
namespace {

using test::Machine;

// A word that is often nearly right.
std::uint64_t nasty_word(std::mt19937_64& random) {
    switch (random() % 6) {
        case 0: return random();
        case 1: return 0;
        case 2: return ~0ull;
        case 3: return (random() % 0x400) << 12 | (random() & 0xfff);
        case 4: return 1ull << random() % 64;
        default: return (random() % 0x400) << 12 | 3 | (random() % 2) << 7;
    }
}

TEST(Hostile, RandomRegisterWritesAndMemory) {
    std::mt19937_64 random(5);
    for (int machine_number = 0; machine_number < 20; ++machine_number) {
        Machine machine({.address_width = random() % 2 ? 39u : 48u,
                         .huge_pages = random() % 2 != 0,
                         .interrupt_remapping = random() % 4 != 0,
                         .extended_interrupts = random() % 2 != 0});
        machine.start();
        for (std::uint64_t word = 0; word < 0x400000; word += 8 * (1 + random() % 64))
            machine.ram.set(word, nasty_word(random));
        machine.write_tables();
        const std::uint64_t known[] = {0x18, 0x20, 0x28, 0x34, 0x38, 0x3c, 0x80, 0x88,
                                       0x90, 0x9c, 0xa0, 0xb8, 0xf0, 0xf8, 0x228};
        for (int step = 0; step < 4000; ++step) {
            const unsigned bytes = random() % 2 ? 4 : 8;
            const std::uint64_t offset = random() % 4 ? known[random() % std::size(known)] : random() % 0x1010;
            std::uint64_t value = nasty_word(random);
            if (offset == 0x18) value = (random() & 0xffffffff) | (random() % 2 ? 0x80000000 : 0);
            machine.unit.write(offset, value, bytes);
            machine.unit.read(random() % 0x1010, static_cast<unsigned>(random() % 10));
            const InterruptMessage request{0xfee00000 | (random() & 0xfffff), static_cast<std::uint32_t>(random())};
            const InterruptOutcome interrupt =
                machine.unit.remap_interrupt({static_cast<std::uint16_t>(random())}, request);
            ASSERT_EQ(interrupt.allowed, interrupt.fault_reason == 0);
            if (interrupt.allowed && interrupt.message != request) {
                ASSERT_EQ(interrupt.message.address & 0xfff00ff3, 0xfee00000u);
                ASSERT_EQ(interrupt.message.data & 0xffff7800, 0x4000u);
            }
            const std::uint64_t address = random() % 2 ? random() : random() % 0x80000000;
            const auto access = random() % 2 ? Access::Read : Access::Write;
            const Translation result = machine.unit.translate({static_cast<std::uint16_t>(random())}, {address}, access,
                                                              static_cast<RequestType>(random() % 3));
            ASSERT_EQ(result.allowed, result.fault_reason == 0);
            if (!result.allowed) continue;
            ASSERT_GE(result.granule, 0x1000u);
            ASSERT_EQ(result.granule & (result.granule - 1), 0u);
            ASSERT_EQ(result.address.value % result.granule, address % result.granule);
        }
        ASSERT_LT(machine.interrupts.sent.size(), 10000u);
    }
}

// Tables that point at themselves and at each other end after as many levels as there are.
TEST(Hostile, CircularTables) {
    Machine machine;
    machine.start();
    machine.ram.set(0x12000, 0x12003);
    machine.invalidate_all();
    const Translation result = machine.access(0x10, 0);
    EXPECT_TRUE(result.allowed);
    EXPECT_EQ(result.address.value, 0x12000u) << "the table itself is the leaf, three levels down";
}

TEST(Hostile, ALongQueueOfGarbageEnds) {
    std::mt19937_64 random(6);
    Machine machine({.interrupt_remapping = true});
    machine.start();
    for (int round = 0; round < 300; ++round) {
        machine.write32(0x18, 0x80000000);
        machine.write64(0x90, 0x100000 | random() % 8);
        for (std::uint64_t i = 0; i < 0x1000; i += 8) {
            const std::uint64_t types[] = {0x11, 0x12, 0x25, 0x22, 0x32, 0x21, 0x31, 0x15, 0x4, 0x14, random()};
            machine.ram.set(0x100000 + i,
                            i % 16 == 0 ? types[random() % 11] | (random() % 4 << 16) : random() % 2 << 4);
        }
        machine.write32(0x18, 0x84000000);
        machine.write64(0x88, random() % 0x80000);
        for (int i = 0; i < 4; ++i) machine.write32(0x34, 0x7f);
    }
}

}  // namespace
}  // namespace remap::iommu
