// SPDX-License-Identifier: MIT
// The way of a request, entry by entry, by addresses and words of the manual's formats; and that looking changes
// nothing.
#include "iommu/engine/explanation.h"

#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace remap::iommu {
namespace {

using test::Machine;
using test::ScalableMachine;
using What = TableStep::What;
using Purpose = TableStep::Purpose;
using vtd::FaultReason;

Request request_of(std::optional<std::uint32_t> pasid, std::uint64_t address, Access access = Access::Read) {
    Request request{.source = {0x10}, .address = {address}, .access = access};
    if (pasid) request.pasid = Pasid{*pasid};
    return request;
}

// What a step is, where it was read, and its first word.
struct Seen {
    What what;
    unsigned level;
    std::uint64_t at;
    std::uint64_t word;
    friend bool operator==(const Seen&, const Seen&) = default;
};
std::ostream& operator<<(std::ostream& to, const Seen& seen) {
    return to << "{" << static_cast<int>(seen.what) << ", " << seen.level << std::hex << ", 0x" << seen.at << ", 0x"
              << seen.word << std::dec << "}";
}
std::vector<Seen> seen(const Explanation& told) {
    std::vector<Seen> all;
    for (const TableStep& step : told.steps) all.push_back({step.what, step.level, step.at.value, step.words[0]});
    return all;
}

TEST(Explanation, LegacyWayFromRootToLeaf) {
    Machine machine;
    machine.start();
    const Explanation told = machine.unit.explain(request_of({}, 0x1234));
    EXPECT_TRUE(told.translates);
    EXPECT_EQ(told.root_table, 0x10000u);
    EXPECT_EQ(seen(told), (std::vector<Seen>{{What::RootEntry, 0, 0x10000, 0x11001},
                                             {What::ContextEntry, 0, 0x11100, 0x12001},
                                             {What::SecondStageEntry, 3, 0x12000, 0x13003},
                                             {What::SecondStageEntry, 2, 0x13000, 0x14003},
                                             {What::SecondStageEntry, 1, 0x14008, 0x56001}}));
    EXPECT_EQ(told.steps[1].words[1], 0x701u);
    EXPECT_EQ(told.steps[1].count, 2u);
    EXPECT_EQ(told.steps[4].input, 0x1234u);
    EXPECT_TRUE(told.memory.translation.allowed);
    EXPECT_EQ(told.memory.translation.address.value, 0x56234u);
    EXPECT_EQ(told.memory.translation.granule, 0x1000u);
    EXPECT_FALSE(told.memory.translation.writable);
    ASSERT_TRUE(told.route);
    EXPECT_EQ(told.route->domain, 7u);
    EXPECT_EQ(told.route->kind, TranslationKind::SecondStage);
    EXPECT_FALSE(told.stale());
}

TEST(Explanation, EndsAtTheEntryThatDecides) {
    Machine machine;
    machine.start();
    machine.ram.set(0x13000, 0);
    const Explanation told = machine.unit.explain(request_of({}, 0));
    EXPECT_EQ(told.memory.reason, FaultReason::NoRead);
    EXPECT_EQ(seen(told).back(), (Seen{What::SecondStageEntry, 2, 0x13000, 0}));
    machine.ram.set(0x10000, 0);
    EXPECT_EQ(seen(machine.unit.explain(request_of({}, 0))), (std::vector<Seen>{{What::RootEntry, 0, 0x10000, 0}}));
    machine.ram.set(0x10000, 0x7000001);  // beyond RAM
    const Explanation beyond = machine.unit.explain(request_of({}, 0));
    EXPECT_EQ(beyond.memory.reason, FaultReason::ContextUnreadable);
    EXPECT_FALSE(beyond.steps.back().answered);
    EXPECT_EQ(beyond.steps.back().at.value, 0x7000100u);
}

// The second stage is looked through for each table of the first, and then for what the device asked for.
TEST(Explanation, NestedWayInTheOrderInWhichItIsGone) {
    ScalableMachine machine;
    const Explanation told = machine.unit.explain(request_of(2, 0x123));
    ASSERT_EQ(told.steps.size(), 4u + 4 * 5 + 4 * 4 + 4) << "each entry is read, then marked";
    EXPECT_EQ(seen(told)[0], (Seen{What::ScalableRootEntry, 0, 0x10000, 0x11001}));
    EXPECT_EQ(seen(told)[1], (Seen{What::ScalableContextEntry, 0, 0x11200, 0x20009}));
    EXPECT_EQ(seen(told)[2], (Seen{What::PasidDirectoryEntry, 0, 0x20000, 0x21001}));
    EXPECT_EQ(seen(told)[3], (Seen{What::PasidEntry, 0, 0x21080, 0x500c9}));
    EXPECT_EQ(told.steps[3].count, 8u);
    EXPECT_EQ(told.steps[3].words[2], 0x2001u);
    for (unsigned table = 0; table < 4; ++table) {
        for (unsigned level = 4; level > 0; --level) {
            const TableStep& step = told.steps[4 + table * 5 + 4 - level];
            EXPECT_EQ(step.what, What::SecondStageEntry);
            EXPECT_EQ(step.level, level);
            EXPECT_EQ(step.purpose, Purpose::ReadEntry);
        }
        const TableStep& first = told.steps[4 + table * 5 + 4];
        EXPECT_EQ(first.what, What::FirstStageEntry);
        EXPECT_EQ(first.level, 4 - table);
        EXPECT_EQ(first.at.value, 0x70000u + 0x1000 * table);
        EXPECT_EQ(first.guest_at, 0x2000u + 0x1000 * table);
        EXPECT_EQ(first.input, 0x123u);
    }
    for (unsigned i = 24; i < 40; ++i) EXPECT_EQ(told.steps[i].purpose, Purpose::MarkEntry);
    EXPECT_EQ(seen(told).back(), (Seen{What::SecondStageEntry, 1, 0x53080, 0x355003}));
    EXPECT_EQ(told.steps.back().purpose, Purpose::Data);
    EXPECT_EQ(told.steps.back().input, 0x10123u);
    EXPECT_EQ(told.memory.translation.address.value, 0x355123u);
}

TEST(Explanation, LeavesNoTrace) {
    ScalableMachine machine;
    machine.set_pasid(0, 0x30289, 0x800007, 0x1);  // SSADE
    for (const std::uint32_t pasid : {0u, 1u, 2u}) {
        for (const Access access : {Access::Read, Access::Write}) {
            for (std::uint64_t address = 0; address < 0x6000; address += 0x1000)
                machine.unit.explain(request_of(pasid, address, access));
        }
    }
    EXPECT_EQ(machine.unit.statistics().translations, 0u);
    EXPECT_EQ(machine.unit.statistics().walks, 0u);
    EXPECT_EQ(machine.read32(0x34), 0u) << "FSTS";
    EXPECT_EQ(machine.ram.get(0x43000), 0x255007u) << "no accessed or dirty bit";
    EXPECT_EQ(machine.ram.get(0x33000), 0x155003u);
    EXPECT_EQ(machine.ram.get(0x70000), 0x3007u);
    // Nothing was cached: what the tables say now is what the next request gets.
    machine.ram.set(0x33000, 0x199003);
    EXPECT_EQ(machine.at(0, 0), 0x199000u);
}

// The same verdict as the access itself, whatever it is.
TEST(Explanation, AgreesWithTheAccess) {
    ScalableMachine machine{Options{.device_tlb = false}};
    for (const std::uint32_t pasid : {0u, 1u, 2u, 3u, 4u, 0x2000u}) {
        for (const bool privileged : {false, true}) {
            for (const Access access : {Access::Read, Access::Write}) {
                for (const std::uint64_t address : {0x0ull, 0x1000ull, 0x2000ull, 0x3000ull, 0x200000ull, 0x40000000ull,
                                                    0xfee00000ull, 0x800000000000ull, 0xffffff8000000000ull, ~0ull}) {
                    Request request = request_of(pasid, address, access);
                    request.privileged = privileged;
                    const Explanation told = machine.unit.explain(request);
                    const Translation got = machine.ask(pasid, address, access, privileged);
                    EXPECT_EQ(told.memory.translation.allowed, got.allowed) << pasid << " " << address;
                    EXPECT_EQ(static_cast<unsigned>(told.memory.reason), got.fault_reason) << pasid << " " << address;
                    EXPECT_FALSE(told.stale());
                    if (!got.allowed) continue;
                    EXPECT_EQ(told.memory.translation.address, got.address);
                }
            }
        }
    }
}

TEST(Explanation, KnowsWhichCacheStillSaysSomethingElse) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(0, 0), 0x155000u);
    EXPECT_FALSE(machine.unit.explain(request_of(0, 0)).stale());
    machine.ram.set(0x33000, 0);  // unmapped, and not invalidated
    const Explanation told = machine.unit.explain(request_of(0, 0));
    EXPECT_TRUE(told.stale());
    EXPECT_TRUE(told.used_iotlb);
    EXPECT_FALSE(told.used_tables);
    EXPECT_EQ(told.memory.reason, FaultReason::SecondStageNotPresent);
    EXPECT_TRUE(told.cached.translation.allowed);
    EXPECT_EQ(told.cached.translation.address.value, 0x155000u);
    machine.forget_everything();
    EXPECT_FALSE(machine.unit.explain(request_of(0, 0)).stale());
    EXPECT_FALSE(machine.unit.explain(request_of(0, 0)).used_iotlb);

    EXPECT_EQ(machine.at(0, 0x1000), 0x156000u);
    machine.ram.set(0x21000, 0);  // the PASID table entry, which a page that is not cached goes by
    const Explanation other = machine.unit.explain(request_of(0, 0x200000));
    EXPECT_TRUE(other.stale());
    EXPECT_TRUE(other.used_pasids);
    EXPECT_TRUE(other.used_contexts);
    EXPECT_EQ(other.memory.reason, FaultReason::PasidNotPresent);
}

// A translation request that a page request may mend is answered and not refused: the reason is told all the same.
TEST(Explanation, WhatADeviceIsNotToldOf) {
    struct Devices final : DevicePort {
        void invalidate(const DeviceInvalidation&) override {}
        void answer(const PageAnswer&) override {}
        void start_timer() override {}
    } devices;
    test::Ram ram;
    test::Interrupts interrupts;
    Iommu unit({.device_tlb = true}, {.memory = ram, .interrupts = interrupts, .devices = &devices});
    ram.set(0x10000, 0x11001);
    ram.set(0x11100, 0x12005);  // type 1: the device may ask
    ram.set(0x11108, 0x701);
    ram.set(0x12000, 0x13003);
    ram.set(0x13000, 0x14003);
    ram.set(0x14000, 0x55001);
    unit.write(0x20, 0x10000, 8);
    unit.write(0x18, 0x40000000, 4);
    unit.write(0x18, 0x80000000, 4);
    Request request = request_of({}, 0x1000);
    request.type = RequestType::Translation;
    const Explanation told = unit.explain(request);
    EXPECT_FALSE(told.memory.translation.allowed);
    EXPECT_EQ(told.memory.translation.fault_reason, 0u);
    EXPECT_EQ(told.memory.reason, FaultReason::NoRead);
    // Rights to write are asked for and reading is what there is: the way is told once.
    request.address = {0};
    request.access = Access::Write;
    const Explanation reading = unit.explain(request);
    EXPECT_TRUE(reading.memory.translation.allowed);
    EXPECT_EQ(reading.steps.size(), 5u);
    request.type = RequestType::Translated;
    const Explanation translated = unit.explain(request);
    EXPECT_EQ(translated.steps.size(), 2u);
    EXPECT_TRUE(translated.memory.translation.allowed);
}

// Bits that would have to be set and cannot: the access meets a fault that a look that sets nothing would not.
TEST(Explanation, MeetsTheFaultsOfAccessedBits) {
    ScalableMachine machine;
    machine.set_pasid(1, 0x41, 0x8, 0x40001);  // no PWSNP
    const Explanation told = machine.unit.explain(request_of(1, 0));
    EXPECT_EQ(told.memory.reason, FaultReason::FirstStageUpdateNeedsSnoop);
    EXPECT_FALSE(told.stale());
    EXPECT_EQ(machine.ask(1, 0).fault_reason, 0x90u);

    machine.ram.set(0x53010, 0x70001);  // the second stage lets the first one's root be read only
    const Explanation nested = machine.unit.explain(request_of(2, 0));
    EXPECT_EQ(nested.memory.reason, FaultReason::NestedEntryNotWritable);
    EXPECT_EQ(nested.steps.back().purpose, Purpose::MarkEntry);
    EXPECT_EQ(machine.ask(2, 0).fault_reason, 0x77u);
}

TEST(Explanation, IsBounded) {
    ScalableMachine machine{Options{.address_width = 57}};
    machine.set_pasid(2, 0x500cd, 0x800009, 0x2005);  // five levels each
    // One page is every table of both stages.
    for (unsigned i = 0; i < 512; ++i) machine.ram.set(0x50000 + 8 * i, 0x50007);
    const Explanation told = machine.unit.explain(request_of(2, 0x123, Access::Write));
    EXPECT_TRUE(told.memory.translation.allowed);
    EXPECT_EQ(told.steps.size(), 4u + 5 * 6 + 5 * 5 + 5) << "read, marked, and the data";
    EXPECT_LE(told.steps.size(), LookupTrace::most_steps);
}

TEST(Explanation, OfAnInterrupt) {
    Machine machine{Options{.interrupt_remapping = true}};
    machine.ram.set(0x50010, 0x0000050000310001);  // entry 1: vector 0x31 to APIC 5
    machine.ram.set(0x50018, 0x40010);             // of source 0x10 alone
    machine.write64(0xb8, 0x50003);                // 16 entries
    machine.write32(0x18, 0x01000000);
    machine.write32(0x18, 0x02000000);
    const InterruptMessage message{0xfee00030, 0};  // handle 1
    const InterruptExplanation told = machine.unit.explain_interrupt({0x10}, message);
    EXPECT_TRUE(told.remaps);
    EXPECT_EQ(told.table_register, 0x50003u);
    ASSERT_TRUE(told.step);
    EXPECT_EQ(told.step->at.value, 0x50010u);
    EXPECT_EQ(told.step->words[1], 0x40010u);
    EXPECT_EQ(told.memory.reason, FaultReason::None);
    EXPECT_EQ(told.memory.message.data & 0xff, 0x31u);
    EXPECT_FALSE(told.used_cache);
    EXPECT_EQ(machine.unit.explain_interrupt({0x18}, message).memory.reason, FaultReason::InterruptSourceRefused);
    EXPECT_EQ(machine.unit.explain_interrupt({0x10}, {0xfee00210, 0}).memory.reason,
              FaultReason::InterruptIndexBeyondTable);

    EXPECT_TRUE(machine.unit.remap_interrupt({0x10}, message).allowed);
    machine.ram.set(0x50010, 0);
    const InterruptExplanation stale = machine.unit.explain_interrupt({0x10}, message);
    EXPECT_TRUE(stale.stale());
    EXPECT_TRUE(stale.used_cache);
    EXPECT_EQ(stale.memory.reason, FaultReason::InterruptNotPresent);
    EXPECT_EQ(machine.unit.statistics().interrupts, 1u);
}

}  // namespace
}  // namespace remap::iommu
