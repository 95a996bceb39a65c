// SPDX-License-Identifier: MIT
// What the unit remembers, and what makes it forget: only invalidation commands (VT-d sections 6.2, 6.5, 6.6).
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::Machine;

constexpr std::uint64_t before = 0x55000;
constexpr std::uint64_t after = 0x66000;

class Caches : public testing::Test {
protected:
    // The translation of address 0 is cached, and the tables have changed.
    Caches() {
        machine.start();
        EXPECT_EQ(now(), before);
        machine.ram.set(0x14000, after | 3);
    }

    std::uint64_t now() { return machine.access(0x10, 0).address.value; }
    void invalidate(std::uint64_t iotlb_command, std::uint64_t iva = 0) {
        machine.write64(0xf0, iva);
        machine.write64(0xf8, iotlb_command);
    }

    Machine machine;
};

TEST_F(Caches, AChangedLeafIsStaleUntilInvalidated) {
    EXPECT_EQ(now(), before);
    invalidate(0x9000000000000000);
    EXPECT_EQ(machine.read64(0xf8), 0x1200000000000000u) << "IVT clear, IAIG 1";
    EXPECT_EQ(now(), after);
}

TEST_F(Caches, NeitherRootPointerNorEnableFlushes) {
    machine.set_root();
    EXPECT_EQ(now(), before);
    machine.write32(0x18, 0);
    EXPECT_EQ(now(), 0u);
    machine.enable();
    EXPECT_EQ(now(), before);
    machine.set_root(0x3000);
    EXPECT_EQ(now(), before) << "a new root table, and no invalidation";
    machine.invalidate_all();
    EXPECT_EQ(machine.reason(0x10, 0), 1u);
}

TEST_F(Caches, TheRootPointerCountsOnlyOnceItIsSet) {
    machine.write64(0x20, 0x3000);
    machine.invalidate_all();
    EXPECT_EQ(now(), after);
    machine.set_root(0x3000);
    machine.invalidate_all();
    EXPECT_EQ(machine.reason(0x10, 0), 1u);
}

TEST_F(Caches, DomainSelective) {
    invalidate(0xa000000800000000);
    EXPECT_EQ(now(), before) << "domain 8";
    invalidate(0xa000000700000000);
    EXPECT_EQ(machine.read64(0xf8), 0x2400000700000000u) << "IAIG 2";
    EXPECT_EQ(now(), after);
}

TEST_F(Caches, PageSelective) {
    invalidate(0xb000000700000000, 0x1000);
    EXPECT_EQ(now(), before) << "another page";
    invalidate(0xb000000800000000, 0x0);
    EXPECT_EQ(now(), before) << "another domain";
    invalidate(0xb000000700000000, 0x0);
    EXPECT_EQ(machine.read64(0xf8), 0x3600000700000000u) << "IAIG 3";
    EXPECT_EQ(now(), after);
}

TEST_F(Caches, PageSelectiveWithAMask) {
    invalidate(0xb000000700000000, 0x4002);
    EXPECT_EQ(now(), before) << "pages 4 to 7";
    invalidate(0xb000000700000000, 0x3002);
    EXPECT_EQ(now(), after) << "pages 0 to 3";
    machine.ram.set(0x14000, before | 3);
    invalidate(0xb000000700000000, 0x12 | 0x3fffe000);
    EXPECT_EQ(now(), before) << "mask 18: a GiB";
}

TEST_F(Caches, AMaskBeyondTheMaximumIsRefused) {
    invalidate(0xb000000700000000, 0x13);
    EXPECT_EQ(machine.read64(0xf8), 0x3000000700000000u) << "IAIG 0";
    EXPECT_EQ(now(), before);
}

TEST_F(Caches, HugeLeavesAreFoundByAnyPageInThem) {
    EXPECT_EQ(machine.access(0x10, 0x2ff000).address.value, 0x6ff000u);
    EXPECT_EQ(machine.access(0x10, 0x7ffff000).address.value, 0x7ffff000u);
    machine.ram.set(0x13008, 0x800083);
    machine.ram.set(0x12008, 0x80000083);
    EXPECT_EQ(machine.access(0x10, 0x200000).address.value, 0x600000u);
    EXPECT_EQ(machine.access(0x10, 0x40000000).address.value, 0x40000000u);
    invalidate(0xb000000700000000, 0x200009);
    EXPECT_EQ(machine.access(0x10, 0x200000).address.value, 0x800000u);
    EXPECT_EQ(machine.access(0x10, 0x40000000).address.value, 0x40000000u);
    invalidate(0xb000000700000000, 0x40000012);
    EXPECT_EQ(machine.access(0x10, 0x40000000).address.value, 0x80000000u);
    EXPECT_EQ(now(), before);
}

TEST_F(Caches, ContextEntriesAreRemembered) {
    machine.ram.set(0x11100, 0);  // not present any more
    invalidate(0x9000000000000000);
    EXPECT_EQ(now(), after) << "by the cached context entry";
    machine.write64(0x28, 0xa000000000000000);
    EXPECT_EQ(machine.read64(0x28), 0x2800000000000000u) << "ICC clear, CAIG 1";
    EXPECT_EQ(now(), after) << "by the IOTLB, which is used before the context entry (6.2.7)";
    invalidate(0x9000000000000000);
    EXPECT_EQ(machine.reason(0x10, 0), 2u);
}

TEST_F(Caches, ContextInvalidationByDomainAndDevice) {
    const auto forgotten_by = [&](std::uint64_t command) {
        machine.ram.set(0x11100, 0x12001);
        machine.invalidate_all();
        now();
        machine.ram.set(0x11100, 0);
        machine.write64(0x28, command);
        invalidate(0x9000000000000000);
        return machine.reason(0x10, 0) == 2;
    };
    EXPECT_TRUE(forgotten_by(0xc000000000000007)) << "domain 7";
    EXPECT_FALSE(forgotten_by(0xc000000000000008)) << "domain 8";
    EXPECT_TRUE(forgotten_by(0xe000000000100007)) << "device 0x10 of domain 7";
    EXPECT_FALSE(forgotten_by(0xe000000000100008)) << "device 0x10 of domain 8";
    EXPECT_FALSE(forgotten_by(0xe000000000140007)) << "device 0x14";
    EXPECT_TRUE(forgotten_by(0xe000000100140007)) << "function mask 1: bit 2 ignored";
    EXPECT_FALSE(forgotten_by(0xe000000100160007));
    EXPECT_TRUE(forgotten_by(0xe000000200160007)) << "function mask 2: bits 2:1 ignored";
    EXPECT_TRUE(forgotten_by(0xe000000300170007)) << "function mask 3: bits 2:0 ignored";
    EXPECT_FALSE(forgotten_by(0x8000000000000007)) << "granularity 0";
    EXPECT_EQ(machine.read64(0x28), 0x7u) << "CAIG 0";
}

TEST_F(Caches, NotPresentIsNeverRemembered) {
    EXPECT_EQ(machine.reason(0x10, 0x3000), 6u);
    machine.ram.set(0x14018, 0x77003);
    EXPECT_EQ(machine.access(0x10, 0x3000).address.value, 0x77000u);
    EXPECT_EQ(machine.reason(0x11, 0), 2u);
    machine.ram.set(0x11110, 0x12001);
    machine.ram.set(0x11118, 0x701);
    EXPECT_EQ(machine.access(0x11, 0).address.value, after);
}

TEST_F(Caches, AWriteThroughACachedReadOnlyEntryIsRecorded) {
    EXPECT_TRUE(machine.access(0x10, 0x1000).allowed);
    machine.ram.set(0x14008, 0x56003);
    EXPECT_EQ(machine.reason(0x10, 0x1000, Access::Write), 5u) << "rights are cached too";
    EXPECT_EQ(machine.read64(0x228), 0x8000000500000010u);
}

TEST_F(Caches, RegisterInvalidationIsRefusedWhileTheQueueIsOn) {
    machine.write64(0x90, 0x20000);
    machine.write32(0x18, 0x84000000);
    invalidate(0x9000000000000000);
    EXPECT_EQ(machine.read64(0xf8), 0x1000000000000000u);
    machine.write64(0x28, 0xa000000000000000);
    EXPECT_EQ(machine.read64(0x28), 0x2000000000000000u);
    EXPECT_EQ(now(), before);
}

TEST_F(Caches, TheCommandIsInTheUpperHalf) {
    machine.write32(0xf8, 0);
    EXPECT_EQ(now(), before);
    machine.write32(0xfc, 0x90000000);
    EXPECT_EQ(now(), after);
}

TEST_F(Caches, SourcesDoNotShareEntries) {
    machine.ram.set(0x11110, 0x12001);  // devfn 0x11, domain 8, the same tables
    machine.ram.set(0x11118, 0x801);
    EXPECT_EQ(machine.access(0x11, 0).address.value, after);
    EXPECT_EQ(now(), before);
    invalidate(0xb000000700000000, 0x0);
    machine.ram.set(0x14000, 0x77003);
    EXPECT_EQ(now(), 0x77000u);
    EXPECT_EQ(machine.access(0x11, 0).address.value, after) << "domain 8 was not invalidated";
}

// More pages than the IOTLB has places: whatever is thrown out comes back right.
TEST_F(Caches, ManyPages) {
    for (unsigned i = 0; i < 512; ++i) {
        machine.ram.set(0x14000 + 8 * i, (0x100000 + i * 0x1000) | 3);
        machine.ram.set(0x13000 + 8 * i, 0x14003);
    }
    machine.invalidate_all();
    for (int round = 0; round < 2; ++round) {
        for (unsigned page = 0; page < 9000; ++page)
            ASSERT_EQ(machine.access(0x10, page * 0x1000ull).address.value, 0x100000 + page % 512 * 0x1000);
    }
    for (unsigned i = 0; i < 512; ++i) machine.ram.set(0x14000 + 8 * i, 0);
    invalidate(0xa000000700000000);
    for (unsigned page = 0; page < 9000; ++page) ASSERT_EQ(machine.reason(0x10, page * 0x1000ull), 6u);
}

}  // namespace
}  // namespace remap::iommu
