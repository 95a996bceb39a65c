// SPDX-License-Identifier: MIT
// What a unit tells who watches it.
#include "iommu/engine/observer.h"

#include "iommu/engine/stale_uses.h"
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remap::iommu {
namespace {

using What = Invalidation::What;
using Scope = Invalidation::Scope;

// Keeps all that it was told, a word for the kind of each event in `kinds`.
class Notes final : public Observer {
public:
    void walked(const Request& request, PhysicalAddress entry_at, std::uint64_t entry) override {
        kinds.push_back("walk");
        last_request = request;
        last_entry_at = entry_at.value;
        last_entry = entry;
    }
    void faulted(const Request& request, vtd::FaultReason reason, FaultFate fate) override {
        kinds.push_back("fault");
        last_request = request;
        last_reason = reason;
        fates.push_back(fate);
    }
    void interrupt_faulted(SourceId source, std::uint16_t index, vtd::FaultReason reason, FaultFate fate) override {
        kinds.push_back("interrupt fault");
        last_request.source = source;
        last_index = index;
        last_reason = reason;
        fates.push_back(fate);
    }
    void invalidated(const Invalidation& done) override {
        kinds.push_back("invalidation");
        invalidations.push_back(done);
    }
    void wait_done(const WaitDone& wait) override {
        kinds.push_back("wait");
        last_wait = wait;
    }
    void queue_stopped(vtd::queue_error::Info info, std::uint64_t head) override {
        kinds.push_back("queue error");
        last_error = info;
        last_head = head;
    }
    void stale_use(const StaleUse& use) override {
        kinds.push_back("stale use");
        last_stale_uses = use.uses;
    }

    std::vector<std::string> take() { return std::exchange(kinds, {}); }

    std::vector<std::string> kinds;
    std::vector<FaultFate> fates;
    std::vector<Invalidation> invalidations;
    Request last_request;
    std::uint64_t last_entry_at = 0, last_entry = 0, last_head = 0, last_stale_uses = 0;
    std::uint16_t last_index = 0;
    vtd::FaultReason last_reason = vtd::FaultReason::None;
    vtd::queue_error::Info last_error = vtd::queue_error::Info::None;
    WaitDone last_wait;
};

using Kinds = std::vector<std::string>;

class Watched : public testing::Test {
protected:
    explicit Watched(const Options& options = {}) : machine(options, nullptr, &notes) {
        machine.start();
        notes.take();
        notes.invalidations.clear();
    }

    // Puts 128-bit descriptors into a queue at 0x80000 and works it off.
    void queue(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& descriptors) {
        std::uint64_t at = 0x80000;
        for (const auto& [low, high] : descriptors) {
            machine.ram.set(at, low);
            machine.ram.set(at + 8, high);
            at += 16;
        }
        machine.write64(0x90, 0x80000);
        machine.write32(0x18, 0x84000000);
        machine.write64(0x88, at - 0x80000);
    }

    Notes notes;
    test::Machine machine;
};

TEST_F(Watched, AWalkIsToldAndWhatTheCachesKnowIsNot) {
    machine.access(0x10, 0x123, Access::Write);
    EXPECT_EQ(notes.take(), Kinds{"walk"});
    EXPECT_EQ(notes.last_request.source.value, 0x10);
    EXPECT_EQ(notes.last_request.address.value, 0x123u);
    EXPECT_EQ(notes.last_request.access, Access::Write);
    EXPECT_EQ(notes.last_entry_at, 0x14000u);
    EXPECT_EQ(notes.last_entry, 0x55003u);
    machine.access(0x10, 0x456);
    EXPECT_EQ(notes.take(), Kinds{});
}

TEST_F(Watched, AQuestionWithoutATraceIsNotTold) {
    machine.unit.probe({0x10}, {0x123}, Access::Read);
    machine.unit.probe({0x10}, {0x3000}, Access::Read);
    EXPECT_EQ(notes.take(), Kinds{});
}

TEST_F(Watched, AFaultIsToldWithWhatBecameOfIt) {
    machine.access(0x10, 0x3000);
    EXPECT_EQ(notes.take(), (Kinds{"walk", "fault"}));
    EXPECT_EQ(notes.last_reason, vtd::FaultReason::NoRead);
    EXPECT_EQ(notes.last_request.address.value, 0x3000u);
    machine.access(0x10, 0x3000);
    for (std::uint64_t page = 4; page < 12; ++page) machine.access(0x10, page << 12);
    std::vector<FaultFate> wanted(10, FaultFate::Recorded);
    wanted[1] = FaultFate::Collapsed;
    wanted[9] = FaultFate::Lost;
    EXPECT_EQ(notes.fates, wanted);
    machine.ram.set(0x11100, 0x12003);  // FPD
    machine.invalidate_all();
    machine.access(0x10, 0x3000);
    EXPECT_EQ(notes.fates.back(), FaultFate::Silenced);
}

TEST_F(Watched, AWalkThatAContextEntryEndsIsTold) {
    machine.access(0x11, 0);
    EXPECT_EQ(notes.take(), (Kinds{"walk", "fault"}));
    EXPECT_EQ(notes.last_entry_at, 0x11110u);
    EXPECT_EQ(notes.last_entry, 0u);
    EXPECT_EQ(notes.last_reason, vtd::FaultReason::ContextNotPresent);
}

TEST_F(Watched, InvalidationsByRegisterAreTold) {
    machine.write64(0x28, 0xc000000000000007);  // contexts of domain 7
    machine.write64(0xf0, 0x12345044);          // address mask 4, leaves only
    machine.write64(0xf8, 0xb000000700000000);  // pages of domain 7
    ASSERT_EQ(notes.invalidations.size(), 2u);
    EXPECT_EQ(notes.invalidations[0].what, What::Contexts);
    EXPECT_EQ(notes.invalidations[0].scope, Scope::Domain);
    EXPECT_EQ(notes.invalidations[0].domain, 7);
    EXPECT_EQ(notes.invalidations[1].what, What::Translations);
    EXPECT_EQ(notes.invalidations[1].scope, Scope::Pages);
    EXPECT_EQ(notes.invalidations[1].domain, 7);
    EXPECT_EQ(notes.invalidations[1].first, 0x12340000u);
    EXPECT_EQ(notes.invalidations[1].count, 16u);
    EXPECT_TRUE(notes.invalidations[1].leaves_only);
}

TEST_F(Watched, TheQueueIsTold) {
    queue({{0x0000'0010'0007'0031, 0},        // contexts of device 0x10, domain 7
           {0x22, 0},                         // translations of domain 0
           {0x0000'abcd'0000'0035, 0x90000},  // a wait: status and interrupt
           {0x13, 0}});                       // no such type here
    EXPECT_EQ(notes.take(), (Kinds{"invalidation", "invalidation", "wait", "queue error"}));
    EXPECT_EQ(notes.invalidations[0].scope, Scope::Device);
    EXPECT_EQ(notes.invalidations[0].source.value, 0x10);
    EXPECT_EQ(notes.invalidations[1].scope, Scope::Domain);
    EXPECT_TRUE(notes.last_wait.writes && notes.last_wait.interrupts);
    EXPECT_EQ(notes.last_wait.address.value, 0x90000u);
    EXPECT_EQ(notes.last_wait.data, 0xabcdu);
    EXPECT_EQ(notes.last_error, vtd::queue_error::Info::BadType);
    EXPECT_EQ(notes.last_head, 0x30u);
}

class WatchedInterrupts : public Watched {
protected:
    WatchedInterrupts() : Watched({.interrupt_remapping = true}) {
        machine.write64(0xb8, 0x20007);  // 256 entries
        machine.write32(0x18, 0x81000000);
        machine.write32(0x18, 0x82000000);
    }

    void request(std::uint64_t index) { machine.unit.remap_interrupt({0x10}, {0xfee00010 | index << 5, 0}); }
};

TEST_F(WatchedInterrupts, ARefusedInterruptIsTold) {
    request(9);
    EXPECT_EQ(notes.take(), Kinds{"interrupt fault"});
    EXPECT_EQ(notes.last_request.source.value, 0x10);
    EXPECT_EQ(notes.last_index, 9);
    EXPECT_EQ(notes.last_reason, vtd::FaultReason::InterruptNotPresent);
    EXPECT_EQ(notes.fates, std::vector{FaultFate::Recorded});
    machine.ram.set(0x20090, 0x2);  // FPD
    request(9);
    EXPECT_EQ(notes.fates.back(), FaultFate::Silenced);
}

// The entry is present and is cached, and lets another source through only.
TEST_F(WatchedInterrupts, OneThatIsRefusedInSilenceByACachedEntryIsToldToo) {
    machine.ram.set(0x20090, 0x3);
    machine.ram.set(0x20098, 0x40020);  // SVT 1, SID 0x20
    request(9);
    request(9);
    EXPECT_EQ(notes.take(), (Kinds{"interrupt fault", "interrupt fault"}));
    EXPECT_EQ(notes.fates, (std::vector{FaultFate::Silenced, FaultFate::Silenced}));
}

TEST_F(WatchedInterrupts, InvalidationsOfEntriesAreTold) {
    queue({{0x0000'0018'1800'0014, 0}, {0x4, 0}});
    ASSERT_EQ(notes.invalidations.size(), 2u);
    EXPECT_EQ(notes.invalidations[0].what, What::InterruptEntries);
    EXPECT_EQ(notes.invalidations[0].scope, Scope::Entries);
    EXPECT_EQ(notes.invalidations[0].first, 0x18u);
    EXPECT_EQ(notes.invalidations[0].count, 8u);
    EXPECT_EQ(notes.invalidations[1].scope, Scope::All);
}

class WatchedForStaleUses : public Watched {
protected:
    WatchedForStaleUses() : Watched({.detect_stale_uses = true}) {}
};

TEST_F(WatchedForStaleUses, EachIsTold) {
    machine.access(0x10, 0);
    machine.ram.set(0x14000, 0x58003);
    notes.take();
    machine.access(0x10, 0);
    EXPECT_EQ(notes.take(), Kinds{"stale use"});
    EXPECT_EQ(notes.last_stale_uses, 1u);
    machine.access(0x10, 8);
    EXPECT_EQ(notes.take(), Kinds{"stale use"});
    EXPECT_EQ(notes.last_stale_uses, 2u);
    machine.unit.reset();
    machine.start();
    machine.access(0x10, 0);
    machine.ram.set(0x14000, 0x59003);
    machine.access(0x10, 0);
    EXPECT_EQ(notes.take().back(), "stale use") << "after a reset too";
}

TEST(Unwatched, AUnitDoesTheSame) {
    test::Machine machine({.interrupt_remapping = true, .detect_stale_uses = true});
    machine.start();
    machine.access(0x10, 0);
    machine.ram.set(0x14000, 0x58003);
    machine.access(0x10, 0);
    EXPECT_EQ(machine.reason(0x10, 0x3000), 0x6u);
    EXPECT_EQ(machine.unit.statistics().stale_uses, 1u);
}

}  // namespace
}  // namespace remap::iommu
