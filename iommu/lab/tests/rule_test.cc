// SPDX-License-Identifier: MIT
#include "iommu/lab/rule.h"

#include "iommu/lab/names.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace remap::lab {
namespace {

constexpr std::uint64_t most = ~std::uint64_t{0};

TEST(Deeds, ActOnTheKindsOfTheManualsTable) {
    // docs/laboratory.md, by names.
    const std::pair<const char*, std::set<std::string_view>> table[] = {
        {"fault", {"translation", "interrupt", "page-request"}},
        {"refuse", {"translation", "dma"}},
        {"delay", {"translation", "dma", "invalidation", "completion", "page-answer", "device-invalidation"}},
        {"wrong-page", {"translation"}},
        {"flip-bit", {"entry", "dma"}},
        {"drop", {"invalidation", "completion", "interrupt", "unit-interrupt", "device-invalidation", "page-request"}},
        {"silence", {"device-invalidation", "page-answer"}},
        {"stick", {"invalidation", "completion"}},
        {"full-log", {"fault"}},
        {"hang", {"packet"}},
    };
    const std::set<std::string_view> any = {"dma",          "translation",         "entry",        "interrupt",
                                            "fault",        "unit-interrupt",      "invalidation", "completion",
                                            "page-request", "device-invalidation", "page-answer",  "packet"};
    for (unsigned number = 0; number < 256; ++number) {
        const auto kind = static_cast<Kind>(number);
        for (const auto& [deed, kinds_of_it] : table)
            EXPECT_EQ(acts_on(*deed_of(deed), kind), kinds_of_it.contains(name_of(kind))) << deed << " " << number;
        EXPECT_EQ(acts_on(Deed::Interrupt, kind), any.contains(name_of(kind))) << number;
        EXPECT_EQ(acts_on(Deed::Remove, kind), any.contains(name_of(kind))) << number;
        EXPECT_FALSE(acts_on(Deed::None, kind) || acts_on(static_cast<Deed>(deeds), kind));
    }
}

TEST(Patterns, WithNothingGivenMatchTheirKindAlone) {
    const Pattern pattern{.kind = Kind::Dma};
    EXPECT_TRUE(pattern.matches({.kind = Kind::Dma, .source = 5, .pasid = 7, .address = most, .length = most}));
    EXPECT_FALSE(pattern.matches({.kind = Kind::Translation}));
}

TEST(Patterns, MatchWhatTheyName) {
    EXPECT_TRUE((Pattern{.kind = Kind::Dma, .source = 0x10}.matches({.kind = Kind::Dma, .source = 0x10})));
    EXPECT_FALSE((Pattern{.kind = Kind::Dma, .source = 0x10}.matches({.kind = Kind::Dma, .source = 0x11})));
    EXPECT_TRUE((Pattern{.kind = Kind::Dma, .pasid = 3}.matches({.kind = Kind::Dma, .pasid = 3})));
    EXPECT_FALSE((Pattern{.kind = Kind::Dma, .pasid = 3}.matches({.kind = Kind::Dma})));
    EXPECT_TRUE((Pattern{.kind = Kind::Dma, .pasid = no_pasid}.matches({.kind = Kind::Dma})));
    EXPECT_FALSE((Pattern{.kind = Kind::Dma, .pasid = no_pasid}.matches({.kind = Kind::Dma, .pasid = 0})));
    EXPECT_TRUE((Pattern{.kind = Kind::Dma, .write = true}.matches({.kind = Kind::Dma, .flags = flag::write | 2})));
    EXPECT_FALSE((Pattern{.kind = Kind::Dma, .write = true}.matches({.kind = Kind::Dma, .flags = 2})));
    EXPECT_TRUE((Pattern{.kind = Kind::Dma, .write = false}.matches({.kind = Kind::Dma, .flags = 2})));
    EXPECT_TRUE((Pattern{.kind = Kind::Fault, .code = 5}.matches({.kind = Kind::Fault, .code = 5})));
    EXPECT_FALSE((Pattern{.kind = Kind::Fault, .code = 5}.matches({.kind = Kind::Fault, .code = 6})));
}

TEST(Patterns, MatchAnEventThatTouchesTheRange) {
    const Pattern pattern{.kind = Kind::Dma, .first = 0x1000, .last = 0x1fff};
    const auto touched = [&](std::uint64_t address, std::uint64_t length) {
        return pattern.matches({.kind = Kind::Dma, .address = address, .length = length});
    };
    EXPECT_TRUE(touched(0x1000, 1));
    EXPECT_TRUE(touched(0x1fff, 8));
    EXPECT_TRUE(touched(0x0ff8, 9));
    EXPECT_FALSE(touched(0x0ff8, 8));
    EXPECT_FALSE(touched(0x2000, 8));
    EXPECT_TRUE(touched(0, most));
    EXPECT_TRUE(touched(0x1000, 0)) << "no length is one byte";
    EXPECT_FALSE(touched(0x0fff, 0));
    EXPECT_FALSE(touched(0x2000, most)) << "addresses do not go round";
}

TEST(Patterns, HaveTheLastAddressInReach) {
    const Pattern pattern{.kind = Kind::Dma, .first = most, .last = most};
    EXPECT_TRUE(pattern.matches({.kind = Kind::Dma, .address = most, .length = 1}));
    EXPECT_TRUE(pattern.matches({.kind = Kind::Dma, .address = most - 7, .length = 8}));
    EXPECT_TRUE(pattern.matches({.kind = Kind::Dma, .address = most - 7, .length = 16}));
    EXPECT_FALSE(pattern.matches({.kind = Kind::Dma, .address = most - 8, .length = 8}));
}

TEST(Patterns, TakeALengthForBytesOnlyWhereItIsOne) {
    const Pattern translation{.kind = Kind::Translation, .first = 0x1800, .last = 0x1fff};
    EXPECT_FALSE(translation.matches({.kind = Kind::Translation, .address = 0x1000, .length = 4096})) << "a granule";
    // Of an invalidation pages, when it is of pages (its code 2 << 8 | 4).
    const Pattern pages{.kind = Kind::Invalidation, .first = 0x3000, .last = 0x3fff};
    EXPECT_TRUE(pages.matches({.kind = Kind::Invalidation, .address = 0x1000, .length = 3, .code = 0x204}));
    EXPECT_FALSE(pages.matches({.kind = Kind::Invalidation, .address = 0x1000, .length = 2, .code = 0x204}));
    EXPECT_TRUE(pages.matches({.kind = Kind::Invalidation, .address = 0, .length = most, .code = 0x204}));
    EXPECT_TRUE(pages.matches({.kind = Kind::Invalidation, .length = std::uint64_t{1} << 52, .code = 0x204}));
    EXPECT_FALSE(pages.matches({.kind = Kind::Invalidation, .address = 0x1000, .length = 3, .code = 0x405}));
}

TEST(Patterns, MatchAnEntryByItsPhysicalAddressBesides) {
    const Pattern pattern{.kind = Kind::Entry, .entry_first = 0x9000, .entry_last = 0x9007};
    EXPECT_TRUE(pattern.matches({.kind = Kind::Entry, .address = 0x1000, .length = 8, .result = 0x9000}));
    EXPECT_TRUE(pattern.matches({.kind = Kind::Entry, .address = 0x1000, .length = 16, .result = 0x8ff8}));
    EXPECT_FALSE(pattern.matches({.kind = Kind::Entry, .address = 0x9000, .length = 8, .result = 0x9008}));
    const Pattern request{.kind = Kind::Entry, .first = 0x2000, .last = 0x2fff};
    EXPECT_TRUE(request.matches({.kind = Kind::Entry, .address = 0x2000, .length = 8, .result = 0x9000}));
    EXPECT_FALSE(request.matches({.kind = Kind::Entry, .address = 0x1ff9, .length = 8, .result = 0x2000}))
        << "the length is the entry's";
}

// The place and the sentence, or nothing.
std::string complaint(const Rule& rule) {
    const auto problem = problem_of(rule);
    return problem ? problem->at + ": " + problem->text : "";
}

const Rule good{"good", {.pattern = {.kind = Kind::Translation}}, {.deed = Deed::Refuse}};

Rule changed(auto change) {
    Rule rule = good;
    change(rule);
    return rule;
}

TEST(Problems, AreFoundInARule) {
    EXPECT_EQ(complaint(good), "");
    const auto of = [](auto change) { return complaint(changed(change)); };
    EXPECT_EQ(of([](Rule& r) { r.name = ""; }), "/name: a name is not empty");
    EXPECT_EQ(of([](Rule& r) { r.name = std::string(64, 'x'); }), "");
    EXPECT_EQ(of([](Rule& r) { r.name = std::string(65, 'x'); }), "/name: the name has 65 bytes, and 64 are allowed");
    EXPECT_EQ(of([](Rule& r) { r.name = "a\x1b[2J"; }), "/name: a name has no control characters");
    EXPECT_EQ(of([](Rule& r) { r.name = "a\xc2\x9b"; }), "/name: a name has no control characters");
    EXPECT_EQ(of([](Rule& r) { r.name = "\xc3\x84rger"; }), "");
    EXPECT_EQ(of([](Rule& r) { r.when.pattern.kind = Kind::None; }), "/when/on: there is no such kind of event");
    EXPECT_EQ(of([](Rule& r) { r.when.pattern.kind = static_cast<Kind>(kinds); }),
              "/when/on: there is no such kind of event");
    EXPECT_EQ(of([](Rule& r) { r.when.pattern.pasid = 0x100000; }),
              "/when/pasid: 0x100000 has more than the 20 bits of a PASID");
    EXPECT_EQ(of([](Rule& r) { r.when.pattern.pasid = no_pasid; }), "");
    EXPECT_EQ(of([](Rule& r) { r.when.pattern.first = 2, r.when.pattern.last = 1; }),
              "/when/address: the range ends at 0x1, before it begins, at 0x2");
    EXPECT_EQ(of([](Rule& r) { r.when.pattern.entry_first = 1; }),
              "/when/entry-address: only \"entry\" has an entry's address, not \"translation\"");
    EXPECT_EQ(of([](Rule& r) { r.when.nth = 0; }), "/when/nth: events are counted from 1");
    EXPECT_EQ(of([](Rule& r) { r.when.every = 0; }), "/when/every: events are counted from 1");
    EXPECT_EQ(of([](Rule& r) { r.when.probability = 1.5; }), "/when/probability: a probability is from 0 to 1");
    EXPECT_EQ(of([](Rule& r) { r.when.probability = std::numeric_limits<double>::quiet_NaN(); }),
              "/when/probability: a probability is from 0 to 1");
    EXPECT_EQ(of([](Rule& r) { r.when.after = Pattern{}; }), "/when/after/on: there is no such kind of event");
    EXPECT_EQ(of([](Rule& r) { r.when.after = Pattern{.kind = Kind::Reset}; }), "");
    EXPECT_EQ(of([](Rule& r) { r.when.after = Pattern{.kind = Kind::Reset, .write = true}; }),
              "/when/after/access: \"reset\" is neither a read nor a write");
    EXPECT_EQ(of([](Rule& r) { r.when.after = Pattern{.kind = Kind::Dma}, r.when.after_count = 0; }),
              "/when/after/count: events are counted from 1");
    EXPECT_EQ(of([](Rule& r) { r.when.from = 5, r.when.until = 5; }),
              "/when/between: the window ends at 5 ns, not after it begins, at 5 ns");
    EXPECT_EQ(of([](Rule& r) { r.when.times = 0; }), "/when/times: a rule that may never act is none");
}

TEST(Problems, AreFoundInADeed) {
    const auto of = [](Kind kind, Order order) {
        Rule rule = good;
        rule.when.pattern.kind = kind;
        rule.what = order;
        return complaint(rule);
    };
    EXPECT_EQ(of(Kind::Dma, {}), "/do: nothing is to be done");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Stick}),
              "/do/stick: \"stick\" is not for \"dma\", only for \"invalidation\", \"completion\"");
    EXPECT_EQ(of(Kind::Map, {.deed = Deed::Refuse}),
              "/do/refuse: \"refuse\" is not for \"map\", only for \"dma\", \"translation\"");
    EXPECT_EQ(of(Kind::Translation, {.deed = Deed::Fault, .reason = 5}), "");
    EXPECT_EQ(of(Kind::Translation, {.deed = Deed::Fault, .reason = 0}),
              "/do/fault: 0x0 is not among the specification's fault reasons");
    EXPECT_EQ(of(Kind::Translation, {.deed = Deed::Fault, .reason = 0x15}),
              "/do/fault: 0x15 is not among the specification's fault reasons");
    EXPECT_EQ(of(Kind::Translation, {.deed = Deed::Fault, .reason = 0x22}),
              "/do/fault: InterruptNotPresent is no reason to refuse \"translation\"");
    EXPECT_EQ(of(Kind::Interrupt, {.deed = Deed::Fault, .reason = 5}),
              "/do/fault: NoWrite is no reason to refuse \"interrupt\"");
    EXPECT_EQ(of(Kind::Interrupt, {.deed = Deed::Fault, .reason = 0x22}), "");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Delay}), "/do/delay: it is no delay");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Delay, .nanoseconds = 1'000'000'000}), "");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Delay, .nanoseconds = 10'000'000'000}),
              "/do/delay: \"10 s\" is longer than 1 s");
    EXPECT_EQ(of(Kind::Translation, {.deed = Deed::WrongPage}), "/do/wrong-page: 0 pages further is the right page");
    EXPECT_EQ(of(Kind::Translation, {.deed = Deed::WrongPage, .pages = -1}), "");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Remove}), "");
    EXPECT_EQ(of(Kind::Completion, {.deed = Deed::Remove}),
              "/do/remove: which device is not said, and \"completion\" is of none");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Remove, .source = 0}), "");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Interrupt}), "/do/interrupt: it takes a device, or the unit, to send it");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Interrupt, .vector = 2047, .source = 0}), "");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Interrupt, .vector = 2048, .source = 0}),
              "/do/interrupt/vector: 2048 is beyond 2047, the last vector that a device may have");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Interrupt, .vector = 2, .of_unit = true}), "");
    EXPECT_EQ(of(Kind::Dma, {.deed = Deed::Interrupt, .vector = 3, .of_unit = true}),
              "/do/interrupt/unit: the unit has no such interrupt");
}

TEST(Problems, AreFoundInASet) {
    RuleSet set;
    for (std::size_t i = 0; i < most_rules; ++i) {
        set.rules.push_back(good);
        set.rules.back().name = std::to_string(i);
    }
    EXPECT_FALSE(problem_of(set));
    set.rules[9].name = "4";
    EXPECT_EQ(problem_of(set)->at, "/rules/9/name");
    EXPECT_EQ(problem_of(set)->text, "/rules/4 has the name \"4\" already");
    set.rules[9].name = "9";
    set.rules[3].when.nth = 0;
    EXPECT_EQ(problem_of(set)->at, "/rules/3/when/nth");
    set.rules.push_back(good);
    EXPECT_EQ(problem_of(set)->at, "/rules");
    EXPECT_EQ(problem_of(set)->text, "there are 257 rules, and 256 are allowed");
}

}  // namespace
}  // namespace remap::lab
