// SPDX-License-Identifier: MIT
// Each deed, on each kind of event that it acts on: what software and devices see, and that it is written down once.
#include "iommu/lab/tests/lab_bench.h"

namespace remap::lab {
namespace {

using iommu::PageRequest;

// ---- translation, dma ----

TEST_F(Lab, ATranslationMeetsAFault) {
    use({rule(Kind::Translation, {.deed = Deed::Fault, .reason = 0x81})});
    const iommu::Translation answer = access(0x123);
    EXPECT_FALSE(answer.allowed);
    EXPECT_EQ(answer.fault_reason, 0x81);
    EXPECT_EQ(read32(0x34), 2u);
    EXPECT_EQ(read64(0x228) >> 32 & 0xff, 0x81u);
    expect_one(Deed::Fault, Kind::Translation);
}

TEST_F(Lab, ATranslationIsRefused) {
    use({rule(Kind::Translation, {.deed = Deed::Refuse})});
    EXPECT_FALSE(access().allowed);
    EXPECT_EQ(read32(0x34), 0u);
    expect_one(Deed::Refuse, Kind::Translation);
    EXPECT_FALSE(access().allowed);
    expect_one(Deed::Refuse, Kind::Translation, 2);
}

TEST_F(Lab, ATranslationTakesItsTime) {
    use({rule(Kind::Translation, {.deed = Deed::Delay, .nanoseconds = 5000})});
    EXPECT_EQ(access().address.value, 0x55000u);
    EXPECT_EQ(port.waits, std::vector<std::uint64_t>{5000});
    expect_one(Deed::Delay, Kind::Translation);
}

TEST_F(Lab, ATranslationIsOfAnotherPage) {
    use({rule(Kind::Translation, {.deed = Deed::WrongPage, .pages = 2})});
    EXPECT_EQ(access(0x123).address.value, 0x57123u);
    expect_one(Deed::WrongPage, Kind::Translation);
    EXPECT_FALSE(access(0x9000).allowed);  // nothing is there: nothing is moved, and nothing is written down
    EXPECT_TRUE(injections().empty());
}

TEST_F(Lab, AnAccessIsRefused) {
    use({rule(Kind::Dma, {.deed = Deed::Refuse})});
    EXPECT_TRUE(laboratory.dma(dma()).refuse);
    expect_one(Deed::Refuse, Kind::Dma);
}

TEST_F(Lab, AnAccessTakesItsTime) {
    use({rule(Kind::Dma, {.deed = Deed::Delay, .nanoseconds = 70})});
    const DmaOrder order = laboratory.dma(dma());
    EXPECT_FALSE(order.refuse || order.flip);
    laboratory.dma_done(dma(), order);
    EXPECT_EQ(port.waits, std::vector<std::uint64_t>{70});
    expect_one(Deed::Delay, Kind::Dma);
}

TEST_F(Lab, ABitOfDataIsFlippedIfTheAccessIsMade) {
    use({rule(Kind::Dma, {.deed = Deed::FlipBit, .bit = 12})});
    DmaOrder order = laboratory.dma(dma());
    EXPECT_TRUE(order.flip);
    laboratory.dma_done(dma(), order);
    expect_one(Deed::FlipBit, Kind::Dma);

    order = laboratory.dma(dma());
    Event refused = dma();
    refused.flags = flag::refused;
    laboratory.dma_done(refused, order);
    EXPECT_TRUE(injections().empty());

    unsigned char data[4] = {};
    Laboratory::flip_bit(data, sizeof data, 12);
    EXPECT_EQ(data[1], 0x10);
    Laboratory::flip_bit(data, sizeof data, 12 + 32);
    EXPECT_EQ(data[1], 0);
}

TEST_F(Lab, NothingIsAskedOfWhatNoRuleIsAbout) {
    use({rule(Kind::Dma, {.deed = Deed::Refuse})});
    EXPECT_TRUE(access().allowed);
    EXPECT_FALSE(laboratory.armed());
    use({rule(Kind::Translation, {.deed = Deed::Refuse})});
    EXPECT_TRUE(laboratory.armed());
    EXPECT_FALSE(laboratory.dma(dma()).refuse);
    remove("a rule");
    EXPECT_FALSE(laboratory.armed());
    EXPECT_TRUE(access().allowed);
}

// ---- entry ----

TEST_F(Lab, ABitOfAnEntryIsFlippedAsTheUnitReadsIt) {
    Rule flip = rule(Kind::Entry, {.deed = Deed::FlipBit, .bit = 13});
    flip.when.pattern.entry_first = 0x16000;
    flip.when.pattern.entry_last = 0x16007;
    use({flip});
    EXPECT_EQ(unit.probe({device}, {0}, iommu::Access::Read).address.value, 0x55000u);
    EXPECT_TRUE(injections().empty()) << "a probe is no use";
    EXPECT_EQ(access().address.value, 0x57000u);
    expect_one(Deed::FlipBit, Kind::Entry);
    EXPECT_EQ(ram.get(0x16000), 0x55003u);
    EXPECT_EQ(access().address.value, 0x57000u) << "the IOTLB has it so";
    remove("a rule");
    forget_translations();
    EXPECT_EQ(access().address.value, 0x55000u);
}

TEST_F(Lab, AFlippedPresentBitIsAFault) {
    Rule flip = rule(Kind::Entry, {.deed = Deed::FlipBit, .bit = 0});
    flip.when.pattern.entry_first = flip.when.pattern.entry_last = 0x11200;  // the context entry
    use({flip});
    EXPECT_EQ(access().fault_reason, 0x41);  // SCT.2: the context entry is not present
    EXPECT_EQ(injections().size(), 1u);
}

// ---- interrupts ----

TEST_F(Lab, AnInterruptIsLostOrMeetsAFault) {
    use({rule(Kind::Interrupt, {.deed = Deed::Drop})});
    EXPECT_FALSE(unit.remap_interrupt({device}, {0xfee00000, 0x41}).allowed);
    EXPECT_EQ(read32(0x34), 0u);
    expect_one(Deed::Drop, Kind::Interrupt);
    use({rule(Kind::Interrupt, {.deed = Deed::Fault, .reason = 0x24})});
    EXPECT_EQ(unit.remap_interrupt({device}, {0xfee00000, 0x41}).fault_reason, 0x24);
    EXPECT_EQ(read32(0x34), 2u);
    expect_one(Deed::Fault, Kind::Interrupt);
}

TEST_F(Lab, AnInterruptOfTheUnitIsLost) {
    use({rule(Kind::UnitInterrupt, {.deed = Deed::Drop})});
    put_all({{wait_all, status}});
    EXPECT_TRUE(waited());
    EXPECT_EQ(read32(0x9c), 1u);  // IWC
    EXPECT_TRUE(interrupts.sent.empty());
    expect_one(Deed::Drop, Kind::UnitInterrupt);
    remove("a rule");
    write32(0x9c, 1);
    put_all({{wait_all, status}});
    EXPECT_EQ(interrupts.sent.size(), 1u);
}

TEST_F(Lab, AnInterruptThatNobodyAskedForComesBesides) {
    use({rule(Kind::Translation, {.deed = Deed::Interrupt, .vector = 3, .source = device})});
    EXPECT_TRUE(access().allowed);
    EXPECT_TRUE(injections().empty());
    expire_timer();
    EXPECT_EQ(port.raised, std::vector<std::uint32_t>{3});
    expect_one(Deed::Interrupt, Kind::Translation);

    use({rule(Kind::Invalidation, {.deed = Deed::Interrupt,
                                   .vector = static_cast<std::uint32_t>(iommu::InterruptSource::InvalidationCompletion),
                                   .of_unit = true})});
    forget_translations();
    expire_timer();
    ASSERT_EQ(interrupts.sent.size(), 1u);
    EXPECT_EQ(interrupts.sent[0].data, 0x4051u);
    EXPECT_EQ(read32(0x9c), 0u);
    expect_one(Deed::Interrupt, Kind::Invalidation);
}

TEST_F(Lab, WhatNoDeviceDoesIsNotWrittenDown) {
    use({rule(Kind::Dma, {.deed = Deed::Interrupt, .vector = 3, .source = 0x99}),
         rule(Kind::Translation, {.deed = Deed::Remove, .source = 0x98}, "another")});
    laboratory.dma(dma());
    access();
    expire_timer();
    EXPECT_TRUE(port.raised.empty());
    EXPECT_EQ(port.removals, 0u);
    EXPECT_TRUE(injections().empty());
}

TEST_F(Lab, ADeviceIsPulledOut) {
    use({rule(Kind::Dma, {.deed = Deed::Remove, .source = device})});
    EXPECT_FALSE(laboratory.dma(dma()).refuse);
    expire_timer();
    EXPECT_EQ(port.removals, 1u);
    expect_one(Deed::Remove, Kind::Dma);
}

// ---- faults ----

TEST_F(Lab, TheFaultLogIsFull) {
    use({rule(Kind::Fault, {.deed = Deed::FullLog})});
    EXPECT_FALSE(access(0x9000).allowed);
    EXPECT_EQ(read32(0x34), 1u);  // PFO
    expect_one(Deed::FullLog, Kind::Fault);
    EXPECT_FALSE(access(0x9000).allowed);
    EXPECT_TRUE(injections().empty()) << "that one is lost without our help";
}

// A fault that is not recorded is an event all the same.
TEST_F(Lab, EachFaultIsDecidedOnce) {
    Rule waits = rule(Kind::Dma, {.deed = Deed::Refuse});
    waits.when.after = Pattern{.kind = Kind::Fault};
    waits.when.after_count = 3;
    use({waits});
    for (unsigned i = 0; i < 2; ++i) EXPECT_FALSE(access(0x9000).allowed);  // recorded, collapsed
    EXPECT_FALSE(laboratory.dma(dma()).refuse);
    access(0x9000);
    EXPECT_TRUE(laboratory.dma(dma()).refuse);
}

// ---- the queue ----

TEST_F(Lab, AnInvalidationIsDropped) {
    access();
    ram.set(0x16000, 0x99003);
    use({rule(Kind::Invalidation, {.deed = Deed::Drop})});
    put_all({{0x12, 0}, {wait_all, status}});
    EXPECT_TRUE(waited());
    EXPECT_EQ(access().address.value, 0x55000u);
    expect_one(Deed::Drop, Kind::Invalidation);
}

TEST_F(Lab, AnInvalidationTakesItsTime) {
    access();
    ram.set(0x16000, 0x99003);
    use({rule(Kind::Invalidation, {.deed = Deed::Delay, .nanoseconds = 1000})});
    put_all({{0x12, 0}, {wait_all, status}});
    EXPECT_EQ(head(), 0u);
    EXPECT_EQ(access().address.value, 0x55000u);
    port.time = 999;
    laboratory.timer_expired();
    EXPECT_EQ(head(), 0u);
    expire_timer();
    EXPECT_EQ(port.time, 1000u);
    EXPECT_TRUE(waited());
    EXPECT_EQ(access().address.value, 0x99000u);
    expect_one(Deed::Delay, Kind::Invalidation);
}

TEST_F(Lab, ACompletionIsDroppedOrTakesItsTime) {
    use({rule(Kind::Completion, {.deed = Deed::Drop})});
    put_all({{wait_all, status}});
    EXPECT_EQ(head(), tail);
    EXPECT_FALSE(waited());
    expect_one(Deed::Drop, Kind::Completion);
    use({rule(Kind::Completion, {.deed = Deed::Delay, .nanoseconds = 10})});
    put_all({{wait_all, status}});
    EXPECT_FALSE(waited());
    expire_timer();
    EXPECT_TRUE(waited());
    expect_one(Deed::Delay, Kind::Completion);
}

TEST_F(Lab, AQueueThatIsStuckGoesOnWhenItsRuleIsRemoved) {
    Rule never = rule(Kind::Packet, {.deed = Deed::Hang}, "never");
    Rule other = rule(Kind::Completion, {.deed = Deed::Stick}, "other");
    other.when.nth = 1000;
    for (const Kind kind : {Kind::Invalidation, Kind::Completion}) {
        use({never, rule(kind, {.deed = Deed::Stick}, "sticks"), other});
        ram.set(status, 0);
        const std::uint64_t before = head();
        put_all({{0x12, 0}, {wait_all, status}});
        EXPECT_EQ(head(), kind == Kind::Invalidation ? before : before + 0x20);
        EXPECT_FALSE(waited());
        EXPECT_EQ(read32(0x34), 0u);
        ASSERT_EQ(injections().size(), 1u);
        remove("never");  // its number was 0: the others' numbers are less by one
        remove("other");
        EXPECT_FALSE(waited());
        remove("sticks");
        EXPECT_TRUE(waited());
        EXPECT_EQ(head(), tail);
    }
}

// A machine that was loaded: nobody knows any more for which rule the queue stands still.
TEST_F(Lab, AQueueThatWasStuckBeforeGoesOnWhenNoRuleSticks) {
    use({rule(Kind::Completion, {.deed = Deed::Stick})});
    put_all({{wait_all, status}});
    std::vector<std::byte> state(unit.save({}));
    unit.save(state);
    Laboratory fresh(decisions, trace.recorder, *counters, port);
    iommu::Iommu loaded({.scalable = true, .device_tlb = true, .page_requests = true, .interrupt_remapping = true},
                        fresh.around({.memory = ram, .interrupts = interrupts, .devices = &devices}));
    fresh.attach(loaded);
    ASSERT_FALSE(loaded.load(state));
    fresh.rules_changed();
    EXPECT_FALSE(waited());
    ASSERT_EQ(decisions.remove("a rule"), "");
    fresh.rules_changed();
    EXPECT_TRUE(waited());
}

TEST_F(Lab, AResetEndsADelay) {
    use({rule(Kind::Completion, {.deed = Deed::Delay, .nanoseconds = 10})});
    put_all({{wait_all, status}});
    unit.reset();
    laboratory.reset();
    expire_timer();
    EXPECT_FALSE(waited());
    EXPECT_FALSE(port.timer);
}

// ---- devices ----

TEST_F(Lab, ADeviceIgnoresAnInvalidationAndSaysThatItObeyed) {
    use({rule(Kind::DeviceInvalidation, {.deed = Deed::Drop})});
    tell_device();
    put_all({{wait_all, status}});
    EXPECT_TRUE(devices.invalidations.empty());
    EXPECT_FALSE(waited());
    expire_timer();
    EXPECT_TRUE(waited());
    expect_one(Deed::Drop, Kind::DeviceInvalidation);
}

TEST_F(Lab, ADeviceIsSilentAndTheUnitTimesOut) {
    use({rule(Kind::DeviceInvalidation, {.deed = Deed::Silence})});
    tell_device();
    put_all({{wait_all, status}});
    EXPECT_TRUE(devices.invalidations.empty());
    EXPECT_FALSE(port.timer);
    unit.timer_expired();
    unit.timer_expired();
    EXPECT_EQ(read32(0x34), 0x40u);  // ITE
    EXPECT_FALSE(waited());
    expect_one(Deed::Silence, Kind::DeviceInvalidation);
}

TEST_F(Lab, ADeviceHearsOfAnInvalidationLater) {
    use({rule(Kind::DeviceInvalidation, {.deed = Deed::Delay, .nanoseconds = 50})});
    tell_device();
    EXPECT_TRUE(devices.invalidations.empty());
    expire_timer();
    ASSERT_EQ(devices.invalidations.size(), 1u);
    EXPECT_EQ(devices.invalidations[0].first.value, 0x1000u);
    expect_one(Deed::Delay, Kind::DeviceInvalidation);
}

TEST_F(Lab, APageRequestMeetsAFaultOrIsLost) {
    const PageRequest wish{.source = {device}, .address = {0x9000}, .read = true, .group = 5};
    use({rule(Kind::PageRequest, {.deed = Deed::Fault, .reason = 0x5b})});
    unit.request_page(wish);
    EXPECT_EQ(read64(0x228) >> 32 & 0xff, 0x5bu);
    ASSERT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(devices.answers[0].group, 5);
    EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::InvalidRequest);
    expect_one(Deed::Fault, Kind::PageRequest);
    use({rule(Kind::PageRequest, {.deed = Deed::Drop})});
    unit.request_page(wish);
    EXPECT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(read64(0xc8), 0u);  // PQT
    expect_one(Deed::Drop, Kind::PageRequest);
    remove("a rule");
    unit.request_page(wish);
    EXPECT_EQ(read64(0xc8), 0x20u);
}

TEST_F(Lab, APageAnswerIsLostOrComesLater) {
    use({rule(Kind::PageAnswer, {.deed = Deed::Silence})});
    answer_page(3);
    EXPECT_TRUE(devices.answers.empty());
    expect_one(Deed::Silence, Kind::PageAnswer);
    use({rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 9})});
    answer_page(4);
    EXPECT_TRUE(devices.answers.empty());
    expire_timer();
    ASSERT_EQ(devices.answers.size(), 1u);
    EXPECT_EQ(devices.answers[0].group, 4);
    expect_one(Deed::Delay, Kind::PageAnswer);
}

TEST_F(Lab, AResetForgetsWhatWasOnItsWay) {
    use({rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 9}, "an answer"),
         rule(Kind::DeviceInvalidation, {.deed = Deed::Delay, .nanoseconds = 9}, "an invalidation"),
         rule(Kind::Completion, {.deed = Deed::Interrupt, .vector = 2, .source = device}, "an interrupt")});
    answer_page(3);
    put_all({{wait_all, status}});
    tell_device();
    EXPECT_EQ(injections().size(), 2u);
    unit.reset();
    laboratory.reset();
    port.time += 9;
    laboratory.timer_expired();
    EXPECT_TRUE(devices.answers.empty());
    EXPECT_TRUE(devices.invalidations.empty());
    EXPECT_TRUE(port.raised.empty());
}

TEST_F(Lab, ThePacketOfAnOpcodeHangs) {
    Rule hang = rule(Kind::Packet, {.deed = Deed::Hang});
    hang.when.pattern.code = 3;
    use({hang});
    EXPECT_FALSE(laboratory.packet({.kind = Kind::Packet, .source = device, .code = 2}));
    EXPECT_TRUE(laboratory.packet({.kind = Kind::Packet, .source = device, .code = 3}));
    expect_one(Deed::Hang, Kind::Packet);
}

}  // namespace
}  // namespace remap::lab
