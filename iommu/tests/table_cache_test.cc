// SPDX-License-Identifier: MIT
// The paging-structure cache (VT-d section 6.2.5): where tables lie is remembered apart from the translations, and goes
// only with the invalidations that say so.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::Machine;
using test::ScalableMachine;

// The unit knows the tables of address 0 of domain 7, and the table of its leaves has been replaced by one at 0x15000,
// where page n leads to 0x66000 + n.
class Tables : public testing::Test {
protected:
    Tables() {
        machine.start();
        EXPECT_EQ(machine.access(0x10, 0).address.value, 0x55000u);
        for (std::uint64_t page = 0; page < 16; ++page) machine.ram.set(0x15000 + 8 * page, (0x66 + page) << 12 | 3);
        machine.ram.set(0x14028, 0x5a003);
        machine.ram.set(0x13000, 0x15003);
    }

    // Page 5 was never translated, so that no leaf of it is cached.
    bool old_table_is_used() { return machine.access(0x10, 0x5000).address.value == 0x5a000; }
    void invalidate(std::uint64_t command, std::uint64_t iva = 0) {
        machine.write64(0xf0, iva);
        machine.write64(0xf8, command);
    }

    Machine machine;
};

TEST_F(Tables, AReplacedTableIsUsedUntilItIsInvalidated) { EXPECT_TRUE(old_table_is_used()); }

TEST_F(Tables, WhatIsAboveIsRememberedToo) {
    machine.ram.set(0x13010, 0x800083);
    machine.ram.set(0x12000, 0x0);
    EXPECT_EQ(machine.access(0x10, 0x400000).address.value, 0x800000u) << "by the table of level 2, at 0x13000";
    EXPECT_EQ(machine.access(0x10, 0x80000000).fault_reason, 6u) << "what is not present is not remembered";
}

TEST_F(Tables, GlobalInvalidation) {
    invalidate(0x9000000000000000);
    EXPECT_FALSE(old_table_is_used());
}

TEST_F(Tables, DomainInvalidation) {
    invalidate(0xa000000800000000);
    EXPECT_TRUE(old_table_is_used());
    invalidate(0xa000000700000000);
    invalidate(0xb000000700000000, 0x5000);
    EXPECT_FALSE(old_table_is_used());
}

TEST_F(Tables, PageInvalidationWithoutTheHintTakesTheTablesAbove) {
    invalidate(0xb000000800000000, 0x0);
    EXPECT_TRUE(old_table_is_used()) << "another domain";
    invalidate(0xb000000700000000, 0x200000);
    invalidate(0xb000000700000000, 0x5040);
    EXPECT_TRUE(old_table_is_used()) << "another table's page";
    invalidate(0xb000000700000000, 0x7000);
    invalidate(0xb000000700000000, 0x5040);
    EXPECT_FALSE(old_table_is_used()) << "any page of the table will do";
}

TEST_F(Tables, PageInvalidationWithTheHintLeavesThem) {
    invalidate(0xb000000700000000, 0x0040);
    EXPECT_EQ(machine.access(0x10, 0).address.value, 0x55000u) << "the leaf was read again, in the old table";
    EXPECT_TRUE(old_table_is_used());
    invalidate(0xb000000700000000, 0x0052);
    EXPECT_TRUE(old_table_is_used()) << "a GiB of leaves";
}

TEST_F(Tables, ALargeMaskTakesAllTablesBelow) {
    invalidate(0xb000000700000000, 0x40000012);
    EXPECT_TRUE(old_table_is_used()) << "the next GiB";
    invalidate(0xb000000700000000, 0x3ffff012);
    EXPECT_FALSE(old_table_is_used());
}

TEST_F(Tables, OfADomainAreTheSameForAllItsDevices) {
    machine.ram.set(0x11110, 0x12001);
    machine.ram.set(0x11118, 0x701);
    EXPECT_EQ(machine.access(0x11, 0x5000).address.value, 0x5a000u) << "stale for another device too";
    machine.ram.set(0x11120, 0x12001);
    machine.ram.set(0x11128, 0x801);
    EXPECT_EQ(machine.access(0x12, 0x5000).address.value, 0x6b000u) << "domain 8 has none";
}

TEST_F(Tables, AContextInvalidationLeavesThem) {
    machine.write64(0x28, 0xa000000000000000);
    EXPECT_TRUE(old_table_is_used());
}

TEST(TableRights, OfTheEntriesAboveAreRememberedWithTheTable) {
    Machine machine;
    machine.start();
    machine.ram.set(0x12000, 0x13001);
    EXPECT_TRUE(machine.access(0x10, 0).allowed);
    EXPECT_EQ(machine.reason(0x10, 0x4000, Access::Write), 5u) << "nothing there";
    machine.ram.set(0x14020, 0x5a003);
    EXPECT_EQ(machine.reason(0x10, 0x4000, Access::Write), 5u) << "read only, by an entry above the cached table";
    EXPECT_EQ(machine.reason(0x10, 0x4000), 0u);
}

class FirstStageTables : public testing::Test {
protected:
    FirstStageTables() {
        EXPECT_EQ(machine.at(1, 0), 0x255000u);
        for (std::uint64_t page = 0; page < 16; ++page) machine.ram.set(0x44000 + 8 * page, (0x266 + page) << 12 | 7);
        machine.ram.set(0x43028, 0x25a007);
        machine.ram.set(0x42000, 0x44007);
    }
    bool old_table_is_used() { return machine.at(1, 0x5000) == 0x25a000; }

    ScalableMachine machine;
};

TEST_F(FirstStageTables, AReplacedTableIsUsedUntilItIsInvalidated) { EXPECT_TRUE(old_table_is_used()); }

TEST_F(FirstStageTables, PageInvalidationOfAnotherPasidOrDomainLeavesThem) {
    EXPECT_EQ(machine.command(0x0000000200080036, 0x0), 0u);
    EXPECT_EQ(machine.command(0x0000000100090036, 0x0), 0u);
    EXPECT_EQ(machine.command(0x0000000100080036, 0x40), 0u) << "IH";
    EXPECT_EQ(machine.command(0x0000000100080036, 0x200000), 0u);
    EXPECT_TRUE(old_table_is_used());
}

TEST_F(FirstStageTables, PageInvalidation) {
    EXPECT_EQ(machine.command(0x0000000100080036, 0x1000), 0u);
    EXPECT_FALSE(old_table_is_used());
}

TEST_F(FirstStageTables, PasidInvalidation) {
    EXPECT_EQ(machine.command(0x0000000100080026), 0u);
    EXPECT_FALSE(old_table_is_used());
}

TEST_F(FirstStageTables, PageInvalidationOfTheDomainsSecondStage) {
    EXPECT_EQ(machine.command(0x00080032, 0x40000000), 0u);
    EXPECT_FALSE(old_table_is_used()) << "6.5.2.3: what has a first stage goes whole";
}

TEST_F(FirstStageTables, TheHugestMaskTakesBothHalves) {
    EXPECT_EQ(machine.at(1, 0xffffff8000000000), 0x266000u) << "another way, not cached before";
    machine.ram.set(0x42000, 0x43007);
    EXPECT_EQ(machine.command(0x0000000100080036, 0x3f), 0u);
    EXPECT_EQ(machine.at(1, 0xffffff8000000000), 0x255000u);
    EXPECT_EQ(machine.at(1, 0x5000), 0x25a000u);
}

TEST(TableCaches, OfOneEntryWorkAsWell) {
    Machine machine({.caches = {.contexts = {1, 1}, .pasids = {1, 1}, .tables = {1, 1}, .iotlb = {1, 1}}});
    machine.start();
    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(machine.access(0x10, 0).address.value, 0x55000u);
        EXPECT_EQ(machine.access(0x10, 0x1000).address.value, 0x56000u);
        EXPECT_EQ(machine.access(0x10, 0x200000).address.value, 0x600000u);
        EXPECT_EQ(machine.access(0x10, 0x40000000).address.value, 0x40000000u);
    }
}

}  // namespace
}  // namespace remap::iommu
