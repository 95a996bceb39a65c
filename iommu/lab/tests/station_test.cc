// SPDX-License-Identifier: MIT
#include "iommu/lab/station.h"

#include "iommu/lab/attachment.h"
#include "iommu/lab/rule_ledger.h"
#include "iommu/lab/trace_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <string>

#include <unistd.h>

namespace remap::lab {
namespace {

struct FakeMachine final : MachinePort {
    std::uint64_t now() override { return time.fetch_add(1000); }
    void wait(std::uint64_t) override {}
    void call_later(std::uint64_t) override {}
    bool raise(std::uint16_t, std::uint32_t) override { return false; }
    bool remove(std::uint16_t) override { return false; }

    std::atomic<std::uint64_t> time{0};
};

constexpr char every_second_write[] = R"({"seed": 3, "rules": [
    {"name": "every second", "when": {"on": "dma", "every": 2}, "do": {"refuse": true}}]})";
constexpr char one_more[] =
    R"({"rules": [{"name": "the first", "when": {"on": "dma", "nth": 1}, "do": {"refuse": true}}]})";

std::string unique_name(const char* what) { return std::string(what) + "-" + std::to_string(::getpid()); }

struct StationTest : testing::Test {
    FakeMachine machine;
    std::string file = testing::TempDir() + unique_name("station") + ".lab";

    ~StationTest() override { std::filesystem::remove(file); }

    std::unique_ptr<Station> station(const std::string& rules) {
        auto made =
            Station::create({.name = unique_name("station"), .file = file, .rules = rules, .trace = true}, machine);
        EXPECT_TRUE(made) << made.error();
        return made ? std::move(*made) : nullptr;
    }

    static void access(Station& station, unsigned times) {
        for (unsigned i = 0; i < times; ++i) {
            Event event{.kind = Kind::Dma, .source = 0x10, .address = 0x1000, .length = 64};
            const DmaOrder order = station.laboratory().dma(event);
            if (order.refuse) event.flags |= flag::refused;
            station.laboratory().dma_done(event, order);
        }
    }

    std::unique_ptr<Attachment> attach() const {
        auto attached = Attachment::open({.is_file = true, .name = file});
        EXPECT_TRUE(attached) << attached.error();
        return attached ? std::move(*attached) : nullptr;
    }

    static RuleLedger ledger(const Attachment& attachment) {
        const auto text = published_text(attachment.part(Part::Rules));
        auto ledger = ledger_of(text.value_or(""));
        EXPECT_TRUE(ledger);
        if (!ledger) return {};
        const auto counts = attachment.part(Part::RuleCounts);
        take_counts(*ledger,
                    {reinterpret_cast<const RuleCounter*>(counts.data()), counts.size() / sizeof(RuleCounter)});
        return *ledger;
    }

    static std::map<std::uint32_t, unsigned> injections(const Attachment& attachment) {
        std::map<std::uint32_t, unsigned> found;
        auto reader = TraceReader::open(attachment.part(Part::Trace));
        EXPECT_TRUE(reader);
        std::vector<Event> events;
        while (reader && reader->read(events, 1000) != 0) {
        }
        for (const Event& event : events) found[event.code] += event.kind == Kind::Injection;
        return found;
    }
};

TEST_F(StationTest, WhatRulesDidIsInTheSegmentWhenTheMachineIsGone) {
    auto one = station(every_second_write);
    ASSERT_TRUE(one);
    access(*one, 9);
    one.reset();
    const auto left = attach();
    ASSERT_TRUE(left);
    const RuleLedger found = ledger(*left);
    ASSERT_EQ(found.rules.size(), 1u);
    EXPECT_EQ(found.seed, 3u);
    EXPECT_EQ(found.rules[0].name, "every second");
    EXPECT_EQ(found.rules[0].count.matched, 9u);
    EXPECT_EQ(found.rules[0].count.acted, 4u);
    EXPECT_EQ(found.rules[0].count.injected, 4u);
    EXPECT_EQ(injections(*left)[found.rules[0].number], 4u);
}

TEST_F(StationTest, RulesThatWereReplacedStayAccountedFor) {
    auto one = station(every_second_write);
    ASSERT_TRUE(one);
    access(*one, 4);
    ASSERT_EQ(one->set_rules(one_more), "");
    access(*one, 4);
    const auto attached = attach();
    ASSERT_TRUE(attached);
    const RuleLedger found = ledger(*attached);
    auto traced = injections(*attached);
    ASSERT_EQ(found.rules.size(), 2u);
    for (const RuleRecord& rule : found.rules) EXPECT_EQ(traced[rule.number], rule.count.injected) << rule.name;
    EXPECT_EQ(found.rules[0].name, "the first");
    EXPECT_EQ(found.rules[0].count.acted, 1u);
    EXPECT_TRUE(found.rules[1].removed);
    EXPECT_EQ(found.rules[1].count.acted, 2u);
}

TEST_F(StationTest, ADeedThatComesToNothingIsNoInjection) {
    auto one = station(R"({"rules": [{"name": "a bit", "when": {"on": "dma"}, "do": {"flip-bit": 0}}]})");
    ASSERT_TRUE(one);
    Event event{.kind = Kind::Dma, .source = 0x10, .address = 0x1000, .length = 64};
    one->laboratory().dma_done(event, one->laboratory().dma(event));
    const DmaOrder order = one->laboratory().dma(event);
    event.flags |= flag::refused;  // by the unit
    one->laboratory().dma_done(event, order);
    const auto attached = attach();
    ASSERT_TRUE(attached);
    const RuleLedger found = ledger(*attached);
    EXPECT_EQ(found.rules.at(0).count.acted, 2u);
    EXPECT_EQ(found.rules.at(0).count.injected, 1u);
    EXPECT_EQ(injections(*attached)[found.rules[0].number], 1u);
}

TEST_F(StationTest, ToolsChangeItsRules) {
    auto one = station("");
    ASSERT_TRUE(one);
    const auto attached = attach();
    ASSERT_TRUE(attached);
    const auto answer = attached->ask(
        R"({"command":"rules-add","rules":"{\"rules\":[{\"name\":\"a\",\"when\":{\"on\":\"dma\"},\"do\":{\"refuse\":true}}]}"})",
        std::chrono::seconds(20));
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_NE(answer->find("\"ok\":true"), std::string::npos) << *answer;
    access(*one, 3);
    EXPECT_EQ(ledger(*attached).rules.at(0).count.acted, 3u);
}

TEST_F(StationTest, AMistakeInItsRulesIsAnErrorWithItsPlace) {
    const auto made = Station::create({.name = unique_name("bad"), .rules = "{\"rules\": [{}]}"}, machine);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().find("rules:1:"), std::string::npos) << made.error();
    EXPECT_NE(Station::create({.name = unique_name("bad"), .rules = "/no/such/file.json"}, machine).error(), "");
}

TEST_F(StationTest, TheSeedOfTheMachineGoesBeforeThatOfTheFile) {
    auto made = Station::create({.name = unique_name("seed"), .rules = every_second_write, .seed = 77}, machine);
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ((*made)->decisions().rules().seed, 77u);
}

TEST(RuleLedger, ReadsBackToTheSame) {
    const RuleLedger wrote{
        7,
        {{.number = 4,
          .name = "a \"name\"",
          .on = Kind::Dma,
          .deed = Deed::FlipBit,
          .count = {9, 2, 1},
          .removed = false},
         {.number = 1, .name = "b", .on = Kind::Packet, .deed = Deed::Hang, .count = {1, 1, 1}, .removed = true}}};
    const auto read = ledger_of(text_of(wrote));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(text_of(*read), text_of(wrote));
    EXPECT_EQ(read->rules[0].name, wrote.rules[0].name);
    EXPECT_EQ(read->rules[1].deed, Deed::Hang);
}

TEST(RuleLedger, OfAnythingElseIsRefused) {
    for (
        const char* text :
        {"", "{", "[]", "{}", R"({"seed":1})", R"({"seed":-1,"rules":[]})", R"({"seed":1,"rules":[1]})",
         R"({"seed":1,"rules":[{"number":1}]})",
         R"({"seed":1,"rules":[{"number":1,"name":"a","on":"x","do":"drop","matched":1,"acted":1,"injected":1,"removed":false}]})"})
        EXPECT_FALSE(ledger_of(text)) << text;
    EXPECT_FALSE(ledger_of(std::string(200'000, '[')));
}

// Tools print names, and others write to the segment.
TEST(RuleLedger, WithANameThatNoRuleMayHaveIsRefused) {
    const auto is_read = [](const std::string& name) {
        RuleRecord rule;
        rule.name = name;
        rule.on = Kind::Dma;
        rule.deed = Deed::Drop;
        return static_cast<bool>(ledger_of(text_of({7, {rule}})));
    };
    EXPECT_TRUE(is_read("a rule"));
    EXPECT_TRUE(is_read(std::string(longest_name, 'a')));
    for (const std::string& name : {std::string(), std::string("\033[2J"), std::string(longest_name + 1, 'a')})
        EXPECT_FALSE(is_read(name)) << name;
}

}  // namespace
}  // namespace remap::lab
