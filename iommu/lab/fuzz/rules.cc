// SPDX-License-Identifier: MIT
// Rule files of any bytes, mutated by words of the language: refused with a place that is in the text and a sentence
// that can be printed, or rules that mean something, read back from their own text, and decide.
#include "base/fuzz/input.h"
#include "iommu/lab/decisions.h"
#include "iommu/lab/names.h"
#include "iommu/lab/rule_file.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* bytes, std::size_t count, std::size_t most);

namespace remap::fuzz {
namespace {

using namespace lab;

constexpr std::string_view words[] = {
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "true",
    "null",
    "/*",
    "*/",
    "//",
    "\\u0000",
    "1",
    "-1",
    "0x1",
    "0.5",
    "\"none\"",
    "\"rules\":[",
    "{\"name\":\"a\",",
    "\"when\":{",
    "\"do\":{",
    "\"on\":",
    "\"device\":\"00:02.0\"",
    "\"pasid\":5",
    "\"address\":",
    "\"entry-address\":",
    "{\"from\":1,\"to\":9}",
    "\"access\":\"write\"",
    "\"code\":5",
    "\"nth\":2",
    "\"every\":2",
    "\"probability\":0.5",
    "\"after\":{",
    "\"count\":2",
    "\"between\":{",
    "\"from\":\"1 ms\"",
    "\"to\":\"2 ms\"",
    "\"times\":2",
    "\"seed\":7",
    "\"dma\"",
    "\"translation\"",
    "\"entry\"",
    "\"interrupt\"",
    "\"unit-interrupt\"",
    "\"fault\"",
    "\"invalidation\"",
    "\"completion\"",
    "\"device-invalidation\"",
    "\"page-request\"",
    "\"page-answer\"",
    "\"packet\"",
    "\"reset\"",
    "\"fault\":\"NoWrite\"",
    "\"fault\":34",
    "\"refuse\":true",
    "\"delay\":\"1 ms\"",
    "\"wrong-page\":-1",
    "\"flip-bit\":\"0x9\"",
    "\"drop\":true",
    "\"silence\":true",
    "\"stick\":true",
    "\"full-log\":true",
    "\"interrupt\":{\"device\":\"00:02.0\",\"vector\":1}",
    "\"interrupt\":{\"unit\":\"fault\"}",
    "\"remove\":{\"device\":\"00:02.0\"}",
    "\"hang\":true",
};

std::size_t number_in(std::string_view& text) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    require(error == std::errc() && end != text.data() + text.size() && *end == ':', "a place is two numbers");
    text.remove_prefix(static_cast<std::size_t>(end + 1 - text.data()));
    return number;
}

void check_refusal(std::string_view text, std::string_view error) {
    require(error.starts_with("f:"), "a refusal begins with the file's name");
    for (std::size_t i = 0; i < error.size(); ++i) {
        const auto byte = static_cast<unsigned char>(error[i]);
        require(byte >= 0x20 && byte != 0x7f, "a refusal is one line without control characters", byte);
    }
    error.remove_prefix(2);
    const std::size_t line = number_in(error), column = number_in(error);
    require(error.size() > 2 && error[0] == ' ', "and a sentence");
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    require(line >= 1 && line <= lines, "the line is one of the text's", line, lines);
    for (std::size_t i = 1; i < line; ++i) text.remove_prefix(text.find('\n') + 1);
    require(column >= 1 && column <= std::min(text.find('\n'), text.size()) + 1, "the column is in the line", column);
}

// What each rule is about, and what it waits for, happens some times.
void decide(Decisions& decisions, const RuleSet& set) {
    std::uint64_t acted = 0;
    for (unsigned round = 0; round < 3; ++round)
        for (const Rule& rule : set.rules)
            for (const Pattern* pattern : {&rule.when.pattern, rule.when.after ? &*rule.when.after : nullptr}) {
                if (pattern == nullptr) continue;
                require(decisions.wants(pattern->kind), "rules want to know of what they are about");
                const Order order = decisions.decide({.kind = pattern->kind,
                                                      .flags = pattern->write.value_or(false),
                                                      .source = pattern->source.value_or(0x10),
                                                      .pasid = pattern->pasid.value_or(no_pasid),
                                                      .address = pattern->first,
                                                      .length = 8,
                                                      .result = pattern->entry_first,
                                                      .code = pattern->code.value_or(0)});
                if (!order) continue;
                ++acted;
                require(order.rule < set.rules.size(), "an order is of a rule that there is");
                require(acts_on(order.deed, pattern->kind), "a deed is done to what it acts on");
            }
    for (const RuleCount& count : decisions.counts()) {
        require(count.acted <= count.matched, "who acts has counted", count.acted, count.matched);
        acted -= count.acted;
    }
    require(acted == 0, "each order is counted", acted);
}

}  // namespace
}  // namespace remap::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t count, std::size_t most,
                                               unsigned seed) {
    using remap::fuzz::words;
    if (seed % 3 == 0) return LLVMFuzzerMutate(bytes, count, most);
    const std::string_view word = words[seed / 3 % std::size(words)];
    const std::string text(reinterpret_cast<const char*>(bytes), count);
    const std::size_t begin = seed / 1024 % (count + 1);
    const std::size_t length = seed % 3 == 1 ? 0 : seed / 7 % 16;  // put in, or put in the place of something
    std::string made = text;
    made.replace(begin, length, word);
    made.resize(std::min(made.size(), most));
    std::copy(made.begin(), made.end(), bytes);
    return made.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace remap::fuzz;
    using namespace remap::lab;
    const std::string_view text(reinterpret_cast<const char*>(bytes), count);
    const auto rules = rules_of_json(text, "f");
    if (!rules) check_refusal(text, rules.error());
    if (const auto rule = rule_of_json(text, "f")) {
        const auto again = rule_of_json(json_of(*rule), "again");
        require(again && *again == *rule, "a rule is read back from its text");
    } else {
        check_refusal(text, rule.error());
    }
    if (!rules) return 0;
    require(!problem_of(*rules), "rules that are accepted have no problem");
    const auto again = rules_of_json(json_of(*rules), "again");
    require(again && *again == *rules, "rules are read back from their text");
    Decisions decisions;
    require(decisions.replace(*rules).empty(), "rules that are accepted can be used");
    decide(decisions, *rules);
    return 0;
}
