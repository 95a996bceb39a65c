// SPDX-License-Identifier: MIT
// What becomes of rules, for schema_test.py: a text on each line of the standard input; for each a line with
// "accepted", or who refuses it, "json", "schema" or "meaning", and the sentence.
#include "iommu/lab/json_places.h"
#include "iommu/lab/rule_file.h"
#include "iommu/lab/schema_check.h"

#include <iostream>
#include <string>

using namespace remap::lab;

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        const auto rules = rules_of_json(line, "rules");
        if (rules)
            std::cout << "accepted\n";
        else if (problem_of_shape(line))
            std::cout << "json " << rules.error() << "\n";
        else if (problem_by_schema(parse_json(line), line, RuleText::Set))
            std::cout << "schema " << rules.error() << "\n";
        else
            std::cout << "meaning " << rules.error() << "\n";
    }
}
