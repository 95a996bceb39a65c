// SPDX-License-Identifier: MIT
// Accessed and dirty bits (VT-d sections 3.6.2 and 3.7.2): set exactly when they must be, in the entries that were
// used, and never over what software writes at the same time.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <vector>

namespace remap::iommu {
namespace {

using test::ScalableMachine;

constexpr std::uint64_t first_way[] = {0x40000, 0x41000, 0x42000, 0x43000};   // entries of PASID 1's address 0
constexpr std::uint64_t second_way[] = {0x30000, 0x31000, 0x32000, 0x33000};  // of PASID 0's

std::vector<std::uint64_t> words(const ScalableMachine& machine, const std::uint64_t (&way)[4]) {
    std::vector<std::uint64_t> found;
    for (const std::uint64_t at : way) found.push_back(machine.ram.get(at));
    return found;
}
using Words = std::vector<std::uint64_t>;

TEST(FirstStageBits, AReadSetsAccessedInEveryEntry) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    EXPECT_EQ(words(machine, first_way), (Words{0x41027, 0x42027, 0x43027, 0x255027}));
}

TEST(FirstStageBits, AWriteSetsDirtyInTheLeafAlone) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0, Access::Write), 0x255000u);
    EXPECT_EQ(words(machine, first_way), (Words{0x41027, 0x42027, 0x43027, 0x255067}));
}

TEST(FirstStageBits, HugeLeaves) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0x200000, Access::Write), 0x600000u);
    EXPECT_EQ(machine.at(1, 0x40000000, Access::Write), 0x40000000u);
    EXPECT_EQ(words(machine, {0x40000, 0x41000, 0x42008, 0x41008}), (Words{0x41027, 0x42027, 0x6000e7, 0x400000e7}));
}

TEST(FirstStageBits, TheFirstWriteThroughACleanCachedLeafSetsDirty) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    EXPECT_FALSE(machine.ask(1, 0).writable) << "the device must ask again before it writes";
    EXPECT_EQ(machine.at(1, 0, Access::Write), 0x255000u);
    EXPECT_EQ(machine.ram.get(0x43000), 0x255067u);
    EXPECT_TRUE(machine.ask(1, 0).writable);
    machine.ram.set(0x43000, 0x255027);
    EXPECT_EQ(machine.at(1, 0, Access::Write), 0x255000u);
    EXPECT_EQ(machine.ram.get(0x43000), 0x255027u) << "a dirty leaf is cached as dirty: software invalidates";
}

TEST(FirstStageBits, ADirtyLeafIsKnownToBeDirtyFromARead) {
    ScalableMachine machine;
    machine.ram.set(0x43000, 0x255067);
    EXPECT_TRUE(machine.ask(1, 0).writable);
}

TEST(FirstStageBits, ExtendedAccessedWithEafe) {
    ScalableMachine machine;
    machine.ram.set(0x21050, 0x40081);
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    EXPECT_EQ(words(machine, first_way), (Words{0x41427, 0x42427, 0x43427, 0x255427}));
}

// Tables that a PASID without EAFE has cached do not spare another one, with EAFE, the bits in the entries above.
TEST(FirstStageBits, ExtendedAccessedIsNotPassedOver) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    machine.ram.set(0x21050, 0x40081);
    machine.command(0x0000000100080017);        // PASID cache: PASID 1 of domain 8
    machine.command(0x0000000100080036, 0x40);  // the leaf, and only the leaf
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    EXPECT_EQ(words(machine, first_way), (Words{0x41427, 0x42427, 0x43427, 0x255427}));
}

TEST(FirstStageBits, ARefusedAccessLeavesNothingBehindForTheNext) {
    ScalableMachine machine;
    EXPECT_EQ(machine.ask(1, 0x2000).fault_reason, 0x81u);
    EXPECT_EQ(words(machine, {0x40000, 0x41000, 0x42000, 0x43010}), (Words{0x41007, 0x42007, 0x43007, 0x257003}));
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    EXPECT_EQ(words(machine, first_way), (Words{0x41027, 0x42027, 0x43027, 0x255027})) << "every entry it used";
}

TEST(FirstStageBits, ProbeSetsNone) {
    ScalableMachine machine;
    EXPECT_TRUE(
        machine.unit.probe({.source = {0x10}, .address = {0}, .access = Access::Write, .pasid = Pasid{1}}).allowed);
    EXPECT_EQ(words(machine, first_way), (Words{0x41007, 0x42007, 0x43007, 0x255007}));
}

// What software has set needs no update, and so no snooping and no memory that can be written.
TEST(FirstStageBits, SetBySoftwareNothingIsWritten) {
    ScalableMachine machine;
    machine.ram.set(0x40000, 0x41027);
    machine.ram.set(0x41000, 0x42027);
    machine.ram.set(0x42000, 0x43027);
    machine.ram.set(0x43000, 0x255027);
    machine.ram.set(0x21048, 0x8);
    int exchanges = 0;
    machine.ram.before_exchange = [&](std::uint64_t) { ++exchanges; };
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    EXPECT_EQ(exchanges, 0);
    EXPECT_EQ(machine.ask(1, 0, Access::Write).fault_reason, 0x90u) << "the dirty bit needs snooping walks";
    EXPECT_EQ(machine.ram.get(0x43000), 0x255027u);
}

TEST(SecondStageBits, OnlyWithSsade) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at({}, 0, Access::Write), 0x155000u);
    EXPECT_EQ(words(machine, second_way), (Words{0x31003, 0x32003, 0x33003, 0x155003}));
    machine.ram.set(0x21000, 0x30289);
    machine.forget_everything();
    EXPECT_EQ(machine.at({}, 0), 0x155000u);
    EXPECT_EQ(words(machine, second_way), (Words{0x31103, 0x32103, 0x33103, 0x155103}));
    EXPECT_EQ(machine.at({}, 0, Access::Write), 0x155000u);
    EXPECT_EQ(words(machine, second_way), (Words{0x31103, 0x32103, 0x33103, 0x155303}));
    EXPECT_EQ(machine.at({}, 0x200000, Access::Write), 0x600000u);
    EXPECT_EQ(machine.ram.get(0x32008), 0x600383u);
}

// SSADE was switched on, and the PASID entry invalidated but not the tables that are cached of the domain.
TEST(SecondStageBits, AreNotPassedOver) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at({}, 0), 0x155000u);
    machine.ram.set(0x21000, 0x30289);
    machine.command(0x0000000000070017);
    EXPECT_EQ(machine.at({}, 0x200000), 0x600000u);
    EXPECT_EQ(words(machine, {0x30000, 0x31000, 0x32008, 0x33000}), (Words{0x31103, 0x32103, 0x600183, 0x155003}));
}

TEST(SecondStageBits, NeverInLegacyMode) {
    test::Machine machine({.scalable = true});
    machine.start();
    EXPECT_TRUE(machine.access(0x10, 0, Access::Write).allowed);
    EXPECT_EQ(machine.ram.get(0x12000), 0x13003u);
    EXPECT_EQ(machine.ram.get(0x14000), 0x55003u);
}

// Setting a bit in a nested first-stage entry is a write to the page the entry lies in.
TEST(NestedBits, InBothStages) {
    ScalableMachine machine;
    machine.ram.set(0x21080, 0x502c9);
    EXPECT_EQ(machine.at(2, 0, Access::Write), 0x355000u);
    EXPECT_EQ(words(machine, {0x70000, 0x71000, 0x72000, 0x73000}), (Words{0x3027, 0x4027, 0x5027, 0x10067}));
    EXPECT_EQ(words(machine, {0x50000, 0x51000, 0x52000, 0x53080}), (Words{0x51103, 0x52103, 0x53103, 0x355303}));
    EXPECT_EQ(words(machine, {0x53010, 0x53018, 0x53020, 0x53028}), (Words{0x70303, 0x71303, 0x72303, 0x73303}));
}

TEST(NestedBits, AReadOfMarkedTablesDirtiesNothing) {
    ScalableMachine machine;
    machine.ram.set(0x21080, 0x502c9);
    for (const std::uint64_t at : {0x70000, 0x71000, 0x72000, 0x73000}) machine.ram.set(at, machine.ram.get(at) | 0x20);
    EXPECT_EQ(machine.at(2, 0), 0x355000u);
    EXPECT_EQ(words(machine, {0x53010, 0x53018, 0x53020, 0x53028}), (Words{0x70103, 0x71103, 0x72103, 0x73103}));
    EXPECT_EQ(machine.ram.get(0x53080), 0x355103u);
}

// Software changes the leaf while the unit is about to mark it: the unit takes the new entry, and marks that one.
TEST(RacedBits, ALeafThatChangesIsWalkedAgain) {
    for (const bool nested : {false, true}) {
        ScalableMachine machine;
        const std::uint64_t leaf = nested ? 0x73000 : 0x43000;
        const std::uint64_t changed = nested ? 0x200007 : 0x266007;
        machine.ram.before_exchange = [&, done = false](std::uint64_t at) mutable {
            if (at == leaf && !done) machine.ram.set(leaf, changed);
            done |= at == leaf;
        };
        EXPECT_EQ(machine.at(nested ? 2 : 1, 0, Access::Write), nested ? 0x800000u : 0x266000u);
        EXPECT_EQ(machine.ram.get(leaf), changed | 0x60);
    }
}

TEST(RacedBits, ALeafThatGoesAwayIsAFault) {
    ScalableMachine machine;
    machine.ram.set(0x21000, 0x30289);
    machine.ram.before_exchange = [&](std::uint64_t at) {
        if (at == 0x43000 || at == 0x33000) machine.ram.set(at, 0);
    };
    EXPECT_EQ(machine.ask(1, 0, Access::Write).fault_reason, 0x71u);
    EXPECT_EQ(machine.ask({}, 0, Access::Write).fault_reason, 0x79u);
    EXPECT_EQ(machine.ram.get(0x43000), 0u) << "nothing is set in an entry that is not present";
    EXPECT_EQ(machine.ram.get(0x33000), 0u);
}

TEST(RacedBits, AnEntryThatChangesAllTheTimeIsAFaultAtLast) {
    ScalableMachine machine;
    machine.ram.set(0x21000, 0x30289);
    machine.ram.before_exchange = [&, page = 0x300ull](std::uint64_t at) mutable {
        if (at == 0x43000) machine.ram.set(at, page++ << 12 | 7);
        if (at == 0x33000) machine.ram.set(at, page++ << 12 | 3);
    };
    EXPECT_EQ(machine.ask(1, 0).fault_reason, 0x91u);
    EXPECT_EQ(machine.ask({}, 0).fault_reason, 0x7du);
}

}  // namespace
}  // namespace remap::iommu
