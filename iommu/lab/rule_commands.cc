// SPDX-License-Identifier: MIT
#include "iommu/lab/rule_commands.h"

#include "iommu/lab/decisions.h"
#include "iommu/lab/rule_file.h"

#include <vector>

namespace remap::lab {

namespace {

using Answer = Result<std::string, std::string>;

// All of them, or none: those that went in before one that cannot are taken out again.
std::string add_all(Decisions& decisions, const RuleSet& set) {
    std::vector<std::string> added;
    for (const Rule& rule : set.rules) {
        std::string problem = decisions.add(rule);
        if (!problem.empty()) {
            for (const std::string& name : added) decisions.remove(name);
            return problem;
        }
        added.push_back(rule.name);
    }
    return {};
}

// A machine without rules takes the seed over too.
Answer add(Decisions& decisions, const rapidjson::Value& request) {
    const char* const text = text_member(request, "rules");
    if (text == nullptr) return Failure{std::string("\"rules\" is the text of a rule file")};
    const char* const name = text_member(request, "name");
    const auto set = rules_of_json(text, name != nullptr ? name : "rules");
    if (!set) return Failure{set.error()};
    std::string problem = decisions.rules().rules.empty() ? decisions.replace(*set) : add_all(decisions, *set);
    if (!problem.empty()) return Failure{problem};
    return "{\"added\":" + std::to_string(set->rules.size()) + "}";
}

Answer remove(Decisions& decisions, const rapidjson::Value& request) {
    if (const char* const name = text_member(request, "name"); name != nullptr) {
        if (std::string problem = decisions.remove(name); !problem.empty()) return Failure{problem};
        return std::string("{\"removed\":1}");
    }
    const auto all = request.FindMember("all");
    if (all == request.MemberEnd() || !all->value.IsTrue())
        return Failure{std::string("\"name\" is a rule's name, or \"all\" is true")};
    RuleSet rules = decisions.rules();
    const std::size_t count = rules.rules.size();
    rules.rules.clear();
    if (std::string problem = decisions.replace(rules); !problem.empty()) return Failure{problem};
    return "{\"removed\":" + std::to_string(count) + "}";
}

// Between the two questions a rule may come or go: then the counts of the shorter list are shown.
Answer show(const Decisions& decisions) {
    const RuleSet set = decisions.rules();
    const std::vector<RuleCount> counts = decisions.counts();
    std::string text = "{\"seed\":" + std::to_string(set.seed) + ",\"rules\":[";
    for (std::size_t i = 0; i < set.rules.size(); ++i) {
        const RuleCount count = i < counts.size() ? counts[i] : RuleCount{};
        text += (i == 0 ? "" : ",") + std::string("{\"rule\":") + json_of(set.rules[i]) +
                ",\"matched\":" + std::to_string(count.matched) + ",\"acted\":" + std::to_string(count.acted) +
                ",\"injected\":" + std::to_string(count.injected) + "}";
    }
    return text + "]}";
}

}  // namespace

void add_rule_commands(Commands& commands, Decisions& decisions, std::function<void()> changed) {
    const auto changing = [&decisions,
                           changed = std::move(changed)](Answer (*command)(Decisions&, const rapidjson::Value&)) {
        return [&decisions, changed, command](const rapidjson::Value& request) {
            Answer answer = command(decisions, request);
            if (answer && changed) changed();
            return answer;
        };
    };
    commands.add("rules-add", changing(add));
    commands.add("rules-remove", changing(remove));
    commands.add("rules-show", [&decisions](const rapidjson::Value&) { return show(decisions); });
}

}  // namespace remap::lab
