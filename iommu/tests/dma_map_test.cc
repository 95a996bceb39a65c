// SPDX-License-Identifier: MIT
// Which memory a device can reach, as its tables change. The tables are those of the machines, by numbers from the
// manual.
#include "iommu/tests/dma_map_bench.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::Machine;
using test::ScalableMachine;
using test::ToldPages;

constexpr SourceId device{0x10};

// A unit in legacy mode that translates, and whose device 0x10 is followed.
struct Followed : Machine {
    explicit Followed(const Options& options = {}, const DmaMapOptions& how = {}) : Machine(options) {
        write_tables();
        set_root();
        write32(0x18, 0x80000000);  // TE
        unit.follow(device, told, how);
    }
    void store(std::uint64_t address, std::uint64_t word) { test::store(*this, told, address, word); }

    ToldPages told;
};

constexpr std::uint64_t small = 3;             // pages 0x55, 0x56 and 0x57
constexpr std::uint64_t large = 512 + 262144;  // 0x600 and 512 more, 0x40000 and 262144 more
constexpr std::uint64_t all_leaves = small + large;

TEST(DmaMap, TellsTheLeavesAndTheTables) {
    Followed machine;
    EXPECT_EQ(machine.told.count(), all_leaves);
    for (const std::uint64_t address : {0x55000, 0x56000, 0x57000, 0x600000, 0x7ff000, 0x40000000, 0x7ffff000})
        EXPECT_TRUE(machine.told.reaches(address)) << std::hex << address;
    for (const std::uint64_t address : {0x54000, 0x58000, 0x5ff000, 0x800000, 0x3ffff000})
        EXPECT_FALSE(machine.told.reaches(address)) << std::hex << address;
    EXPECT_EQ(machine.told.watched, (std::set<std::uint64_t>{0x10, 0x11, 0x12, 0x13, 0x14}));
    EXPECT_FALSE(machine.told.all);
}

TEST(DmaMap, RunsAreToldWhole) {
    Followed machine;
    EXPECT_EQ(machine.told.told, 3u) << "three small pages in a row, 2 MiB, 1 GiB";
}

TEST(DmaMap, ALeafComesAndGoes) {
    Followed machine;
    machine.store(0x14018, 0x99003);
    EXPECT_TRUE(machine.told.reaches(0x99000));
    machine.store(0x14018, 0x9a001);  // to another page
    EXPECT_FALSE(machine.told.reaches(0x99000));
    EXPECT_TRUE(machine.told.reaches(0x9a000));
    machine.store(0x14018, 0);
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, OtherRightsAreNotTold) {
    Followed machine;
    const std::uint64_t before = machine.told.told;
    machine.store(0x14000, 0x55001);
    machine.store(0x14000, 0x55002);
    EXPECT_EQ(machine.told.told, before);
    machine.store(0x14000, 0x55000);  // none is left
    EXPECT_FALSE(machine.told.reaches(0x55000));
}

// Rights are those of all entries on the way (section 3.7.1): a page that one lets read and the next lets write is
// reached by nobody.
TEST(DmaMap, RightsAreThoseOfTheWholeWay) {
    Followed machine;
    machine.store(0x13000, 0x14001);  // the table of small pages may be read through alone
    EXPECT_TRUE(machine.told.reaches(0x55000));
    EXPECT_TRUE(machine.told.reaches(0x56000));
    EXPECT_FALSE(machine.told.reaches(0x57000)) << "it may be written alone";
    machine.store(0x13000, 0x14003);
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, APageStaysAsLongAsOneEntryLeadsToIt) {
    Followed machine;
    const std::uint64_t before = machine.told.told;
    machine.store(0x14018, 0x55003);
    machine.store(0x14000, 0);
    EXPECT_EQ(machine.told.told, before);
    EXPECT_TRUE(machine.told.reaches(0x55000));
    machine.store(0x14018, 0);
    EXPECT_FALSE(machine.told.reaches(0x55000));
}

TEST(DmaMap, SmallAndLargeLeavesOverlap) {
    Followed machine;
    machine.store(0x14018, 0x601003);
    machine.store(0x13008, 0);
    EXPECT_TRUE(machine.told.reaches(0x601000));
    EXPECT_EQ(machine.told.count(), all_leaves - 511);
    machine.store(0x13008, 0x600083);
    EXPECT_EQ(machine.told.count(), all_leaves);
    machine.store(0x14018, 0);
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, ATableComesWithWhatIsInItAndIsWatched) {
    Followed machine;
    machine.ram.set(0x20008, 0x88003);
    machine.store(0x13010, 0x20003);
    EXPECT_TRUE(machine.told.reaches(0x88000));
    EXPECT_TRUE(machine.told.watched.contains(0x20));
    machine.store(0x20010, 0x89003);
    EXPECT_TRUE(machine.told.reaches(0x89000));
    machine.store(0x13010, 0);
    EXPECT_FALSE(machine.told.watched.contains(0x20));
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, ATableThatBecomesALeaf) {
    Followed machine;
    machine.store(0x13000, 0x200083);
    EXPECT_EQ(machine.told.count(), large + 512);
    EXPECT_FALSE(machine.told.watched.contains(0x14));
    machine.store(0x13000, 0x14003);
    EXPECT_EQ(machine.told.count(), all_leaves);
}

// Reserved bits make an entry one that translates nothing (section 9.8): bit 51 is beyond the host's width, bit 62 is
// TM, bit 12 lies below the address of a 2 MiB leaf.
TEST(DmaMap, AnEntryWithReservedBitsLeadsNowhere) {
    Followed machine;
    for (const std::uint64_t bit : {1ull << 51, 1ull << 62}) {
        machine.store(0x14000, 0x55003 | bit);
        EXPECT_FALSE(machine.told.reaches(0x55000));
        machine.store(0x13000, 0x14003 | bit);
        EXPECT_FALSE(machine.told.reaches(0x56000));
        machine.store(0x13000, 0x14003);
        EXPECT_TRUE(machine.told.reaches(0x56000));
    }
    machine.store(0x13008, 0x601083);
    EXPECT_FALSE(machine.told.reaches(0x601000));
    EXPECT_FALSE(machine.told.reaches(0x600000));
}

TEST(DmaMap, WithoutHugePagesLargeLeavesAreReserved) {
    Followed machine(Options{.huge_pages = false});
    EXPECT_EQ(machine.told.count(), small);
}

// Accesses to the interrupt range are refused wherever they come from (section 3.15).
TEST(DmaMap, TheInterruptRangeIsNoMemory) {
    Followed machine;
    machine.store(0x12008, 0xc0000083);  // 1 GiB that has the range in it
    EXPECT_TRUE(machine.told.reaches(0xfedff000));
    EXPECT_FALSE(machine.told.reaches(0xfee00000));
    EXPECT_FALSE(machine.told.reaches(0xfeeff000));
    EXPECT_TRUE(machine.told.reaches(0xfef00000));
    machine.store(0x14000, 0xfee00003);
    EXPECT_FALSE(machine.told.reaches(0xfee00000));
    machine.store(0x12008, 0);
    machine.store(0x14000, 0);
    EXPECT_EQ(machine.told.count(), small + 512 - 1);
}

// A store may be of any size and lie anywhere, as a string instruction's.
TEST(DmaMap, StoresOfEverySize) {
    Followed machine;
    machine.ram.set(0x14018, 0x99003);
    machine.unit.stored({0x1401b}, 1);
    EXPECT_TRUE(machine.told.reaches(0x99000));
    machine.ram.set(0x14018, 0);
    machine.ram.set(0x14020, 0x9a003);
    machine.unit.stored({0x1401f}, 2);
    EXPECT_FALSE(machine.told.reaches(0x99000));
    EXPECT_TRUE(machine.told.reaches(0x9a000));
    machine.ram.set(0x14020, 0);
    machine.ram.set(0x13008, 0);
    machine.unit.stored({0}, ~0ull);
    EXPECT_EQ(machine.told.count(), all_leaves - 512);
    machine.unit.stored({~0ull}, ~0ull);
    machine.unit.stored({0x14000}, 0);
}

TEST(DmaMap, AContextEntryLeadsToOtherTables) {
    Followed machine;
    machine.ram.set(0x21008, 0x40000083);
    machine.ram.set(0x21010, 0x22003);
    machine.store(0x11100, 0x21001);
    EXPECT_EQ(machine.told.count(), 262144u);
    EXPECT_EQ(machine.told.watched, (std::set<std::uint64_t>{0x10, 0x11, 0x21, 0x22}));
    machine.store(0x11100, 0x21000);  // not present
    EXPECT_EQ(machine.told.count(), 0u);
    EXPECT_EQ(machine.told.watched, (std::set<std::uint64_t>{0x10, 0x11}));
    machine.store(0x11100, 0x12001);
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, TheSameTablesInAnotherDomainAreNotToldAnew) {
    Followed machine;
    const std::uint64_t before = machine.told.told;
    machine.store(0x11108, 0x801);  // domain 8
    EXPECT_EQ(machine.told.told, before);
}

TEST(DmaMap, ARootEntryLeadsToOtherContexts) {
    Followed machine;
    machine.store(0x10000, 0x22001);
    EXPECT_EQ(machine.told.count(), 0u);
    EXPECT_EQ(machine.told.watched, (std::set<std::uint64_t>{0x10, 0x22}));
    machine.store(0x22108, 0x701);
    machine.store(0x22100, 0x12001);
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, PassThroughIsEverything) {
    Followed machine;
    machine.store(0x11100, 0x12009);
    EXPECT_TRUE(machine.told.all);
    EXPECT_EQ(machine.told.count(), 0u);
    machine.store(0x11100, 0x12001);
    EXPECT_FALSE(machine.told.all);
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, RegistersDecideToo) {
    Followed machine;
    machine.write32(0x18, 0);  // TE off
    EXPECT_TRUE(machine.told.all);
    EXPECT_EQ(machine.told.count(), 0u);
    EXPECT_TRUE(machine.told.watched.empty());

    machine.ram.set(0x30000, 0x11001);
    machine.write64(0x20, 0x30000);  // alone it latches nothing
    machine.write32(0x18, 0x80000000);
    EXPECT_TRUE(machine.told.watched.contains(0x10));
    machine.set_root(0x30000);
    EXPECT_FALSE(machine.told.watched.contains(0x10));
    EXPECT_TRUE(machine.told.watched.contains(0x30));
    EXPECT_EQ(machine.told.count(), all_leaves);

    machine.unit.reset();
    EXPECT_TRUE(machine.told.all);
    EXPECT_EQ(machine.told.count(), 0u);
}

TEST(DmaMap, ALoadedStateIsReadAnew) {
    Followed machine;
    std::vector<std::byte> state(machine.unit.save({}));
    machine.unit.save(state);
    machine.write32(0x18, 0);
    machine.ram.set(0x14018, 0x99003);  // memory is loaded as well
    ASSERT_FALSE(machine.unit.load(state));
    EXPECT_FALSE(machine.told.all);
    EXPECT_EQ(machine.told.count(), all_leaves + 1);
}

TEST(DmaMap, WhoIsNoLongerFollowedIsToldSo) {
    Followed machine;
    machine.unit.unfollow(machine.told);
    EXPECT_EQ(machine.told.count(), 0u);
    EXPECT_TRUE(machine.told.watched.empty());
    const std::uint64_t before = machine.told.changes;
    machine.unit.stored({0x14000}, 8);
    machine.write32(0x18, 0);
    EXPECT_EQ(machine.told.changes, before);
    machine.unit.unfollow(machine.told);
}

// A store just before a page is watched is told by nobody: what counts is what is read afterwards.
TEST(DmaMap, WhatIsStoredBeforeAPageIsWatchedIsSeen) {
    Followed machine;
    machine.unit.unfollow(machine.told);
    machine.told.before_watch = [&](std::uint64_t page) {
        if (page == 0x10) machine.ram.set(0x10000, 0x22001);
        if (page == 0x22) machine.ram.set(0x22100, 0x23001);
        if (page == 0x23) machine.ram.set(0x23000, 0x24003);
        if (page == 0x24) machine.ram.set(0x24008, 0x800083);
    };
    machine.ram.set(0x22100, 0x12001);
    machine.ram.set(0x22108, 0x701);
    machine.unit.follow(device, machine.told);
    EXPECT_EQ(machine.told.count(), 512u);
    EXPECT_EQ(machine.told.watched, (std::set<std::uint64_t>{0x10, 0x22, 0x23, 0x24}));
}

TEST(DmaMap, EachPortHasItsOwnMap) {
    Followed machine;
    ToldPages other;
    machine.ram.set(0x11110, 0x12001);  // devfn 0x11 has the same tables
    machine.ram.set(0x11118, 0x701);
    machine.unit.follow({0x11}, other);
    EXPECT_EQ(other.count(), all_leaves);
    machine.store(0x11110, 0);
    EXPECT_EQ(other.count(), 0u);
    EXPECT_EQ(machine.told.count(), all_leaves);
    machine.unit.unfollow(other);
    machine.store(0x14000, 0);
    EXPECT_EQ(machine.told.count(), all_leaves - 1);
}

// -- snooping

TEST(DmaMap, PagesThatAreAlwaysSnoopedAreLeftOutIfWished) {
    const DmaMapOptions past_caches{.past_caches_only = true};
    Followed machine(Options{.snoop_control = true}, past_caches);
    EXPECT_EQ(machine.told.count(), all_leaves);
    machine.store(0x14000, 0x55803);  // SNP
    EXPECT_FALSE(machine.told.reaches(0x55000));
    machine.store(0x14018, 0x55003);  // and past the caches elsewhere
    EXPECT_TRUE(machine.told.reaches(0x55000));
    machine.store(0x14018, 0);
    machine.store(0x14000, 0x55003);
    EXPECT_EQ(machine.told.count(), all_leaves);

    Followed all(Options{.snoop_control = true});
    all.store(0x14000, 0x55803);
    EXPECT_EQ(all.told.count(), all_leaves);
}

TEST(DmaMap, AProcessThatIsAlwaysSnoopedReachesNothingPastTheCaches) {
    ScalableMachine machine(Options{.snoop_control = true});
    ToldPages past_caches, all;
    machine.set_pasid(0, 0x41, 0x1800008, 0x40001);  // first stage, PGSNP
    machine.unit.follow(device, past_caches, {.past_caches_only = true});
    machine.unit.follow(device, all);
    EXPECT_EQ(past_caches.count(), 0u);
    EXPECT_GT(all.count(), 0u);
}

// -- scalable mode

struct FollowedScalable : ScalableMachine {
    FollowedScalable() { unit.follow(device, told); }
    void store(std::uint64_t address, std::uint64_t word) { test::store(*this, told, address, word); }
    void use_pasid(std::uint64_t pasid) { store(0x11208, pasid); }  // RID_PASID

    ToldPages told;
};

TEST(DmaMap, AFirstStageGivesUsersTheirPages) {
    FollowedScalable machine;
    machine.use_pasid(1);
    EXPECT_TRUE(machine.told.reaches(0x255000));
    EXPECT_TRUE(machine.told.reaches(0x256000));
    EXPECT_FALSE(machine.told.reaches(0x257000)) << "a supervisor's";
    EXPECT_EQ(machine.told.count(), 2 + large);
    EXPECT_EQ(machine.told.watched, (std::set<std::uint64_t>{0x10, 0x11, 0x20, 0x21, 0x40, 0x41, 0x42, 0x43}));
    machine.store(0x40000, 0);  // the same tables are there a second time, from entry 511 on
    EXPECT_EQ(machine.told.count(), 2 + large);
    machine.store(0x40ff8, 0x41003);
    EXPECT_EQ(machine.told.count(), 0u);
}

TEST(DmaMap, ThePasidTablesAreOnTheWay) {
    FollowedScalable machine;
    EXPECT_EQ(machine.told.count(), all_leaves);
    machine.store(0x21000, 0x30088);  // the entry is not present
    EXPECT_EQ(machine.told.count(), 0u);
    machine.store(0x21000, 0x30089);
    EXPECT_EQ(machine.told.count(), all_leaves);
    machine.store(0x20000, 0x21000);  // nor is the directory's
    EXPECT_EQ(machine.told.count(), 0u);
    machine.store(0x20000, 0x21001);
    machine.use_pasid(3);
    EXPECT_TRUE(machine.told.all);
}

TEST(DmaMap, ANestedPairReachesWhatBothGive) {
    FollowedScalable machine;
    machine.use_pasid(2);
    for (const std::uint64_t address : {0x355000, 0x356000, 0x357000}) EXPECT_TRUE(machine.told.reaches(address));
    EXPECT_EQ(machine.told.count(), 3u + 512) << "and 2 MiB from 0x800000 on";
    EXPECT_EQ(machine.told.watched,
              (std::set<std::uint64_t>{0x10, 0x11, 0x20, 0x21, 0x50, 0x51, 0x52, 0x53, 0x70, 0x71, 0x72, 0x73}));
    machine.store(0x73010, 0x12005);  // reading by the first stage, writing by the second
    EXPECT_FALSE(machine.told.reaches(0x357000));
    machine.use_pasid(0);
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, ASecondStageMovesWhatIsOnTopOfIt) {
    FollowedScalable machine;
    machine.use_pasid(2);
    machine.store(0x53080, 0x99003);  // guest-physical 0x10000
    EXPECT_FALSE(machine.told.reaches(0x355000));
    EXPECT_TRUE(machine.told.reaches(0x99000));

    machine.ram.set(0x74000, 0x12007);  // another table of small pages, where guest-physical 0x5000 will be
    machine.store(0x53028, 0x74003);
    EXPECT_FALSE(machine.told.reaches(0x99000));
    EXPECT_TRUE(machine.told.reaches(0x357000));
    EXPECT_FALSE(machine.told.watched.contains(0x73));
    EXPECT_TRUE(machine.told.watched.contains(0x74));

    machine.store(0x53018, 0);  // the first stage's second table is nowhere
    EXPECT_EQ(machine.told.count(), 0u);
    machine.store(0x53018, 0x71002);  // may not be read there
    EXPECT_EQ(machine.told.count(), 0u);
    machine.store(0x53018, 0x71003);
    EXPECT_EQ(machine.told.count(), 1u + 512);
}

TEST(DmaMap, ALargeLeafOfTheFirstStageOnSmallOnesOfTheSecond) {
    FollowedScalable machine;
    machine.use_pasid(2);
    machine.store(0x72008, 0x87);  // guest-physical 0 to 2 MiB
    EXPECT_EQ(machine.told.count(), 3u + 4) << "the first stage's tables are there too";
    machine.store(0x53ff8, 0x99003);  // in the middle of it
    EXPECT_TRUE(machine.told.reaches(0x99000));
    machine.store(0x53ff8, 0);
    EXPECT_FALSE(machine.told.reaches(0x99000));
}

TEST(DmaMap, ANestedPairOnAnotherSecondStage) {
    FollowedScalable machine;
    machine.use_pasid(2);
    machine.ram.set(0x58000, 0x51003);
    machine.store(0x21080, 0x580c9);
    EXPECT_EQ(machine.told.count(), 3u + 512);
    EXPECT_FALSE(machine.told.watched.contains(0x50));
    machine.store(0x58000, 0);
    EXPECT_EQ(machine.told.count(), 0u);
}

// -- what no driver does

TEST(DmaMap, TablesThatLeadToThemselves) {
    Followed machine;
    for (unsigned i = 0; i < 512; ++i) machine.ram.set(0x30000 + 8 * i, 0x30003);
    machine.store(0x12010, 0x30003);
    EXPECT_TRUE(machine.told.reaches(0x30000)) << "at level 1 they are leaves";
    EXPECT_EQ(machine.told.count(), all_leaves + 1);
    machine.store(0x30000, 0x99003);  // at level 1 a page, at level 2 a table that holds nothing
    EXPECT_TRUE(machine.told.reaches(0x99000));
    machine.store(0x30008, 0);
    machine.store(0x12010, 0);
    EXPECT_EQ(machine.told.count(), all_leaves);
    EXPECT_EQ(machine.told.watched.size(), 5u);
}

// 512 entries that lead to 512 entries each, four times over, are 68 thousand million pages, and one table.
TEST(DmaMap, TablesThatManyEntriesShareCostNoMore) {
    Followed machine(Options{.address_width = 48});
    machine.store(0x11108, 0x702);  // four levels
    for (const std::uint64_t table : {0x30000, 0x31000, 0x32000}) {
        for (unsigned i = 0; i < 512; ++i) machine.ram.set(table + 8 * i, (table + 0x1000) | 3);
    }
    machine.store(0x11100, 0x30001);
    machine.store(0x33ff8, 0x99003);
    EXPECT_TRUE(machine.told.reaches(0x99000));
    EXPECT_EQ(machine.told.incompletes, 0);
    for (unsigned i = 0; i < 512; ++i) {
        EXPECT_EQ(machine.told.count(), 1u);
        machine.store(0x30000 + 8 * i, 0);
    }
    EXPECT_EQ(machine.told.count(), 0u);
}

TEST(DmaMap, TablesOutsideMemoryHoldNothing) {
    Followed machine;
    machine.store(0x13010, 0x3ffffff000 | 3);
    machine.store(0x12010, 0xfee00003);
    EXPECT_EQ(machine.told.count(), all_leaves);
    EXPECT_EQ(machine.told.watched.size(), 5u);
    machine.set_root(0x3000000000);
    EXPECT_EQ(machine.told.count(), 0u);
    machine.set_root();
    EXPECT_EQ(machine.told.count(), all_leaves);
}

TEST(DmaMap, AContextTableThatIsAPagingStructureToo) {
    Followed machine;
    machine.store(0x13010, 0x11003);  // its context entries are leaves now
    EXPECT_TRUE(machine.told.reaches(0x12000));
    machine.store(0x11200, 0x99003);
    EXPECT_TRUE(machine.told.reaches(0x99000));
    machine.store(0x11100, 0);  // and its own way is gone
    EXPECT_EQ(machine.told.count(), 0u);
    EXPECT_EQ(machine.told.watched, (std::set<std::uint64_t>{0x10, 0x11}));
}

TEST(DmaMap, MoreTablesThanAreFollowed) {
    Followed machine(Options{}, {.limits = {.tables = 4}});
    EXPECT_EQ(machine.told.incompletes, 0);
    machine.ram.set(0x20008, 0x88003);
    machine.store(0x13010, 0x20003);
    EXPECT_TRUE(machine.told.reaches(0x88000)) << "the fourth";
    machine.ram.set(0x21008, 0x89003);
    machine.store(0x13018, 0x21003);
    machine.store(0x13020, 0x22003);
    EXPECT_FALSE(machine.told.reaches(0x89000));
    EXPECT_FALSE(machine.told.watched.contains(0x21));
    EXPECT_EQ(machine.told.incompletes, 1);
    machine.store(0x13018, 0);
    machine.store(0x13010, 0);
    machine.store(0x13018, 0x21003);
    EXPECT_TRUE(machine.told.reaches(0x89000)) << "there is room again";
}

TEST(DmaMap, AChangeThatIsTooMuchWork) {
    Followed machine(Options{}, {.limits = {.entries = 3 * 512}});
    EXPECT_EQ(machine.told.incompletes, 0);
    for (unsigned i = 0; i < 4; ++i) machine.ram.set(0x20000 + 8 * i, (0x21000 + 0x1000 * i) | 3);
    machine.store(0x12010, 0x20003);
    EXPECT_EQ(machine.told.watched.size(), 5u + 3);
    EXPECT_EQ(machine.told.incompletes, 1);
}

TEST(DmaMap, MoreRunsThanAreKept) {
    Followed machine(Options{}, {.limits = {.runs = 4}});
    EXPECT_EQ(machine.told.incompletes, 0);
    machine.store(0x14018, 0x88003);
    EXPECT_EQ(machine.told.count(), all_leaves + 1);
    machine.store(0x14020, 0x8a003);
    EXPECT_EQ(machine.told.count(), 0u) << "all is taken down";
    EXPECT_EQ(machine.told.incompletes, 1);
    EXPECT_EQ(machine.told.watched, (std::set<std::uint64_t>{0x10, 0x11}));
    machine.store(0x11100, 0);  // until the device gets other tables
    machine.ram.set(0x14018, 0);
    machine.store(0x11100, 0x12001);
    EXPECT_EQ(machine.told.count(), all_leaves + 1);
}

TEST(DmaMap, ANestedPairThatIsTooMuchWorkIsTakenDown) {
    ScalableMachine machine;
    ToldPages told;
    machine.ram.set(0x11208, 2);
    machine.ram.set(0x71008, 0x40000087);  // 1 GiB of the first stage, on 512 tables of the second
    for (unsigned i = 0; i < 512; ++i) machine.ram.set(0x54000 + 8 * i, 0x53003);
    machine.ram.set(0x51008, 0x54003);
    machine.unit.follow(device, told, {.limits = {.entries = 100000}});
    EXPECT_EQ(told.incompletes, 1);
    EXPECT_EQ(told.count(), 0u);
    EXPECT_EQ(told.watched, (std::set<std::uint64_t>{0x10, 0x11, 0x20, 0x21}));
}

}  // namespace
}  // namespace remap::iommu
