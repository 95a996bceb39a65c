// SPDX-License-Identifier: MIT
// The language of fault rules (docs/laboratory.md, rules.schema.json): text to rules, and rules to text.
//
// Text may come from anybody. It is bounded in size and depth, and whatever is wrong with it becomes one sentence that
// says where: "faults.json:7:21: /rules/0/do/delay: "10 s" is longer than 1 s". No function here throws.
#pragma once

#include "base/result.h"
#include "iommu/lab/rule.h"

#include <string>
#include <string_view>

namespace remap::lab {

// A whole set. `name` is what the text is called in a sentence. Rules without a name are called "rule-N", N their place
// from 1.
Result<RuleSet, std::string> rules_of_json(std::string_view text, std::string_view name);

// The same, of a regular file.
Result<RuleSet, std::string> read_rule_file(const std::string& path);

// One rule by itself: an element of the array "rules". It must have a name.
Result<Rule, std::string> rule_of_json(std::string_view text, std::string_view name);

// The text, with line ends, that reads back to the same. The rules must be without a problem (problem_of).
std::string json_of(const RuleSet& rules);
std::string json_of(const Rule& rule);

}  // namespace remap::lab
