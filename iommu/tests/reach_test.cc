// SPDX-License-Identifier: MIT
// What a device can reach, against what the unit answers at each page; over random tables; and tables that are made to
// keep whoever walks them busy.
#include "iommu/engine/reach.h"

#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace remap::iommu {
namespace {

using test::Machine;
using test::ScalableMachine;

using Reached = ReachedRun;

TEST(Reach, RunsOfLegacyTables) {
    Machine machine;
    machine.start();
    machine.ram.set(0x14018, 0x58003);
    machine.ram.set(0x14020, 0x59003);  // beside it
    machine.ram.set(0x14028, 0x5b003);  // not beside it
    const Reach reach = machine.unit.reach({.source = {0x10}});
    EXPECT_EQ(reach.how, Reach::How::Tables);
    EXPECT_EQ(reach.domain, 7u);
    EXPECT_FALSE(reach.cut_off_at);
    EXPECT_EQ(reach.runs, (std::vector<Reached>{{{0x0}, 0x1000, {0x55000}, true, true, false, 12},
                                                {{0x1000}, 0x1000, {0x56000}, true, false, false, 12},
                                                {{0x2000}, 0x1000, {0x57000}, false, true, false, 12},
                                                {{0x3000}, 0x2000, {0x58000}, true, true, false, 12},
                                                {{0x5000}, 0x1000, {0x5b000}, true, true, false, 12},
                                                {{0x200000}, 0x200000, {0x600000}, true, true, false, 21},
                                                {{0x40000000}, 0x40000000, {0x40000000}, true, true, false, 30}}));
}

TEST(Reach, WhatIsNotTranslatedIsSaid) {
    Machine machine;
    machine.write_tables();
    EXPECT_EQ(machine.unit.reach({.source = {0x10}}).how, Reach::How::NotTranslated);
    machine.start();
    const Reach nobody = machine.unit.reach({.source = {0x18}});
    EXPECT_EQ(nobody.how, Reach::How::Refused);
    EXPECT_EQ(nobody.reason, vtd::FaultReason::ContextNotPresent);
    EXPECT_EQ(machine.unit.reach({.source = {0x10}, .pasid = Pasid{1}}).reason, vtd::FaultReason::PasidInLegacyMode);
    machine.ram.set(0x11100, 0x9);  // type 2
    const Reach through = machine.unit.reach({.source = {0x10}});
    EXPECT_EQ(through.how, Reach::How::PassThrough);
    EXPECT_EQ(through.domain, 7u);
    EXPECT_TRUE(through.runs.empty());
}

TEST(Reach, FirstStageHasTwoHalves) {
    ScalableMachine machine;
    const Reach reach = machine.unit.reach({.source = {0x10}, .pasid = Pasid{1}});
    EXPECT_EQ(reach.kind, TranslationKind::FirstStage);
    ASSERT_EQ(reach.runs.size(), 8u);
    EXPECT_EQ(reach.runs[0], (Reached{{0x0}, 0x1000, {0x255000}, true, true, false, 12}));
    EXPECT_EQ(reach.runs[1], (Reached{{0x1000}, 0x1000, {0x256000}, true, false, false, 12}));
    EXPECT_EQ(reach.runs[3], (Reached{{0x40000000}, 0x40000000, {0x40000000}, true, true, false, 30}));
    EXPECT_EQ(reach.runs[4], (Reached{{0xffffff8000000000}, 0x1000, {0x255000}, true, true, false, 12}));
}

TEST(Reach, NestedLeavesAreCutToTheSmallerOne) {
    ScalableMachine machine;
    const Reach reach = machine.unit.reach({.source = {0x10}, .pasid = Pasid{2}});
    EXPECT_EQ(reach.kind, TranslationKind::Nested);
    EXPECT_EQ(reach.domain, 9u);
    EXPECT_EQ(reach.runs, (std::vector<Reached>{{{0x0}, 0x1000, {0x355000}, true, true, false, 12},
                                                {{0x1000}, 0x1000, {0x356000}, true, false, false, 12},
                                                {{0x2000}, 0x1000, {0x357000}, false, true, false, 12},
                                                {{0x3000}, 0x1000, {0x355000}, true, false, false, 12},
                                                {{0x200000}, 0x200000, {0x800000}, true, true, false, 21}}));
}

// Requests without PASID to the interrupt range are interrupts, and nobody may end there.
TEST(Reach, InterruptsAreCutOut) {
    ScalableMachine machine;
    machine.ram.set(0x31018, 0xc0000083);  // 3 GiB to 3 GiB
    machine.ram.set(0x41018, 0xc0000087);
    machine.ram.set(0x41020, 0x100000087);
    const Reach plain = machine.unit.reach({.source = {0x10}, .first = {0xc0000000}});
    EXPECT_EQ(plain.runs, (std::vector<Reached>{{{0xc0000000}, 0x3ee00000, {0xc0000000}, true, true, false, 30},
                                                {{0xfef00000}, 0x1100000, {0xfef00000}, true, true, false, 30}}));
    const Reach tagged =
        machine.unit.reach({.source = {0x10}, .pasid = Pasid{1}, .first = {0xc0000000}, .last = {0x13fffffff}});
    ASSERT_EQ(tagged.runs.size(), 2u);
    EXPECT_EQ(tagged.runs[1], (Reached{{0xfef00000}, 0x41100000, {0xfef00000}, true, true, false, 30}));
}

TEST(Reach, OnlyWhatIsAskedAbout) {
    ScalableMachine machine;
    const Reach reach = machine.unit.reach({.source = {0x10}, .first = {0x1800}, .last = {0x2fff}});
    EXPECT_EQ(reach.runs, (std::vector<Reached>{{{0x1800}, 0x800, {0x156800}, true, false, false, 12},
                                                {{0x2000}, 0x1000, {0x157000}, false, true, false, 12}}));
    EXPECT_TRUE(machine.unit.reach({.source = {0x10}, .first = {2}, .last = {1}}).runs.empty());
    EXPECT_TRUE(machine.unit.reach({.source = {0x10}, .first = {1ull << 48}}).runs.empty());
}

// Asked in pieces of one run, from where each ended, the answer is the same as at once.
TEST(Reach, GoesOnWhereItWasCutOff) {
    for (const std::uint32_t pasid : {0u, 1u, 2u}) {
        ScalableMachine machine;
        const Reach whole = machine.unit.reach({.source = {0x10}, .pasid = Pasid{pasid}});
        std::vector<Reached> pieces;
        ReachQuestion question{.source = {0x10}, .pasid = Pasid{pasid}, .most_runs = 1};
        for (unsigned turns = 0; turns < 20; ++turns) {
            const Reach piece = machine.unit.reach(question);
            EXPECT_LE(piece.runs.size(), 1u);
            pieces.insert(pieces.end(), piece.runs.begin(), piece.runs.end());
            if (!piece.cut_off_at) break;
            ASSERT_GT(*piece.cut_off_at, question.first);
            question.first = *piece.cut_off_at;
        }
        EXPECT_EQ(pieces, whole.runs);
    }
}

// One page is every table: 2^45 leaves of every kind, in loops that only the levels end.
TEST(Reach, TablesThatLeadToThemselves) {
    ScalableMachine machine{Options{.address_width = 57}};
    machine.set_pasid(0, 0x5008d, 0x800007, 0x1);
    machine.set_pasid(2, 0x500cd, 0x800009, 0x2005);
    for (unsigned i = 0; i < 512; ++i) machine.ram.set(0x50000 + 8 * i, 0x50007);
    for (const std::uint32_t pasid : {0u, 2u}) {
        ReachQuestion question{.source = {0x10}, .pasid = Pasid{pasid}, .most_entries = 100000, .most_runs = 1 << 20};
        for (unsigned turns = 0; turns < 3; ++turns) {
            const Reach reach = machine.unit.reach(question);
            EXPECT_LE(reach.entries, 100000u);
            ASSERT_TRUE(reach.cut_off_at) << "and says so";
            EXPECT_GT(*reach.cut_off_at, question.first) << "and gets on";
            EXPECT_FALSE(reach.runs.empty());
            question.first = *reach.cut_off_at;
        }
    }
}

TEST(Reach, EmptyTablesThatAreSharedEndToo) {
    ScalableMachine machine;
    for (unsigned i = 0; i < 512; ++i) machine.ram.set(0x30000 + 8 * i, 0x31003);
    for (unsigned i = 0; i < 512; ++i) machine.ram.set(0x31000 + 8 * i, 0x34003);
    for (unsigned i = 0; i < 512; ++i) machine.ram.set(0x34000 + 8 * i, 0x35003);  // 0x35000 is empty
    const Reach reach = machine.unit.reach({.source = {0x10}, .most_entries = 1 << 20});
    EXPECT_TRUE(reach.cut_off_at);
    EXPECT_TRUE(reach.runs.empty());
    EXPECT_LE(reach.entries, 1u << 20);
}

// ---- against the unit's own answers ----

constexpr unsigned levels = 4;
constexpr std::uint64_t pool = 0x200000;  // eight pages: second-stage tables of levels 4 to 1, then first-stage ones
constexpr unsigned indexes[] = {0, 1, 3, 511};

class RandomReach : public testing::TestWithParam<unsigned> {
protected:
    RandomReach() {
        machine_.set_pasid(0, pool | 0x89, 0x800007, 0x1);
        machine_.set_pasid(1, 0x41, 0x800008, (pool + 0x4000) | 1);
        machine_.set_pasid(2, pool | 0xc9, 0x800009, (pool + 0x4000) | 1);
        machine_.link_pool(pool);
    }

    unsigned below(unsigned limit) { return std::uniform_int_distribution<unsigned>(0, limit - 1)(random_); }
    unsigned index() { return indexes[below(4)]; }

    std::uint64_t entry(unsigned page) {
        static constexpr std::uint64_t places[] = {0, 0x155000, 0x400000, 0xc0000000, 0xfee00000, 0x3fff000000};
        const unsigned level = 4 - page % 4;
        const std::uint64_t rights = below(3) == 0 ? below(8) : 7;
        const std::uint64_t odd =
            (below(8) == 0 ? 0x80 : 0) | (below(12) == 0 ? 1ull << 51 : 0) | (below(8) == 0 ? 0x800 : 0);
        if (level > 1 && below(3) != 0) return (pool + 0x1000 * (page + 1)) | rights | odd;
        if (level == 4) return places[below(6)] | rights;
        const std::uint64_t size = std::uint64_t{0x1000} << 9 * (level - 1);
        const std::uint64_t place = below(2) != 0 ? places[below(6)] & ~(size - 1) : size * below(4);
        return place | rights | odd | (level > 1 ? 0x80 : 0);
    }

    void change() {
        const unsigned page = below(8);
        machine_.ram.set(pool + 0x1000 * page + 8 * index(), below(6) == 0 ? 0 : entry(page));
    }

    // The run that an address is in, if any.
    static const Reached* run_of(const Reach& reach, std::uint64_t address) {
        for (const Reached& run : reach.runs) {
            if (address >= run.logical.value && address - run.logical.value < run.bytes) return &run;
        }
        return nullptr;
    }

    void compare(const Reach& reach, const std::optional<Pasid>& pasid, std::uint64_t address) {
        Request request{.source = {0x10}, .address = {address}, .pasid = pasid};
        // By the tables, without the faults of bits that would have to be set: PWSNP is on, and a second stage that may
        // not be written is the only other cause. A nested first stage's tables are then not reached for the access.
        const Translation reading = machine_.unit.probe(request);
        request.access = Access::Write;
        const Translation writing = machine_.unit.probe(request);
        const bool interrupt = !pasid && address >= 0xfee00000 && address <= 0xfeefffff;
        const Reached* const run = run_of(reach, address);
        const bool readable = reading.allowed && !interrupt;
        const bool writable = writing.allowed && !interrupt;
        ASSERT_EQ(run != nullptr && run->readable, readable) << std::hex << address;
        ASSERT_EQ(run != nullptr && run->writable, writable) << std::hex << address;
        if (run == nullptr) return;
        const Translation& either = readable ? reading : writing;
        ASSERT_EQ(run->physical.value + (address - run->logical.value), either.address.value) << std::hex << address;
        ASSERT_EQ(run->snooped, either.snooped) << std::hex << address;
        ++compared_;
        if (either.granule == 0x100000) return;  // a leaf that has interrupts in it
        ASSERT_EQ(std::uint64_t{1} << run->leaf_shift, either.granule);
    }

    std::mt19937 random_{GetParam()};
    ScalableMachine machine_{Options{.snoop_control = true}};
    unsigned compared_ = 0;
};

TEST_P(RandomReach, RunsAreWhatTheUnitAnswers) {
    for (int step = 0; step < 300; ++step) {
        change();
        const std::uint32_t number = below(3);
        const bool tagged = number != 0 || below(2) != 0;
        ReachQuestion question{.source = {0x10}};
        if (tagged) question.pasid = Pasid{number};
        const Reach reach = machine_.unit.reach(question);
        ASSERT_EQ(reach.how, Reach::How::Tables);
        for (std::size_t i = 1; i < reach.runs.size(); ++i)
            ASSERT_LE(reach.runs[i - 1].logical.value + reach.runs[i - 1].bytes, reach.runs[i].logical.value);
        for (unsigned place = 0; place < 256; ++place) {
            std::uint64_t address = 0;
            for (unsigned level = 0; level < levels; ++level)
                address = address << 9 | indexes[place >> (2 * (levels - 1 - level)) & 3];
            address = address << page_shift | below(0x1000);
            compare(reach, question.pasid, address);
            if (address >> 47 != 0) compare(reach, question.pasid, address | 0xffff000000000000);
            if (HasFatalFailure()) FAIL() << "step " << step;
        }
        for (const std::uint64_t address : {0xfedfffffull, 0xfee00000ull, 0xfeefffffull, 0xfef00000ull})
            compare(reach, question.pasid, address);
        // And what lies around the ends of runs.
        for (std::size_t i = 0; i < std::min<std::size_t>(reach.runs.size(), 50) && !HasFatalFailure(); ++i) {
            const Reached& run = reach.runs[below(static_cast<unsigned>(reach.runs.size()))];
            for (const std::uint64_t address :
                 {run.logical.value - 1, run.logical.value, run.logical.value + run.bytes / 2,
                  run.logical.value + run.bytes - 1, run.logical.value + run.bytes})
                compare(reach, question.pasid, address);
        }
        if (HasFatalFailure()) FAIL() << "step " << step;
    }
    EXPECT_GT(compared_, 1000u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomReach, testing::Range(1u, 7u));

}  // namespace
}  // namespace remap::iommu
