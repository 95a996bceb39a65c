// SPDX-License-Identifier: MIT
// What becomes of a unit's work when somebody interferes with it. Registers, records and descriptors are hex numbers of
// the manual.
#include "iommu/engine/injector.h"

#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace remap::iommu {
namespace {

using vtd::FaultReason;

class Meddler final : public Injector {
public:
    Meddler() { armed_ = true; }
    void arm(bool on) { armed_ = on; }

    Tampering translating(const Request& request) override {
        translations.push_back(request.address.value);
        return translation;
    }
    void moved(const Request&, const Tampering& how, const Translation&) override { marks.push_back(how.mark[0]); }
    MessageTampering interrupting(SourceId, const InterruptMessage&) override {
        ++interrupts;
        return message;
    }
    MessageTampering requesting_page(const PageRequest&) override { return message; }
    void reading_tables_for(const Request* request) override {
        reading = request != nullptr ? request->source.value : 0;
    }
    CommandFate invalidating(const Invalidation& command) override {
        commands.push_back(command);
        return fate_of_invalidations;
    }
    CommandFate completing(const WaitDone&) override {
        ++waits;
        return fate_of_waits;
    }
    bool log_is_full(const Request&, FaultReason) override {
        ++faults;
        return full;
    }

    Tampering translation;
    MessageTampering message;
    CommandFate fate_of_invalidations = CommandFate::Execute;
    CommandFate fate_of_waits = CommandFate::Execute;
    bool full = false;
    std::uint16_t reading = 0;
    unsigned interrupts = 0, waits = 0, faults = 0;
    std::vector<std::uint64_t> translations;
    std::vector<std::uint64_t> marks;
    std::vector<Invalidation> commands;
};

class Injected : public testing::Test {
protected:
    static constexpr std::uint64_t base = 0x20000, status = 0x30000;
    static constexpr std::uint64_t wait_all = 0x1234567800000035;  // writes, interrupts, is a fence

    Injected() { machine.start(); }

    void start_queue() {
        machine.write64(0x90, base);
        machine.write32(0x18, 0x84000000);
        machine.write64(0xa0, 0x4051);  // IECTL and IEDATA: not masked
        machine.write64(0xa8, 0xfee00000);
    }
    void put(std::uint64_t low, std::uint64_t high) {
        machine.ram.set(base + tail, low);
        machine.ram.set(base + tail + 8, high);
        tail += 16;
    }
    void submit() { machine.write64(0x88, tail); }
    bool waited() { return (machine.ram.get(status) & 0xffffffff) == 0x12345678; }
    std::uint64_t head() { return machine.read64(0x80); }
    void change_page() { machine.ram.set(0x14000, 0x99003); }
    std::uint64_t page() { return machine.access(0x10, 0).address.value; }

    Meddler meddler;
    test::Machine machine{{}, nullptr, nullptr, &meddler};
    std::uint64_t tail = 0;
};

// ---- translations ----

TEST_F(Injected, NobodyIsAskedWhileNothingIsTranslatedOrNobodyIsArmed) {
    machine.write32(0x18, 0);
    page();
    EXPECT_TRUE(meddler.translations.empty());
    machine.enable();
    page();
    EXPECT_EQ(meddler.translations.size(), 1u);
    page();
    EXPECT_EQ(meddler.translations.size(), 2u) << "also of what the IOTLB knows";
    machine.access(0x10, 0xfee00000, Access::Write);
    EXPECT_EQ(meddler.translations.size(), 2u) << "an interrupt is no translation";
    meddler.arm(false);
    page();
    EXPECT_EQ(meddler.translations.size(), 2u);
}

TEST_F(Injected, AFaultIsRecordedAsRealOnesAre) {
    machine.write64(0x38, 0x404100000000);  // FECTL: not masked; FEDATA
    meddler.translation = {.what = Tampering::What::Fault, .reason = FaultReason::PagingReserved};
    const Translation answer = machine.access(0x10, 0x123, Access::Write);
    EXPECT_FALSE(answer.allowed);
    EXPECT_TRUE(answer.tampered);
    EXPECT_EQ(answer.fault_reason, 0xc);
    EXPECT_EQ(machine.read32(0x34), 2u);                    // PPF
    EXPECT_EQ(machine.read64(0x220), 0u);                   // the page
    EXPECT_EQ(machine.read64(0x228), 0x8000000c00000010u);  // F, a write, reason 0Ch, source 10h
    EXPECT_EQ(machine.interrupts.sent.size(), 1u);
    EXPECT_EQ(machine.unit.statistics().translations, 1u);
    EXPECT_EQ(machine.unit.statistics().walks, 0u);
}

// FPD keeps qualified faults of the tables out of the log; what is injected is to be seen.
TEST_F(Injected, AFaultDisableBitKeepsNothingOut) {
    machine.ram.set(0x11100, 0x12003);
    meddler.translation = {.what = Tampering::What::Fault, .reason = FaultReason::NoRead};
    EXPECT_EQ(machine.reason(0x10, 0x5000), 6u);
    EXPECT_EQ(machine.read32(0x34), 2u);
}

TEST_F(Injected, ARefusalLeavesNoRecord) {
    meddler.translation = {.what = Tampering::What::Refuse};
    const Translation answer = machine.access(0x10, 0);
    EXPECT_FALSE(answer.allowed);
    EXPECT_EQ(answer.fault_reason, 0);
    EXPECT_EQ(machine.read32(0x34), 0u);
}

TEST_F(Injected, AWrongPageIsOnePage) {
    meddler.translation = {.what = Tampering::What::Move, .pages = -3, .mark = {77, 0}};
    const Translation answer = machine.access(0x10, 0x200123);
    EXPECT_TRUE(answer.allowed);
    EXPECT_TRUE(answer.tampered);
    EXPECT_EQ(answer.address.value, 0x600123u - 0x3000);
    EXPECT_EQ(answer.granule, 4096u);  // of a leaf of 2 MiB
    EXPECT_EQ(meddler.marks, std::vector<std::uint64_t>{77});
    meddler.translation.what = Tampering::What::None;
    EXPECT_EQ(machine.access(0x10, 0x200123).address.value, 0x600123u) << "nothing of it was cached";
}

TEST_F(Injected, AWrongPageStaysWithinTheHostsWidth) {
    meddler.translation = {.what = Tampering::What::Move, .pages = -0x56};
    EXPECT_EQ(machine.access(0x10, 0x123).address.value, 0x3ffffffff123u);  // 46 bits; the right one is page 55h
}

TEST_F(Injected, WhatTheTablesRefuseIsNotMoved) {
    meddler.translation = {.what = Tampering::What::Move, .pages = 1};
    EXPECT_EQ(machine.reason(0x10, 0x5000), 6u);
    EXPECT_EQ(machine.read64(0x228), 0xc000000600000010u);
    EXPECT_TRUE(meddler.marks.empty());
}

// Probes look too, and say nothing.
TEST_F(Injected, TablesAreReadForTheRequestThatNeedsThem) {
    std::vector<std::uint16_t> readers;
    machine.ram.before_read = [&](std::uint64_t) { readers.push_back(meddler.reading); };
    machine.unit.probe({0x10}, {0}, Access::Read);
    EXPECT_EQ(readers, std::vector<std::uint16_t>(readers.size(), 0));
    readers.clear();
    page();
    EXPECT_GE(readers.size(), 5u);  // root, context, three levels
    EXPECT_EQ(readers, std::vector<std::uint16_t>(readers.size(), 0x10));
    EXPECT_EQ(meddler.reading, 0);
    machine.ram.before_read = nullptr;
}

// ---- commands ----

TEST_F(Injected, ADroppedInvalidationCountsAsDone) {
    start_queue();
    page();
    change_page();
    meddler.fate_of_invalidations = CommandFate::Drop;
    put(0x12, 0);  // IOTLB, global
    put(wait_all, status);
    submit();
    EXPECT_TRUE(waited());
    EXPECT_EQ(head(), tail);
    EXPECT_EQ(page(), 0x55000u);
    ASSERT_EQ(meddler.commands.size(), 3u);  // with the two registers of the start
    EXPECT_EQ(meddler.commands.back().what, Invalidation::What::Translations);
}

TEST_F(Injected, ADroppedInvalidationByRegisterCountsAsDone) {
    page();
    change_page();
    meddler.fate_of_invalidations = CommandFate::Drop;
    machine.write64(0xf8, 0x9000000000000000);
    EXPECT_EQ(machine.read64(0xf8), 0x1200000000000000u);  // IVT is 0, IAIG says global
    machine.write64(0x28, 0xa000000000000000);
    EXPECT_EQ(machine.read64(0x28), 0x2800000000000000u);  // ICC is 0, CAIG says global
    EXPECT_EQ(page(), 0x55000u);
}

TEST_F(Injected, ADroppedWaitTellsNobody) {
    start_queue();
    meddler.fate_of_waits = CommandFate::Drop;
    put(wait_all, status);
    put(0x12, 0);
    submit();
    EXPECT_EQ(head(), tail);
    EXPECT_FALSE(waited());
    EXPECT_EQ(machine.read32(0x9c), 0u);  // IWC
    EXPECT_TRUE(machine.interrupts.sent.empty());
}

TEST_F(Injected, AHeldCommandHoldsUpWhatIsBehindItWithoutAnError) {
    start_queue();
    page();
    change_page();
    meddler.fate_of_invalidations = CommandFate::Hold;
    put(0x11, 0);  // contexts
    put(0x12, 0);
    put(wait_all, status);
    submit();
    submit();
    EXPECT_EQ(head(), 0u);
    EXPECT_EQ(machine.read32(0x34), 0u);
    EXPECT_FALSE(waited());
    EXPECT_EQ(page(), 0x55000u);
    const std::size_t asked = meddler.commands.size();
    meddler.fate_of_invalidations = CommandFate::Execute;
    machine.unit.release_commands();
    EXPECT_EQ(head(), tail);
    EXPECT_TRUE(waited());
    EXPECT_EQ(page(), 0x99000u);
    EXPECT_EQ(meddler.commands.size(), asked + 1) << "the held one is not asked about again, the next one is";
}

TEST_F(Injected, AHeldWaitGoesOnOnce) {
    start_queue();
    meddler.fate_of_waits = CommandFate::Hold;
    put(wait_all, status);
    put(wait_all, status);
    submit();
    EXPECT_EQ(head(), 0u);
    machine.unit.release_commands();
    EXPECT_TRUE(waited());
    EXPECT_EQ(head(), 0x10u);  // the second is held
    EXPECT_EQ(meddler.waits, 2u);
    machine.unit.release_commands();
    EXPECT_EQ(head(), 0x20u);
    machine.unit.release_commands();  // nothing is
    EXPECT_EQ(meddler.waits, 2u);
}

TEST_F(Injected, AHeldInvalidationByRegisterStaysPending) {
    page();
    change_page();
    meddler.fate_of_invalidations = CommandFate::Hold;
    machine.write64(0xf8, 0x9000000000000000);
    EXPECT_EQ(machine.read64(0xf8) >> 63, 1u);
    EXPECT_EQ(page(), 0x55000u);
    machine.unit.release_commands();
    EXPECT_EQ(machine.read64(0xf8), 0x1200000000000000u);
    EXPECT_EQ(page(), 0x99000u);

    machine.write64(0x28, 0xa000000000000000);
    EXPECT_EQ(machine.read64(0x28) >> 63, 1u);
    machine.unit.release_commands();
    EXPECT_EQ(machine.read64(0x28), 0x2800000000000000u);
}

// Section 6.5.2: a queue that is enabled begins at its head, 0.
TEST_F(Injected, DisablingTheQueueForgetsTheCommand) {
    start_queue();
    meddler.fate_of_waits = CommandFate::Hold;
    put(wait_all, status);
    submit();
    machine.write32(0x18, 0x80000000);
    meddler.fate_of_waits = CommandFate::Execute;
    machine.write32(0x18, 0x84000000);
    EXPECT_TRUE(waited());
    EXPECT_EQ(meddler.waits, 2u);
}

TEST_F(Injected, AResetForgetsTheCommand) {
    start_queue();
    meddler.fate_of_waits = CommandFate::Hold;
    put(wait_all, status);
    submit();
    machine.unit.reset();
    meddler.fate_of_waits = CommandFate::Execute;
    start_queue();
    machine.start();
    submit();
    EXPECT_TRUE(waited());
}

TEST_F(Injected, AHeldCommandIsPartOfTheState) {
    start_queue();
    meddler.fate_of_waits = CommandFate::Hold;
    put(wait_all, status);
    submit();
    std::vector<std::byte> state(machine.unit.save({}));
    machine.unit.save(state);

    Meddler calm;
    test::Machine other({}, nullptr, nullptr, &calm);
    other.write_tables();
    other.ram.set(base, wait_all);
    other.ram.set(base + 8, status);
    ASSERT_FALSE(other.unit.load(state));
    EXPECT_EQ(other.read64(0x80), 0u);
    other.write64(0x88, tail);
    EXPECT_EQ(other.read64(0x80), 0u);
    other.unit.release_commands();
    EXPECT_EQ(other.read64(0x80), tail);
    EXPECT_EQ(other.ram.get(status) & 0xffffffff, 0x12345678u);
    EXPECT_EQ(calm.waits, 0u);
}

// ---- faults, messages ----

// Section 7.2.1: PFO, and nothing is recorded until software clears it. It is no condition for an event (7.3).
TEST_F(Injected, AFullLogLosesTheFault) {
    meddler.full = true;
    EXPECT_EQ(machine.reason(0x10, 0x5000), 6u);
    EXPECT_EQ(machine.read32(0x34), 1u);
    EXPECT_EQ(machine.read64(0x228), 0u);
    EXPECT_TRUE(machine.interrupts.sent.empty());
    meddler.full = false;
    machine.reason(0x10, 0x5000);
    EXPECT_EQ(machine.read32(0x34), 1u);
    EXPECT_EQ(meddler.faults, 1u) << "that one is lost anyway";
    machine.write32(0x34, 1);
    machine.reason(0x10, 0x5000);
    EXPECT_EQ(machine.read32(0x34), 2u);
}

TEST_F(Injected, AnInterruptIsLostOrMeetsAFault) {
    meddler.message = {.what = MessageTampering::What::Drop};
    InterruptOutcome outcome = machine.unit.remap_interrupt({0x10}, {0xfee00000, 0x41});
    EXPECT_FALSE(outcome.allowed);
    EXPECT_TRUE(outcome.tampered);
    EXPECT_EQ(machine.read32(0x34), 0u);
    meddler.message = {.what = MessageTampering::What::Fault, .reason = FaultReason::InterruptNotPresent};
    outcome = machine.unit.remap_interrupt({0x10}, {0xfee00098, 0});  // remappable, index 4
    EXPECT_EQ(outcome.fault_reason, 0x22);
    EXPECT_EQ(machine.read64(0x220), std::uint64_t{4} << 48);
    EXPECT_EQ(machine.read64(0x228), 0x8000002200000010u);
    meddler.arm(false);
    EXPECT_TRUE(machine.unit.remap_interrupt({0x10}, {0xfee00000, 0x41}).allowed);
    EXPECT_EQ(meddler.interrupts, 2u);
}

TEST_F(Injected, AnEventThatNobodyAskedForIsSentOrStaysPending) {
    machine.write64(0x40, 0xfee01000);
    machine.write64(0x38, 0x404180000000);  // masked
    machine.unit.raise_event(InterruptSource::FaultEvent);
    EXPECT_TRUE(machine.interrupts.sent.empty());
    EXPECT_EQ(machine.read32(0x38), 0xc0000000u);  // IM, IP
    machine.write32(0x38, 0);
    ASSERT_EQ(machine.interrupts.sent.size(), 1u);
    EXPECT_EQ(machine.interrupts.sent[0].address, 0xfee01000u);
    EXPECT_EQ(machine.interrupts.sent[0].data, 0x4041u);
    EXPECT_EQ(machine.read32(0x34), 0u);
}

}  // namespace
}  // namespace remap::iommu
