// SPDX-License-Identifier: MIT
// What tools ask of a machine's rules: all or nothing, and the machine hears of what has changed.
#include "iommu/lab/rule_commands.h"

#include "iommu/lab/decisions.h"

#include <gtest/gtest.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace remap::lab {
namespace {

struct RuleCommands : testing::Test {
    Decisions decisions;
    Commands commands;
    unsigned changes = 0;

    RuleCommands() {
        add_rule_commands(commands, decisions, [this] { ++changes; });
    }

    // Rules of these names, that refuse each access.
    std::string add(std::initializer_list<const char*> names, unsigned seed = 9) {
        std::string rules = "{\"seed\": " + std::to_string(seed) + ", \"rules\": [";
        for (const char* name : names)
            rules += std::string(rules.back() == '[' ? "" : ",") + "{\"name\": \"" + name +
                     R"(", "when": {"on": "dma"}, "do": {"refuse": true}})";
        rapidjson::StringBuffer text;
        rapidjson::Writer<rapidjson::StringBuffer> writer(text);
        writer.StartObject();
        writer.Key("command");
        writer.String("rules-add");
        writer.Key("rules");
        writer.String((rules + "]}").c_str());
        writer.EndObject();
        return commands.answer(text.GetString());
    }
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const Rule& rule : decisions.rules().rules) found.push_back(rule.name);
        return found;
    }
};

using Names = std::vector<std::string>;

TEST_F(RuleCommands, AddAllOrNone) {
    EXPECT_EQ(add({"a", "b"}), R"({"ok":true,"added":2})");
    EXPECT_EQ(add({"c", "b", "d"}), R"({"ok":false,"error":"there is a rule \"b\" already"})");
    EXPECT_EQ(names(), (Names{"a", "b"})) << "what went in before the mistake is out again";
    EXPECT_EQ(changes, 1u) << "nothing was changed by what was refused";
    EXPECT_EQ(add({"c"}), R"({"ok":true,"added":1})");
    EXPECT_EQ(names(), (Names{"a", "b", "c"}));
    EXPECT_EQ(changes, 2u);
}

TEST_F(RuleCommands, TakeTheSeedOverWhereThereIsNoRule) {
    add({"a"}, 5);
    EXPECT_EQ(decisions.rules().seed, 5u);
    add({"b"}, 6);
    EXPECT_EQ(decisions.rules().seed, 5u) << "what the other rule draws stays the same";
}

TEST_F(RuleCommands, RemoveOneOrAll) {
    add({"a", "b", "c"});
    EXPECT_EQ(commands.answer(R"({"command":"rules-remove","name":"b"})"), R"({"ok":true,"removed":1})");
    EXPECT_EQ(names(), (Names{"a", "c"}));
    EXPECT_EQ(commands.answer(R"({"command":"rules-remove","name":"b"})"),
              R"({"ok":false,"error":"there is no rule \"b\""})");
    EXPECT_EQ(commands.answer(R"({"command":"rules-remove","all":false})"),
              R"({"ok":false,"error":"\"name\" is a rule's name, or \"all\" is true"})");
    EXPECT_EQ(changes, 2u);
    EXPECT_EQ(commands.answer(R"({"command":"rules-remove","all":true})"), R"({"ok":true,"removed":2})");
    EXPECT_EQ(names(), Names{});
    EXPECT_EQ(changes, 3u);
}

TEST_F(RuleCommands, ShowTheRulesWithTheirCounts) {
    add({"a"});
    decisions.carried_out(decisions.decide({.kind = Kind::Dma}));
    decisions.decide({.kind = Kind::Dma});
    const std::string shown = commands.answer(R"({"command":"rules-show"})");
    EXPECT_NE(shown.find(R"("seed":9)"), std::string::npos) << shown;
    EXPECT_NE(shown.find(R"("matched":2,"acted":2,"injected":1})"), std::string::npos) << shown;
    EXPECT_EQ(changes, 1u);
}

}  // namespace
}  // namespace remap::lab
