// SPDX-License-Identifier: MIT
// What was done is what is written down: the trace, the lane of injections and the counters tell one story, also when
// many threads act at once.
#include "iommu/lab/tests/lab_bench.h"

#include <algorithm>
#include <map>
#include <thread>

namespace remap::lab {
namespace {

std::vector<Kind> kinds_of(const std::vector<Event>& events) {
    std::vector<Kind> found;
    for (const Event& event : events) found.push_back(event.kind);
    std::ranges::sort(found);
    return found;
}

TEST_F(Lab, TheTraceTellsWhatHappens) {
    trace.take();
    trace.recorder.switch_on(true);
    access();
    Event made = dma();
    made.result = 0x55000;
    laboratory.dma_done(made, laboratory.dma(dma()));
    access(0x9000);
    put_all({{0x12, 0}, {std::uint64_t{device} << 32 | 3, 0x1000}});
    unit.device_invalidated({device}, devices.invalidations.at(0).tag);
    put_all({{wait_all, status}});
    unit.request_page({.source = {device}, .address = {0x9000}, .read = true, .group = 5});
    answer_page(5);
    laboratory.interrupted({device}, {0xfee00000, 0x41}, unit.remap_interrupt({device}, {0xfee00000, 0x41}));
    EXPECT_EQ(kinds_of(trace.take()),
              (std::vector<Kind>{Kind::Dma, Kind::Translation, Kind::Translation, Kind::Walk, Kind::Walk, Kind::Fault,
                                 Kind::Interrupt, Kind::UnitInterrupt, Kind::Invalidation, Kind::Completion,
                                 Kind::DeviceInvalidation, Kind::DeviceAnswer, Kind::PageRequest, Kind::PageAnswer}));
    trace.recorder.switch_on(false);
    access();
    EXPECT_TRUE(trace.take().empty());
}

TEST_F(Lab, ACopyCountsAsItsTwoAccesses) {
    trace.take();
    trace.recorder.switch_on(true);
    laboratory.dma_copied({.source = device, .bytes = 100}, 2);
    EXPECT_EQ(kinds_of(trace.take()), (std::vector<Kind>{Kind::Dma, Kind::Dma}));
    const auto total = [&](Count what) { return counters->total_of(device, what); };
    EXPECT_EQ(total(Count::Translations), 2u);
    EXPECT_EQ(total(Count::Reads), 1u);
    EXPECT_EQ(total(Count::Writes), 1u);
    EXPECT_EQ(total(Count::ReadBytes), 100u);
    EXPECT_EQ(total(Count::WrittenBytes), 100u);
}

TEST_F(Lab, EventsAreCountedWhetherOrNotTheyAreTraced) {
    access();
    access();
    access(0x9000);
    Event write = dma(0x1000, 100);
    write.flags = flag::write;
    laboratory.dma_done(write, {});
    laboratory.dma_done(dma(0, 50), {});
    Event refused = dma();
    refused.flags = flag::refused;
    laboratory.dma_done(refused, {});
    forget_translations();
    const auto total = [&](Count what) { return counters->total_of(device, what); };
    EXPECT_EQ(total(Count::Translations), 3u);
    EXPECT_EQ(total(Count::RefusedTranslations), 1u);
    EXPECT_EQ(total(Count::Walks), 2u);
    EXPECT_EQ(total(Count::Faults), 1u);
    EXPECT_EQ(total(Count::WrittenBytes), 100u);
    EXPECT_EQ(total(Count::ReadBytes), 50u);
    EXPECT_EQ(total(Count::Reads), 1u);
    EXPECT_EQ(total(Count::Writes), 1u);
    EXPECT_EQ(total(Count::RefusedAccesses), 1u);
    EXPECT_EQ(counters->total(CounterTable::unit, Count::Invalidations), 1u);
}

TEST_F(Lab, MessagesAreCountedWithWhomeverTheyAreOf) {
    const iommu::PageRequest wish{.source = {device}, .address = {0x9000}, .read = true, .group = 5};
    unit.request_page(wish);
    unit.request_page(wish);
    laboratory.interrupted({device}, {0xfee00000, 0x41}, {});
    tell_device();
    unit.device_invalidated({device}, devices.invalidations.at(0).tag);
    put_all({{wait_all, status}});
    EXPECT_EQ(counters->total_of(device, Count::PageRequests), 2u);
    EXPECT_EQ(counters->total_of(device, Count::Interrupts), 1u);
    EXPECT_EQ(counters->total_of(device, Count::Invalidations), 1u);
    EXPECT_EQ(counters->total(CounterTable::unit, Count::Completions), 1u);
    EXPECT_EQ(counters->total(CounterTable::unit, Count::UnitInterrupts), 1u);
}

// What a rule took away is in the trace all the same, as what it would have been.
TEST_F(Lab, WhatIsKeptBackIsWrittenDownAsSuch) {
    using Flags = std::vector<std::uint8_t>;
    constexpr std::uint8_t lost = flag::refused | flag::tampered;
    const auto flags_of = [&](Kind kind) {
        Flags found;
        for (const Event& event : trace.take())
            if (event.kind == kind) found.push_back(event.flags);
        return found;
    };
    trace.recorder.switch_on(true);
    use({rule(Kind::Invalidation, {.deed = Deed::Drop})});
    forget_translations();
    EXPECT_EQ(flags_of(Kind::Invalidation), Flags{lost});
    use({rule(Kind::PageRequest, {.deed = Deed::Drop})});
    unit.request_page({.source = {device}, .address = {0x9000}, .read = true, .group = 5});
    EXPECT_EQ(flags_of(Kind::PageRequest), Flags{lost});
    use({rule(Kind::UnitInterrupt, {.deed = Deed::Drop})});
    put_all({{wait_all, status}});
    EXPECT_EQ(flags_of(Kind::UnitInterrupt), Flags{lost});
    use({rule(Kind::Entry, {.deed = Deed::FlipBit, .bit = 62})});
    access();
    EXPECT_EQ(flags_of(Kind::Entry).at(0), flag::tampered);
    use({rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 9})});
    answer_page(4);
    EXPECT_EQ(flags_of(Kind::PageAnswer), Flags{flag::tampered});
    use({rule(Kind::DeviceInvalidation, {.deed = Deed::Silence})});
    tell_device();
    EXPECT_EQ(flags_of(Kind::DeviceInvalidation), Flags{lost});
}

TEST_F(Lab, AnInterruptThatIsRefusedHasNoResult) {
    trace.take();
    trace.recorder.switch_on(true);
    laboratory.interrupted({device}, {0xfee00010, 0x41}, {.message = {0xfee01000, 0x30}, .fault_reason = 0x25});
    laboratory.interrupted({device}, {0xfee00010, 0x41}, {.allowed = true, .message = {0xfee01000, 0x30}});
    const std::vector<Event> events = trace.take();
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].flags, flag::write | flag::refused);
    EXPECT_EQ(events[0].code, 0x25u);
    EXPECT_EQ(events[0].result, 0u);
    EXPECT_EQ(events[1].flags, flag::write);
    EXPECT_EQ(events[1].result, 0xfee01000u);
}

TEST_F(Lab, WhatARuleHadPartInIsMarked) {
    use({rule(Kind::Translation, {.deed = Deed::WrongPage, .pages = 1})});
    trace.recorder.switch_on(true);
    access();
    for (const Event& event : trace.take()) {
        if (event.kind != Kind::Translation) continue;
        EXPECT_EQ(event.flags, flag::tampered);
        EXPECT_EQ(event.result, 0x56000u);
    }
}

// Each rule acts by chance, on several threads; of what each thread sees it keeps its own books.
TEST_F(Lab, InjectedIsObservedIsReported) {
    std::vector<Rule> rules = {
        rule(Kind::Translation, {.deed = Deed::Refuse}, "refused"),
        rule(Kind::Dma, {.deed = Deed::FlipBit, .bit = 1}, "flipped"),
        rule(Kind::Interrupt, {.deed = Deed::Drop}, "lost"),
        rule(Kind::Packet, {.deed = Deed::Hang}, "hung"),
    };
    for (Rule& one : rules) one.when.probability = 0.2;
    use(rules);
    constexpr unsigned threads = 3, rounds = 100;
    std::array<std::array<std::uint64_t, 4>, threads> seen{};
    {
        std::vector<std::jthread> workers;
        for (auto& books : seen)
            workers.emplace_back([&] {
                for (unsigned i = 0; i < rounds; ++i) {
                    books[0] += !access(i % 2 * 0x1000).allowed;
                    const DmaOrder order = laboratory.dma(dma());
                    books[1] += order.flip;
                    laboratory.dma_done(dma(), order);
                    books[2] += !unit.remap_interrupt({device}, {0xfee00000, 0x41}).allowed;
                    books[3] += laboratory.packet({.kind = Kind::Packet, .source = device});
                }
            });
    }
    std::map<std::uint32_t, std::uint64_t> reported;
    std::map<std::uint32_t, std::uint64_t> highest;
    const std::vector<Event> records = injections();
    for (const Event& record : records) {
        ++reported[record.code];
        highest[record.code] = std::max(highest[record.code], record.detail);
    }
    const std::vector<RuleCount> counts = decisions.counts();
    for (std::uint32_t number = 0; number < 4; ++number) {
        std::uint64_t injected = 0;
        for (const auto& books : seen) injected += books[number];
        EXPECT_GT(injected, 0u);
        EXPECT_EQ(reported[number], injected) << "rule " << number;
        EXPECT_EQ(highest[number], injected) << "rule " << number;
        EXPECT_EQ(counts[number].acted, injected) << "rule " << number;
        EXPECT_EQ(counts[number].injected, injected) << "rule " << number;
        EXPECT_EQ(counts[number].matched, threads * rounds) << "rule " << number;
    }
    EXPECT_EQ(counters->total_of(device, Count::Injections), records.size());
}

// ---- what comes later ----

TEST_F(Lab, WhatIsDelayedComesInTheOrderOfItsTimes) {
    Rule slow = rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 100}, "slow");
    slow.when.times = 1;
    use({slow, rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 30}, "quick")});
    for (unsigned group = 1; group <= 3; ++group) answer_page(group);
    EXPECT_EQ(port.timer, 30u);
    expire_timer();
    ASSERT_EQ(devices.answers.size(), 2u);
    EXPECT_EQ(devices.answers[0].group, 2);
    EXPECT_EQ(devices.answers[1].group, 3);
    EXPECT_EQ(port.timer, 100u);
    expire_timer();
    EXPECT_EQ(devices.answers.size(), 3u);
    EXPECT_FALSE(port.timer);
}

TEST_F(Lab, TheTimerIsForTheFirstOfAll) {
    Rule quick = rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 30}, "quick");
    quick.when.times = 1;
    use({quick, rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 100}, "slow")});
    answer_page(1);
    answer_page(2);
    EXPECT_EQ(port.timer, 30u);
}

TEST_F(Lab, WhatHasNoPlaceIsNotDelayed) {
    use({rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 30})});
    for (unsigned i = 0; i < Later::most + 5; ++i) answer_page(1);
    EXPECT_EQ(devices.answers.size(), 5u);
    EXPECT_EQ(injections().size(), Later::most);
    expire_timer();
    EXPECT_EQ(devices.answers.size(), Later::most + 5);
}

TEST_F(Lab, BeforeAStateIsSavedNothingIsLeftForLater) {
    use({rule(Kind::PageAnswer, {.deed = Deed::Delay, .nanoseconds = 30}),
         rule(Kind::Completion, {.deed = Deed::Delay, .nanoseconds = 30}, "another")});
    answer_page(1);
    put_all({{wait_all, status}});
    laboratory.settle();
    EXPECT_EQ(devices.answers.size(), 1u);
    EXPECT_TRUE(waited());
}

TEST_F(Lab, ARuleMayWaitForAnother) {
    Rule first = rule(Kind::Dma, {.deed = Deed::Refuse});
    first.when.nth = 2;
    Rule second = rule(Kind::Packet, {.deed = Deed::Hang}, "another");
    second.when.after = Pattern{.kind = Kind::Injection};
    use({first, second});
    const Event packet{.kind = Kind::Packet, .source = device};
    laboratory.dma(dma());
    EXPECT_FALSE(laboratory.packet(packet));
    laboratory.dma(dma());
    EXPECT_TRUE(laboratory.packet(packet));
}

// An interrupt that is answered by an interrupt: one at a time, for ever.
TEST_F(Lab, WhatADeedCausesComesTheNextTime) {
    use({rule(Kind::UnitInterrupt, {.deed = Deed::Interrupt, .vector = 1, .of_unit = true})});
    put_all({{wait_all, status}});
    EXPECT_EQ(interrupts.sent.size(), 1u);
    for (std::size_t more = 2; more < 5; ++more) {
        expire_timer();
        EXPECT_EQ(interrupts.sent.size(), more);
    }
}

class Told final : public iommu::Observer {
public:
    void walked(const iommu::Request&, PhysicalAddress, std::uint64_t) override { ++walks; }
    unsigned walks = 0;
};

TEST_F(Lab, AnObserverThatWasThereIsToldToo) {
    Told told;
    Laboratory other(decisions, trace.recorder, *counters, port);
    iommu::Iommu watched({.scalable = true},
                         other.around({.memory = ram, .interrupts = interrupts, .observer = &told}));
    other.attach(watched);
    watched.write(0x20, 0x10400, 8);
    watched.write(0x18, 0x40000000, 4);
    watched.write(0x18, 0x80000000, 4);
    watched.translate(request());
    EXPECT_EQ(told.walks, 1u);
}

}  // namespace
}  // namespace remap::lab
