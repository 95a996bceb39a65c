// SPDX-License-Identifier: MIT
#include "iommu/lab/decisions.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace remap::lab {
namespace {

const Event dma{.kind = Kind::Dma, .source = 0x10, .address = 0x1000, .length = 64};

Rule refuse(std::string name, When when) { return {std::move(name), std::move(when), {.deed = Deed::Refuse}}; }

// Which of so many events are acted on, from 1.
std::vector<unsigned> acted_on(Decisions& decisions, unsigned events, const Event& event = dma) {
    std::vector<unsigned> numbers;
    for (unsigned i = 1; i <= events; ++i)
        if (decisions.decide(event)) numbers.push_back(i);
    return numbers;
}

std::vector<unsigned> acted_on(When when, unsigned events) {
    Decisions decisions;
    EXPECT_EQ(decisions.replace({1, {refuse("a rule", std::move(when))}}), "");
    return acted_on(decisions, events);
}

using Numbers = std::vector<unsigned>;

TEST(Decisions, WithoutRulesWantNothingAndDoNothing) {
    Decisions decisions;
    EXPECT_FALSE(decisions.wants(Kind::Dma));
    EXPECT_FALSE(decisions.decide(dma));
    EXPECT_TRUE(decisions.rules().rules.empty() && decisions.counts().empty());
}

TEST(Decisions, ChooseAmongTheEventsThatMatch) {
    const Pattern pattern{.kind = Kind::Dma};
    EXPECT_EQ(acted_on({.pattern = pattern}, 3), (Numbers{1, 2, 3}));
    EXPECT_EQ(acted_on({.pattern = pattern, .nth = 3}, 9), (Numbers{3}));
    EXPECT_EQ(acted_on({.pattern = pattern, .every = 3}, 9), (Numbers{3, 6, 9}));
    EXPECT_EQ(acted_on({.pattern = pattern, .nth = 4, .every = 2}, 9), (Numbers{4}));
    EXPECT_EQ(acted_on({.pattern = pattern, .nth = 3, .every = 2}, 9), (Numbers{}));
    EXPECT_EQ(acted_on({.pattern = pattern, .times = 2}, 9), (Numbers{1, 2}));
    EXPECT_EQ(acted_on({.pattern = pattern, .every = 2, .times = 2}, 9), (Numbers{2, 4}));
    EXPECT_EQ(acted_on({.pattern = pattern, .probability = 0}, 9), (Numbers{}));
    EXPECT_EQ(acted_on({.pattern = {.kind = Kind::Dma, .source = 0x11}}, 9), (Numbers{}));
}

TEST(Decisions, WaitForWhatHasToHappenBefore) {
    Decisions decisions;
    const When when{.pattern = {.kind = Kind::Dma}, .nth = 2, .after = Pattern{.kind = Kind::Reset}, .after_count = 2};
    ASSERT_EQ(decisions.replace({1, {refuse("a rule", when)}}), "");
    EXPECT_TRUE(decisions.wants(Kind::Dma) && decisions.wants(Kind::Reset));
    EXPECT_FALSE(decisions.wants(Kind::Entry));
    EXPECT_EQ(acted_on(decisions, 5), (Numbers{}));
    EXPECT_EQ(acted_on(decisions, 1, {.kind = Kind::Reset}), (Numbers{}));
    EXPECT_EQ(acted_on(decisions, 5), (Numbers{}));
    EXPECT_EQ(acted_on(decisions, 1, {.kind = Kind::Reset}), (Numbers{}));
    EXPECT_EQ(decisions.counts()[0].matched, 0u) << "what came before is not counted";
    EXPECT_EQ(acted_on(decisions, 5), (Numbers{2}));
}

TEST(Decisions, TakeNoEventForBothWhatIsWaitedForAndWhatMatches) {
    const Pattern pattern{.kind = Kind::Dma};
    EXPECT_EQ(acted_on({.pattern = pattern, .after = pattern, .after_count = 3}, 6), (Numbers{4, 5, 6}));
}

struct SetClock {
    std::uint64_t now = 1000;
    static std::uint64_t read(void* clock) { return static_cast<SetClock*>(clock)->now; }
};

TEST(Decisions, CountOnlyInsideTheWindow) {
    SetClock clock;
    Decisions decisions(SetClock::read, &clock);
    const When when{.pattern = {.kind = Kind::Dma}, .nth = 2, .from = 10, .until = 20};
    ASSERT_EQ(decisions.replace({1, {refuse("a rule", when)}}), "");
    const auto at = [&](std::uint64_t time) {
        clock.now = time;
        return bool(decisions.decide(dma));
    };
    EXPECT_FALSE(at(1009));
    EXPECT_FALSE(at(1010));  // the first that counts
    EXPECT_FALSE(at(1020));  // too late
    EXPECT_TRUE(at(1019));
    EXPECT_EQ(decisions.counts()[0].matched, 2u);

    clock.now = 5000;
    ASSERT_EQ(decisions.remove("a rule"), "");
    ASSERT_EQ(decisions.add(refuse("later", {.pattern = {.kind = Kind::Dma}, .until = 10})), "");
    EXPECT_TRUE(at(5009)) << "the window of a rule that was added begins with it";
    EXPECT_FALSE(at(5010));
    EXPECT_TRUE(at(4000)) << "a clock that was set back stands at the beginning";
}

TEST(Decisions, LetTheFirstRuleActAndTheOthersCount) {
    Decisions decisions;
    ASSERT_EQ(
        decisions.replace({1,
                           {refuse("second event", {.pattern = {.kind = Kind::Dma}, .nth = 2}),
                            {"all", {.pattern = {.kind = Kind::Dma}, .times = 2}, {.deed = Deed::FlipBit, .bit = 9}}}}),
        "");
    EXPECT_EQ(decisions.decide(dma), (Order{.deed = Deed::FlipBit, .bit = 9, .rule = 1, .acted = 1}));
    EXPECT_EQ(decisions.decide(dma), (Order{.deed = Deed::Refuse, .acted = 1}));
    EXPECT_EQ(decisions.decide(dma), (Order{.deed = Deed::FlipBit, .bit = 9, .rule = 1, .acted = 2}));
    EXPECT_FALSE(decisions.decide(dma));
    const auto counts = decisions.counts();
    EXPECT_EQ(counts[0].matched, 4u);
    EXPECT_EQ(counts[0].acted, 1u);
    EXPECT_EQ(counts[1].matched, 4u);
    EXPECT_EQ(counts[1].acted, 2u) << "what another rule did is not counted as acting";
}

When by_chance(double probability) { return {.pattern = {.kind = Kind::Dma}, .probability = probability}; }

TEST(Decisions, ByChanceAreForTheSeedAndTheName) {
    const auto numbers = [](std::uint64_t seed, std::vector<Rule> rules) {
        Decisions decisions;
        EXPECT_EQ(decisions.replace({seed, std::move(rules)}), "");
        return acted_on(decisions, 200);
    };
    const Numbers alone = numbers(7, {refuse("a rule", by_chance(0.1))});
    EXPECT_EQ(numbers(7, {refuse("a rule", by_chance(0.1))}), alone);
    EXPECT_NE(numbers(8, {refuse("a rule", by_chance(0.1))}), alone);
    EXPECT_NE(numbers(std::uint64_t{1} << 32 | 7, {refuse("a rule", by_chance(0.1))}), alone);
    EXPECT_NE(numbers(7, {refuse("another", by_chance(0.1))}), alone);
    EXPECT_EQ(numbers(7, {refuse("never", by_chance(0)), refuse("a rule", by_chance(0.1))}), alone);
    EXPECT_EQ(numbers(7, {refuse("a rule", by_chance(0.1)), refuse("never", by_chance(0))}), alone);
    // A seed is worth something only if it gives the same for good.
    EXPECT_EQ(alone, (Numbers{24, 34, 42, 59, 84, 112, 121, 152, 155, 161, 164, 168, 174, 190, 192, 195, 200}));
}

TEST(Decisions, ByChanceAreAsFrequentAsTheRuleSays) {
    const std::size_t acted = acted_on(by_chance(0.25), 100'000).size();
    EXPECT_GT(acted, 24'400u);  // more than four standard deviations (of 137) around 25,000
    EXPECT_LT(acted, 25'600u);
}

TEST(Decisions, RefuseWhatIsNoRuleAndStayAsTheyWere) {
    Decisions decisions;
    const RuleSet good{3, {refuse("a rule", {.pattern = {.kind = Kind::Dma}})}};
    ASSERT_EQ(decisions.replace(good), "");
    acted_on(decisions, 2);
    const RuleSet bad{4, {refuse("bad", {.pattern = {.kind = Kind::Completion}})}};
    EXPECT_EQ(decisions.replace(bad),
              "/rules/0/do/refuse: \"refuse\" is not for \"completion\", only for \"dma\", \"translation\"");
    EXPECT_EQ(decisions.add(bad.rules[0]),
              "/do/refuse: \"refuse\" is not for \"completion\", only for \"dma\", \"translation\"");
    EXPECT_EQ(decisions.add(good.rules[0]), "there is a rule \"a rule\" already");
    EXPECT_EQ(decisions.remove("other"), "there is no rule \"other\"");
    EXPECT_EQ(decisions.rules(), good);
    EXPECT_EQ(decisions.counts()[0].matched, 2u);
}

TEST(Decisions, HoldSoManyRulesAndNoMore) {
    Decisions decisions;
    for (std::size_t i = 0; i < most_rules; ++i)
        ASSERT_EQ(decisions.add(refuse(std::to_string(i), {.pattern = {.kind = Kind::Dma}, .times = 1})), "");
    EXPECT_EQ(decisions.add(refuse("more", {.pattern = {.kind = Kind::Dma}})),
              "there are 256 rules, and no more are allowed");
    EXPECT_EQ(acted_on(decisions, most_rules + 1).size(), most_rules);
}

TEST(Decisions, GoOnCountingWhenOthersComeAndGo) {
    Decisions decisions;
    std::array<RuleCounter, 2> table;
    decisions.publish_to(table);
    ASSERT_EQ(decisions.replace({1,
                                 {refuse("first", {.pattern = {.kind = Kind::Dma}, .nth = 1}),
                                  refuse("second", {.pattern = {.kind = Kind::Dma}, .nth = 4})}}),
              "");
    EXPECT_EQ(acted_on(decisions, 3), (Numbers{1}));
    EXPECT_EQ(table[0].acted.load(), 1u);
    EXPECT_EQ(table[1].matched.load(), 3u);
    ASSERT_EQ(decisions.remove("first"), "");
    EXPECT_EQ(table[0].matched.load(), 3u) << "places in the table move up";
    EXPECT_EQ(table[0].acted.load(), 0u);
    EXPECT_EQ(table[1].matched.load(), 0u);
    ASSERT_EQ(decisions.add(refuse("third", {.pattern = {.kind = Kind::Dma}, .nth = 2})), "");
    EXPECT_EQ(decisions.decide(dma).rule, 1u);  // the fourth of "second": a rule keeps its number
    EXPECT_EQ(decisions.decide(dma).rule, 2u);
    EXPECT_EQ(table[1].acted.load(), 1u);
    ASSERT_EQ(decisions.replace({}), "");
    EXPECT_EQ(table[0].matched.load() + table[1].matched.load() + table[1].acted.load(), 0u);
    EXPECT_FALSE(decisions.wants(Kind::Dma));
}

TEST(Decisions, RememberRulesThatAreGoneIfTheyWereMet) {
    Decisions decisions;
    ASSERT_EQ(decisions.replace({1,
                                 {refuse("met", {.pattern = {.kind = Kind::Dma}}),
                                  refuse("never met", {.pattern = {.kind = Kind::Translation}})}}),
              "");
    acted_on(decisions, 3);
    ASSERT_EQ(decisions.replace({1, {refuse("met", {.pattern = {.kind = Kind::Dma}})}}), "");
    acted_on(decisions, 2);
    const std::vector<RuleRecord> records = decisions.records();
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(std::tuple(records[0].number, records[0].removed, records[0].count.acted), std::tuple(2u, false, 2u));
    EXPECT_EQ(std::tuple(records[1].number, records[1].removed, records[1].count.acted), std::tuple(0u, true, 3u));
    EXPECT_EQ(records[1].name, "met");
    EXPECT_EQ(records[1].deed, Deed::Refuse);
}

TEST(Decisions, ForgetTheOldestOfTooManyThatAreGone) {
    Decisions decisions;
    for (std::size_t i = 0; i < most_removed + 10; ++i) {
        ASSERT_EQ(decisions.add(refuse("one", {.pattern = {.kind = Kind::Dma}})), "");
        acted_on(decisions, 1);
        ASSERT_EQ(decisions.remove("one"), "");
    }
    const std::vector<RuleRecord> records = decisions.records();
    ASSERT_EQ(records.size(), most_removed);
    EXPECT_EQ(records.front().number, 10u);
}

TEST(Decisions, PublishNothingBeyondTheTable) {
    std::array<RuleCounter, 2> table;
    Decisions decisions;
    decisions.publish_to(std::span(table).first(1));
    for (const char* name : {"first", "second"})
        ASSERT_EQ(decisions.add(refuse(name, {.pattern = {.kind = Kind::Dma}})), "");
    acted_on(decisions, 5);
    EXPECT_EQ(table[0].acted.load(), 5u);
    EXPECT_EQ(table[1].matched.load(), 0u);
    decisions.publish_to({});
    acted_on(decisions, 5);
    EXPECT_EQ(table[0].acted.load(), 5u);
    EXPECT_EQ(decisions.counts()[0].acted, 10u);
}

// A deed may be done long after it was ordered.
TEST(Decisions, CountWhatWasCarriedOutAlsoOfARuleThatIsGone) {
    std::array<RuleCounter, 1> table;
    Decisions decisions;
    decisions.publish_to(table);
    ASSERT_EQ(decisions.add(refuse("one", {.pattern = {.kind = Kind::Dma}})), "");
    const Order first = decisions.decide(dma), second = decisions.decide(dma);
    decisions.carried_out(first);
    EXPECT_EQ(table[0].injected.load(), 1u);
    ASSERT_EQ(decisions.remove("one"), "");
    ASSERT_EQ(decisions.add(refuse("other", {.pattern = {.kind = Kind::Dma}})), "");
    decisions.carried_out(second);
    const std::vector<RuleRecord> records = decisions.records();
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].count.injected, 0u);
    EXPECT_EQ(records[1].count.injected, 2u);
    EXPECT_EQ(table[0].injected.load(), 0u);
}

// ---- a second reading of docs/laboratory.md: everything from the history, again for each event ----

struct Moment {
    Event event;
    std::uint64_t time;
};

class Model {
public:
    explicit Model(RuleSet set) : set_(std::move(set)), acted_(set_.rules.size()) {}

    Order decide(const Moment& moment) {
        history_.push_back(moment);
        Order order;
        for (std::size_t i = 0; i < set_.rules.size(); ++i) {
            if (order || !would_act(i)) continue;
            order = set_.rules[i].what;
            order.rule = static_cast<std::uint32_t>(i);
            order.acted = ++acted_[i];
        }
        return order;
    }

    std::uint64_t matched(std::size_t rule) const { return counted(set_.rules[rule].when).size(); }
    std::uint64_t acted(std::size_t rule) const { return acted_[rule]; }

private:
    // The places in history of the events that count.
    std::vector<std::size_t> counted(const When& when) const {
        std::vector<std::size_t> places;
        std::uint64_t before = 0;
        for (std::size_t place = 0; place < history_.size(); ++place) {
            const bool awaited = !when.after || before >= when.after_count;
            const std::uint64_t time = history_[place].time;
            if (awaited && when.pattern.matches(history_[place].event) && when.from <= time && time < when.until)
                places.push_back(place);
            before += when.after && when.after->matches(history_[place].event);
        }
        return places;
    }

    bool would_act(std::size_t index) const {
        const Rule& rule = set_.rules[index];
        const auto places = counted(rule.when);
        if (places.empty() || places.back() != history_.size() - 1) return false;
        if (rule.when.nth && places.size() != *rule.when.nth) return false;
        if (rule.when.every && places.size() % *rule.when.every != 0) return false;
        if (acted_[index] >= rule.when.times) return false;
        return rule.when.probability == 1 || number_drawn(rule, places.size()) < rule.when.probability;
    }

    // The n-th number of the rule's generator.
    double number_drawn(const Rule& rule, std::size_t n) const {
        std::vector<unsigned> seed = {static_cast<unsigned>(set_.seed & 0xffffffff),
                                      static_cast<unsigned>(set_.seed >> 32)};
        seed.insert(seed.end(), rule.name.begin(), rule.name.end());
        std::seed_seq sequence(seed.begin(), seed.end());
        std::mt19937_64 generator(sequence);
        generator.discard(n - 1);
        return static_cast<double>(generator() / 2048) / 9007199254740992.0;  // 53 bits
    }

    RuleSet set_;
    std::vector<std::uint64_t> acted_;
    std::vector<Moment> history_;
};

class Dice {
public:
    explicit Dice(unsigned seed) : generator_(seed) {}
    unsigned below(unsigned end) { return static_cast<unsigned>(generator_() % end); }
    bool one_in(unsigned n) { return below(n) == 0; }

    Kind kind() { return one_in(2) ? Kind::Dma : Kind::Translation; }

    Pattern pattern() {
        Pattern pattern{.kind = kind()};
        if (one_in(4)) pattern.source = static_cast<std::uint16_t>(below(2));
        if (one_in(4)) pattern.first = below(4), pattern.last = pattern.first + below(4);
        if (one_in(4)) pattern.write = one_in(2);
        return pattern;
    }

    Rule rule(unsigned number) {
        When when{.pattern = pattern()};
        if (one_in(5)) when.nth = 1 + below(9);
        if (one_in(4)) when.every = 1 + below(4);
        if (one_in(3)) when.probability = below(5) / 4.0;
        if (one_in(3)) when.after = pattern(), when.after_count = 1 + below(3);
        if (one_in(4)) when.from = below(30), when.until = when.from + 1 + below(30);
        if (one_in(3)) when.times = 1 + below(3);
        return {"rule " + std::to_string(number), when, {.deed = Deed::Delay, .nanoseconds = 1 + number}};
    }

    Event event() {
        return {.kind = kind(),
                .flags = static_cast<std::uint8_t>(below(2)),
                .source = static_cast<std::uint16_t>(below(2)),
                .address = below(8),
                .length = below(3)};
    }

private:
    std::mt19937 generator_;
};

TEST(Decisions, AgreeWithAModelOverRandomRulesAndEvents) {
    unsigned orders = 0;
    for (unsigned round = 0; round < 150; ++round) {
        Dice dice(round);
        RuleSet set{dice.below(1000), {}};
        for (unsigned i = 0, rules = 1 + dice.below(4); i < rules; ++i) set.rules.push_back(dice.rule(i));
        SetClock clock{.now = 77};
        Decisions decisions(SetClock::read, &clock);
        ASSERT_EQ(decisions.replace(set), "");
        Model model(set);
        for (unsigned step = 0; step < 60; ++step) {
            clock.now += dice.below(3);
            const Event event = dice.event();
            const Order expected = model.decide({event, clock.now - 77});
            ASSERT_EQ(decisions.decide(event), expected) << "round " << round << ", step " << step;
            orders += bool(expected);
        }
        for (std::size_t i = 0; i < set.rules.size(); ++i) {
            ASSERT_EQ(decisions.counts()[i].matched, model.matched(i)) << "round " << round;
            ASSERT_EQ(decisions.counts()[i].acted, model.acted(i)) << "round " << round;
        }
    }
    EXPECT_GT(orders, 500u) << "the rounds have to be about something";
}

}  // namespace
}  // namespace remap::lab
