// SPDX-License-Identifier: MIT
#include "iommu/lab/rule_file.h"

#include "iommu/lab/json_places.h"
#include "iommu/lab/names.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

namespace remap::lab {
namespace {

constexpr std::uint64_t no_end = ~std::uint64_t{0};

// A set of one rule; `when` and `deed` are what is between the braces. They begin in columns 6 and 4 of lines 3 and 4.
std::string one_rule(const std::string& when, const std::string& deed) {
    return "{\"rules\": [\n {\n  \"when\": {" + when + "},\n  \"do\": {" + deed + "}\n }\n]}\n";
}

std::string error_of(const std::string& text) {
    const auto rules = rules_of_json(text, "f.json");
    return rules ? "accepted" : rules.error();
}

std::string error_of(const std::string& when, const std::string& deed) { return error_of(one_rule(when, deed)); }

Rule rule_of(const std::string& when, const std::string& deed) {
    const auto rules = rules_of_json(one_rule(when, deed), "f.json");
    EXPECT_TRUE(rules) << rules.error();
    return rules ? rules->rules.at(0) : Rule();
}

const std::string on_dma = R"("on": "dma")", refuse = R"("refuse": true)";

TEST(RuleFile, IsReadToTheLastKey) {
    const auto rules = rules_of_json(R"(// of everything something
{ "seed": "0xffffffffffffffff",
  "rules": [ { "name": "all", "when": {
      "on": "entry", "device": "0000:01:02.3", "pasid": 5, "address": { "from": "0x1000", "to": 8191 },
      "entry-address": "0xFFFFFFFFFFFFFFFF", "access": "write", "code": 4294967295, "nth": 3, "every": 2,
      "probability": 0.25, "after": { "on": "reset", "device": "00:00.0", "count": 2 },
      "between": { "from": "10 ms", "to": "2s" }, "times": 18446744073709551615 },
    "do": { "flip-bit": "0xffffffff" } } ] } /* and no more */)",
                                     "f.json");
    ASSERT_TRUE(rules) << rules.error();
    EXPECT_EQ(rules->seed, no_end);
    ASSERT_EQ(rules->rules.size(), 1u);
    const Pattern pattern{.kind = Kind::Entry,
                          .source = 0x0113,
                          .pasid = 5,
                          .first = 0x1000,
                          .last = 0x1fff,
                          .entry_first = no_end,
                          .entry_last = no_end,
                          .write = true,
                          .code = 0xffffffff};
    const When when{.pattern = pattern,
                    .nth = 3,
                    .every = 2,
                    .probability = 0.25,
                    .after = Pattern{.kind = Kind::Reset, .source = 0},
                    .after_count = 2,
                    .from = 10'000'000,
                    .until = 2'000'000'000,
                    .times = no_end};
    EXPECT_EQ(rules->rules[0], (Rule{"all", when, {.deed = Deed::FlipBit, .bit = 0xffffffff}}));
}

TEST(RuleFile, LeavesOutWhatItDoesNotSay) {
    EXPECT_EQ(rule_of(on_dma, refuse), (Rule{"rule-1", {.pattern = {.kind = Kind::Dma}}, {.deed = Deed::Refuse}}));
    EXPECT_EQ(rule_of(on_dma + R"(, "pasid": "none")", refuse).when.pattern.pasid, no_pasid);
    EXPECT_EQ(rule_of(on_dma + R"(, "access": "read")", refuse).when.pattern.write, false);
    EXPECT_EQ(rule_of(on_dma + R"(, "between": {"from": "1 us"})", refuse).when.until, no_end);
    const auto empty = rules_of_json(R"({"rules": []})", "f.json");
    ASSERT_TRUE(empty);
    EXPECT_EQ(*empty, RuleSet());
}

TEST(RuleFile, NamesRulesByTheirPlace) {
    const auto rules = rules_of_json(R"({"rules": [{"when": {"on": "dma"}, "do": {"refuse": true}},
        {"name": "mine", "when": {"on": "dma"}, "do": {"refuse": true}},
        {"when": {"on": "dma"}, "do": {"refuse": true}}]})",
                                     "f.json");
    ASSERT_TRUE(rules) << rules.error();
    EXPECT_EQ(rules->rules[0].name, "rule-1");
    EXPECT_EQ(rules->rules[1].name, "mine");
    EXPECT_EQ(rules->rules[2].name, "rule-3");
}

TEST(RuleFile, HasEachDeed) {
    const auto order = [](const char* kind, const char* deed) {
        return rule_of(std::string("\"on\": \"") + kind + "\"", deed).what;
    };
    EXPECT_EQ(order("translation", R"("fault": 5)"), (Order{.deed = Deed::Fault, .reason = 5}));
    EXPECT_EQ(order("translation", R"("fault": "0x84")"), (Order{.deed = Deed::Fault, .reason = 0x84}));
    EXPECT_EQ(order("interrupt", R"("fault": "InterruptNotPresent")"), (Order{.deed = Deed::Fault, .reason = 0x22}));
    EXPECT_EQ(order("dma", R"("delay": "250 us")"), (Order{.deed = Deed::Delay, .nanoseconds = 250'000}));
    EXPECT_EQ(order("translation", R"("wrong-page": -2)"), (Order{.deed = Deed::WrongPage, .pages = -2}));
    EXPECT_EQ(order("dma", R"("flip-bit": 12)"), (Order{.deed = Deed::FlipBit, .bit = 12}));
    EXPECT_EQ(order("completion", R"("drop": true)"), (Order{.deed = Deed::Drop}));
    EXPECT_EQ(order("page-answer", R"("silence": true)"), (Order{.deed = Deed::Silence}));
    EXPECT_EQ(order("invalidation", R"("stick": true)"), (Order{.deed = Deed::Stick}));
    EXPECT_EQ(order("fault", R"("full-log": true)"), (Order{.deed = Deed::FullLog}));
    EXPECT_EQ(order("dma", R"("interrupt": {"device": "00:02.0", "vector": "0x7ff"})"),
              (Order{.deed = Deed::Interrupt, .vector = 2047, .source = 0x10}));
    EXPECT_EQ(order("dma", R"("interrupt": {"unit": "page-request"})"),
              (Order{.deed = Deed::Interrupt, .vector = 2, .of_unit = true}));
    EXPECT_EQ(order("dma", R"("remove": true)"), (Order{.deed = Deed::Remove}));
    EXPECT_EQ(order("dma", R"("remove": {"device": "00:03.0"})"), (Order{.deed = Deed::Remove, .source = 0x18}));
    EXPECT_EQ(order("packet", R"("hang": true)"), (Order{.deed = Deed::Hang}));
}

struct Case {
    const char* when;
    const char* deed;
    const char* error;
};

TEST(RuleFile, PointsAtWhatIsWrong) {
    const Case cases[] = {
        {R"("on": "dma")", R"("delay": "10 s")", R"(4:19: /rules/0/do/delay: "10 s" is longer than 1 s)"},
        {R"("on": "dma")", R"("delay": "0 ns")", R"(4:19: /rules/0/do/delay: it is no delay)"},
        {R"("on": "dma")", R"("delay": 10)",
         R"(4:19: /rules/0/do/delay: 10 is not a time: a whole number and ns, us, ms or s, as in "10 ms")"},
        {R"("on": "dma")", R"("delay": "99999999999999999999 s")",
         R"(4:19: /rules/0/do/delay: "99999999999999999999 s" is no time that 64 bits of nanoseconds can hold)"},
        {R"("on": "dmaa")", R"("refuse": true)",
         R"(3:18: /rules/0/when/on: "dmaa" is not known here; did you mean "dma"?)"},
        {R"("on": "walk")", R"("refuse": true)",
         R"(3:18: /rules/0/when/on: "walk" is not known here; known are "dma", "translation", "entry", "interrupt", )"
         R"("unit-interrupt", "fault", "invalidation", "completion", "device-invalidation", "page-request", )"
         R"("page-answer", "packet")"},
        {R"("on": "dma", "access": 1)", R"("refuse": true)",
         R"(3:35: /rules/0/when/access: 1 is none of "read", "write")"},
        {R"("nth": 1)", R"("refuse": true)", R"(3:11: /rules/0/when: "on" is missing)"},
        {R"("on": "dma", "probabilty": 0.5)", R"("refuse": true)",
         R"(3:25: /rules/0/when/probabilty: this key is not known; did you mean "probability"?)"},
        {R"("on": "dma", "after": {"on": "reset", "nth": 2})", R"("refuse": true)",
         R"(3:50: /rules/0/when/after/nth: this key is not known; known are "on", "device", "pasid", "address", )"
         R"("entry-address", "access", "code", "count")"},
        {R"("on": "dma", "probability": 1.5)", R"("refuse": true)",
         R"(3:40: /rules/0/when/probability: 1.5 is more than 1)"},
        {R"("on": "dma", "probability": -1)", R"("refuse": true)",
         R"(3:40: /rules/0/when/probability: -1 is less than 0)"},
        {R"("on": "dma", "probability": "often")", R"("refuse": true)",
         R"(3:40: /rules/0/when/probability: this has to be a number, not "often")"},
        {R"("on": "dma", "nth": 0)", R"("refuse": true)", R"(3:32: /rules/0/when/nth: 0 is not a whole number from 1)"},
        {R"("on": "dma", "every": 1.5)", R"("refuse": true)",
         R"(3:34: /rules/0/when/every: 1.5 is not a whole number from 1)"},
        {R"("on": "dma", "device": "00:20.0")", R"("refuse": true)",
         R"(3:35: /rules/0/when/device: "00:20.0" is not a device: bus, device and function, as in "00:02.0")"},
        {R"("on": "dma", "pasid": "0x100000")", R"("refuse": true)",
         R"(3:34: /rules/0/when/pasid: "0x100000" is not a number of 20 bits, a string of one with 0x, or "none")"},
        {R"("on": "dma", "code": 4294967296)", R"("refuse": true)",
         R"(3:33: /rules/0/when/code: 4294967296 is not a whole number of 32 bits, not negative, or a string of one with 0x)"},
        {R"("on": "dma", "address": {"from": 2, "to": 1})", R"("refuse": true)",
         R"(3:36: /rules/0/when/address: the range ends at 0x1, before it begins, at 0x2)"},
        {R"("on": "dma", "address": {"from": 2})", R"("refuse": true)",
         R"(3:36: /rules/0/when/address: "to" is missing)"},
        {R"("on": "dma", "address": {"from": 2, "too": 3})", R"("refuse": true)",
         R"(3:48: /rules/0/when/address/too: this key is not known; did you mean "to"?)"},
        {R"("on": "dma", "address": {"from": 2, "to": "3"})", R"("refuse": true)",
         R"(3:54: /rules/0/when/address/to: "3" is not a whole number of 64 bits, not negative, or a string of one with 0x)"},
        {R"("on": "dma", "address": "1000")", R"("refuse": true)",
         R"(3:36: /rules/0/when/address: "1000" is not a number, or an object with "from" and "to"; numbers are whole, )"
         R"(not negative, of 64 bits, and may be strings with 0x)"},
        {R"("on": "dma", "entry-address": 4096)", R"("refuse": true)",
         R"(3:42: /rules/0/when/entry-address: only "entry" has an entry's address, not "dma")"},
        {R"("on": "completion", "access": "write")", R"("drop": true)",
         R"(3:42: /rules/0/when/access: "completion" is neither a read nor a write)"},
        {R"("on": "dma", "after": {"on": "nothing"})", R"("refuse": true)",
         R"(3:41: /rules/0/when/after/on: "nothing" is not known here; known are "dma", "translation", "walk", "entry", )"
         R"("fault", "interrupt-fault", "page-request-fault", "interrupt", "unit-interrupt", "invalidation", )"
         R"("completion", "queue-stopped", "stale-use", "device-invalidation", "device-answer", "page-request", )"
         R"("page-answer", "packet", "halt", "map", "unmap", "object", "frames", "call", "return", "injection", )"
         R"("rules", "reset")"},
        {R"("on": "dma", "between": {})", R"("refuse": true)",
         R"(3:36: /rules/0/when/between: there has to be "from", "to" or both)"},
        {R"("on": "dma", "between": {"from": "2 ms", "to": "1 ms"})", R"("refuse": true)",
         R"(3:36: /rules/0/when/between: the window ends at 1 ms, not after it begins, at 2 ms)"},
        {R"("on": "dma", "on": "dma")", R"("refuse": true)", R"(3:25: /rules/0/when/on: given twice)"},
        {R"("on": "dma")", R"()", R"(4:9: /rules/0/do: there has to be exactly one deed)"},
        {R"("on": "dma")", R"("refuse": true, "delay": "1 ms")",
         R"(4:9: /rules/0/do: there has to be exactly one deed)"},
        {R"("on": "dma")", R"("refuse": false)", R"(4:20: /rules/0/do/refuse: false is not allowed here, only true)"},
        {R"("on": "dma")", R"("stick": true)",
         R"(4:19: /rules/0/do/stick: "stick" is not for "dma", only for "invalidation", "completion")"},
        {R"("on": "translation")", R"("fault": "NoWrit")",
         R"(4:19: /rules/0/do/fault: "NoWrit" is not among the specification's fault reasons; did you mean "NoWrite"?)"},
        {R"("on": "translation")", R"("fault": "Bad")",
         R"(4:19: /rules/0/do/fault: "Bad" is not among the specification's fault reasons)"},
        {R"("on": "translation")", R"("fault": 21)",
         R"(4:19: /rules/0/do/fault: 0x15 is not among the specification's fault reasons)"},
        {R"("on": "translation")", R"("fault": "InterruptNotPresent")",
         R"(4:19: /rules/0/do/fault: InterruptNotPresent is no reason to refuse "translation")"},
        {R"("on": "translation")", R"("fault": 256)",
         R"(4:19: /rules/0/do/fault: 256 is not the number or the name of one of the specification's fault reasons)"},
        {R"("on": "translation")", R"("wrong-page": 0)",
         R"(4:24: /rules/0/do/wrong-page: 0 pages further is the right page)"},
        {R"("on": "translation")", R"("wrong-page": 4503599627370496)",
         R"(4:24: /rules/0/do/wrong-page: 4503599627370496 is more than 4503599627370495)"},
        {R"("on": "dma")", R"("interrupt": {"device": "00:02.0"})",
         R"(4:23: /rules/0/do/interrupt: there has to be "device" and "vector", or "unit")"},
        {R"("on": "dma")", R"("interrupt": {"device": "00:02.0", "vector": 1, "unit": "fault"})",
         R"(4:23: /rules/0/do/interrupt: either a device sends it or the unit)"},
        {R"("on": "dma")", R"("interrupt": {"device": "00:02.0", "vector": 2048})",
         R"(4:55: /rules/0/do/interrupt/vector: 2048 is not a number from 0 to 2047, or a string of one with 0x)"},
        {R"("on": "dma")", R"("remove": {})", R"(4:20: /rules/0/do/remove: "device" is missing)"},
        {R"("on": "dma")", R"("remove": "00:02.0")",
         R"(4:20: /rules/0/do/remove: "00:02.0" is not true, for the event's own device, or an object with "device")"},
    };
    for (const Case& each : cases) EXPECT_EQ(error_of(each.when, each.deed), std::string("f.json:") + each.error);
}

TEST(RuleFile, PointsAtTheRuleAndItsName) {
    const std::string rest = R"("when": {"on": "dma"}, "do": {"refuse": true}})";
    EXPECT_EQ(error_of("{\"rules\": [{\"name\": \"a\", " + rest + ",\n  {\"name\": \"a\", " + rest + "]}"),
              "f.json:2:12: /rules/1/name: /rules/0 has the name \"a\" already");
    EXPECT_EQ(error_of("{\"rules\": [{\"name\": \"rule-2\", " + rest + ",\n  {" + rest + "]}"),
              "f.json:2:3: /rules/1/name: /rules/0 has the name \"rule-2\" already")
        << "a name that is not in the text is where its rule is";
    EXPECT_EQ(error_of("{\"rules\": [{\"name\": \"\", " + rest + "]}"), "f.json:1:21: /rules/0/name: it is empty");
    EXPECT_EQ(error_of("{\"rules\": [{\"name\": \"" + std::string(65, 'x') + "\", " + rest + "]}"),
              "f.json:1:21: /rules/0/name: it is longer than 64 characters");
    EXPECT_EQ(error_of("{\"rules\": [{\"name\": \"a\\u001b[2J\", " + rest + "]}"),
              "f.json:1:21: /rules/0/name: a name has no control characters");
    EXPECT_EQ(error_of(R"({"rules": [{"do": {"refuse": true}}]})"), "f.json:1:12: /rules/0: \"when\" is missing");
}

TEST(RuleFile, PointsIntoTextThatIsNotRulesAtAll) {
    EXPECT_EQ(error_of(""), "f.json:1:1: the document is empty");
    EXPECT_EQ(error_of("[]"), "f.json:1:1: this has to be an object, not an array");
    EXPECT_EQ(error_of("{}"), "f.json:1:1: \"rules\" is missing");
    EXPECT_EQ(error_of("{\"rules\": {}}"), "f.json:1:11: /rules: this has to be an array, not an object");
    EXPECT_EQ(error_of("{\n  \"rules\": [\n}"), "f.json:3:1: invalid value");
    EXPECT_EQ(error_of("{\"rules\": []} x"), "f.json:1:15: the document root must not be followed by other values");
    EXPECT_EQ(error_of(std::string("{\"rules\": []}\0", 14)), "f.json:1:14: a zero byte");
    EXPECT_EQ(error_of("{\"rules\": [\"\xff\"]}"), "f.json:1:13: invalid encoding in string");
    EXPECT_EQ(error_of("{\"seed\": -1, \"rules\": []}"),
              "f.json:1:10: /seed: -1 is not a whole number of 64 bits, not negative, or a string of one with 0x");
}

TEST(RuleFile, CountsColumnsInCharactersAndSeesThroughComments) {
    EXPECT_EQ(error_of("/* \xc3\xa4\xc3\xb6 */ {\"rules\": 5}"), "f.json:1:20: /rules: this has to be an array, not 5");
    EXPECT_EQ(error_of("// {\n{ \"rules\" /* : */ : // ,\n  /**/ 5}"),
              "f.json:3:8: /rules: this has to be an array, not 5");
}

TEST(RuleFile, FindsThePlaceOfAPath) {
    const std::string text = R"({"ab": {"c": [1, {"~/": 2}]}, "a": 3})";
    EXPECT_EQ(place_of_value(text, ""), 0u);
    EXPECT_EQ(place_of_value(text, "/ab"), 7u);
    EXPECT_EQ(place_of_key(text, "/ab"), 1u);
    EXPECT_EQ(place_of_value(text, "/ab/c/0"), 14u);
    EXPECT_EQ(place_of_key(text, "/ab/c/1/~0~1"), 18u);
    EXPECT_EQ(place_of_value(text, "/ab/c/1/~0~1"), 24u);
    EXPECT_EQ(place_of_value(text, "/a"), 35u);
    EXPECT_EQ(place_of_value(text, "/ab/x/y"), 7u) << "what is not there is where its parent is, not where \"a\" is";
}

TEST(RuleFile, ShowsNothingThatATerminalObeys) {
    EXPECT_EQ(error_of("{\"\\u001b[2J/~\": 1, \"rules\": []}"),
              "f.json:1:2: /\\u001b[2J~1~0: this key is not known; known are \"$schema\", \"seed\", \"rules\"");
    EXPECT_EQ(error_of("{\"rules\": \"\\u009b\"}"), "f.json:1:11: /rules: this has to be an array, not \"\\u009b\"");
    EXPECT_EQ(error_of("{\"rules\": \"" + std::string(5000, 'x') + "\"}").size(), 253u) << "long values are cut";
}

TEST(RuleFile, IsBoundedInSizeDepthAndRules) {
    const std::string padding(longest_json - 13, ' ');
    EXPECT_EQ(error_of("{\"rules\": []}" + padding), "accepted");
    EXPECT_EQ(error_of("{\"rules\": []}" + padding + " "), "f.json:1:1: longer than 1048576 bytes");
    EXPECT_EQ(error_of(std::string(longest_json, '[')),
              "f.json:1:17: /0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0: nested more than 16 deep");
    const auto of_many = [](unsigned rules) {
        std::string text = "{\"rules\": [";
        for (unsigned i = 0; i < rules; ++i)
            text += std::string(i ? "," : "") + R"({"when": {"on": "dma"}, "do": {"refuse": true}})";
        return text + "]}";
    };
    EXPECT_EQ(error_of(of_many(256)), "accepted");
    EXPECT_EQ(error_of(of_many(257)), "f.json:1:11: /rules: there are 257, and 256 are allowed");
}

TEST(RuleFile, IsReadFromTheDisk) {
    const std::string path = testing::TempDir() + "rules-" + std::to_string(getpid()) + ".json";
    std::ofstream(path) << one_rule(on_dma, refuse);
    EXPECT_TRUE(read_rule_file(path));
    std::ofstream(path) << std::string(longest_json + 1, ' ');
    EXPECT_EQ(read_rule_file(path).error(), path + ":1:1: longer than 1048576 bytes");
    std::remove(path.c_str());
    EXPECT_EQ(read_rule_file(path).error(), path + ": No such file or directory");
    EXPECT_EQ(read_rule_file("/dev/zero").error(), "/dev/zero: not a regular file");
    EXPECT_EQ(read_rule_file("/").error(), "/: not a regular file");
}

TEST(RuleText, OfOneRuleIsReadBack) {
    const std::string text = R"({"name": "mine", "when": {"on": "dma"}, "do": {"refuse": true}})";
    const auto rule = rule_of_json(text, "rule");
    ASSERT_TRUE(rule) << rule.error();
    EXPECT_EQ(*rule, (Rule{"mine", {.pattern = {.kind = Kind::Dma}}, {.deed = Deed::Refuse}}));
    EXPECT_EQ(*rule_of_json(json_of(*rule), "rule"), *rule);
    EXPECT_EQ(rule_of_json(R"({"when": {"on": "dma"}, "do": {"refuse": true}})", "rule").error(),
              "rule:1:1: \"name\" is missing: a rule that is added needs one");
    EXPECT_EQ(rule_of_json(R"({"name": "a", "when": {"on": "dma"}, "do": {"delay": "2 s"}})", "rule").error(),
              "rule:1:54: /do/delay: \"2 s\" is longer than 1 s");
    EXPECT_EQ(rule_of_json(R"({"name": "a", "when": {"om": "dma"}, "do": {}})", "rule").error(),
              "rule:1:24: /when/om: this key is not known; did you mean \"on\"?");
}

TEST(RuleText, IsReadBackToTheSameRules) {
    RuleSet set{.seed = no_end, .rules = {}};
    const auto add = [&](Pattern pattern, Order what) -> When& {
        set.rules.push_back(
            {"rule \"" + std::to_string(set.rules.size()) + "\" \xc3\xa4 \\", {.pattern = pattern}, what});
        return set.rules.back().when;
    };
    When& all = add({.kind = Kind::Entry,
                     .source = 0x113,
                     .pasid = 0xfffff,
                     .first = 1,
                     .last = no_end,
                     .entry_first = 5,
                     .entry_last = 5,
                     .write = false,
                     .code = 0xffffffff},
                    {.deed = Deed::FlipBit, .bit = 0xffffffff});
    all.nth = no_end, all.every = 2, all.probability = 0.1, all.after = Pattern{.kind = Kind::Frames, .last = 7};
    all.after_count = 3, all.from = 1'500'000, all.until = 1'500'001, all.times = 4;
    add({.kind = Kind::Dma, .pasid = no_pasid, .last = 0}, {.deed = Deed::Delay, .nanoseconds = longest_delay}).until =
        1;
    add({.kind = Kind::Dma, .write = true}, {.deed = Deed::Refuse}).probability = 0;
    add({.kind = Kind::Dma}, {.deed = Deed::Refuse}).from = 60'000'000'000;
    add({.kind = Kind::Translation}, {.deed = Deed::WrongPage, .pages = -4503599627370495}).after =
        Pattern{.kind = Kind::Call, .code = 0};
    add({.kind = Kind::Packet}, {.deed = Deed::Interrupt, .vector = 2047, .source = 0xfffe});
    add({.kind = Kind::Packet}, {.deed = Deed::Interrupt, .vector = 1, .of_unit = true});
    add({.kind = Kind::Packet}, {.deed = Deed::Remove, .source = 0});
    for (const auto reason : reason_names()) {
        const auto number = *reason_of(reason);
        add({.kind = vtd::is_interrupt_fault(number) ? Kind::Interrupt : Kind::PageRequest},
            {.deed = Deed::Fault, .reason = static_cast<std::uint8_t>(number)});
    }
    const auto again = rules_of_json(json_of(set), "again");
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(*again, set);
}

TEST(RuleText, IsWhatAPersonWouldWrite) {
    const When when{.pattern = {.kind = Kind::Dma, .source = 0x10, .pasid = no_pasid, .first = 0x1000, .last = 0x1000},
                    .after = Pattern{.kind = Kind::Reset},
                    .until = 2'000'000};
    EXPECT_EQ(json_of({7, {{"a rule", when, {.deed = Deed::Delay, .nanoseconds = 250'000}}}}), R"({
  "seed": 7,
  "rules": [
    {
      "name": "a rule",
      "when": {
        "on": "dma",
        "device": "00:02.0",
        "pasid": "none",
        "address": "0x1000",
        "after": {
          "on": "reset"
        },
        "between": {
          "to": "2 ms"
        }
      },
      "do": {
        "delay": "250 us"
      }
    }
  ]
}
)");
}

TEST(RuleText, KeepsEachBitOfAProbability) {
    for (std::uint64_t i = 1; i < 2000; ++i) {
        const double probability = static_cast<double>(i * 0x9e3779b97f4a7c15 >> 11) * 0x1p-53 / static_cast<double>(i);
        const Rule rule{"a", {.pattern = {.kind = Kind::Dma}, .probability = probability}, {.deed = Deed::Refuse}};
        ASSERT_EQ(rule_of_json(json_of(rule), "rule")->when.probability, probability);
    }
}

// ---- docs/laboratory.md says what there is ----

std::string manual() {
    std::ifstream file(LABORATORY_MD);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Manual, HasExamplesThatAreAccepted) {
    const std::string text = manual();
    unsigned examples = 0;
    for (std::size_t at = 0; (at = text.find("```json\n", at)) != text.npos; ++examples) {
        const std::size_t begin = at + 8;
        at = text.find("```", begin);
        const std::string example = text.substr(begin, at - begin);
        EXPECT_EQ(error_of(example), "accepted") << example;
    }
    EXPECT_GE(examples, 1u);
}

// The words in backquotes.
std::set<std::string> quoted(const std::string& text) {
    const std::regex word("`([^`]*)`");
    std::set<std::string> words;
    for (std::sregex_iterator it(text.begin(), text.end(), word), end; it != end; ++it) words.insert((*it)[1]);
    return words;
}

TEST(Manual, SaysOfEachDeedWhatItActsOn) {
    const std::string text = manual();
    std::set<std::string> found;
    const std::regex row("\\n\\| `([a-z-]+)` \\|[^\\n]*\\| ([^|\\n]*) \\|(?=\\n)");
    const std::size_t table = text.find("`do`: exactly one of");
    ASSERT_NE(table, text.npos);
    for (std::sregex_iterator it(text.begin() + static_cast<std::ptrdiff_t>(table), text.end(), row), end; it != end;
         ++it) {
        const auto deed = deed_of((*it)[1].str());
        if (!deed || !found.insert((*it)[1]).second) continue;
        const std::set<std::string> kinds_named = quoted((*it)[2]);
        const bool any = (*it)[2].str().starts_with("any");
        for (unsigned i = 1; i < kinds; ++i) {
            const auto kind = static_cast<Kind>(i);
            EXPECT_EQ(acts_on(*deed, kind),
                      any ? acts_on(Deed::Remove, kind) : kinds_named.contains(std::string(name_of(kind))))
                << (*it)[1] << " on " << name_of(kind);
        }
    }
    EXPECT_EQ(found.size(), deeds - 1);
}

}  // namespace
}  // namespace remap::lab
