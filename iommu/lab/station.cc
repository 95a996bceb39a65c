// SPDX-License-Identifier: MIT
#include "iommu/lab/station.h"

#include "iommu/lab/driver_events.h"
#include "iommu/lab/look_commands.h"
#include "iommu/lab/rule_commands.h"
#include "iommu/lab/rule_file.h"
#include "iommu/lab/rule_ledger.h"

namespace remap::lab {
namespace {

std::uint64_t time_of(void* machine) { return static_cast<MachinePort*>(machine)->now(); }

bool is_text(const std::string& rules) {
    const std::size_t first = rules.find_first_not_of(" \t\r\n");
    return first != std::string::npos && rules[first] == '{';
}

Result<RuleSet, std::string> read_rules(const std::string& rules) {
    if (rules.empty()) return RuleSet{};
    return is_text(rules) ? rules_of_json(rules, "rules") : read_rule_file(rules);
}

}  // namespace

Station::Station(MachinePort& machine) : machine_(machine), decisions_(time_of, &machine) {}

Station::~Station() = default;

Result<std::unique_ptr<Station>, std::string> Station::create(const StationOptions& options, MachinePort& machine) {
    std::unique_ptr<Station> station(new Station(machine));
    if (std::string what = station->begin(options); !what.empty()) return Failure{what};
    return station;
}

std::string Station::begin(const StationOptions& options) {
    auto rules = read_rules(options.rules);
    if (!rules) return rules.error();
    if (options.seed) rules->seed = *options.seed;

    SegmentOptions wanted{.name = options.name, .file = options.file, .trace = options.trace_shape, .clock = {}};
    if (options.machine_time) wanted.clock = {time_of, &machine_};
    auto segment = Segment::create(wanted);
    if (!segment) return segment.error();
    segment_ = std::move(*segment);

    laboratory_ = std::make_unique<Laboratory>(decisions_, recorder(), *counters_, machine_);
    recorder().switch_on(options.trace);
    decisions_.publish_to(segment_->rule_counters());
    publisher_.emplace(segment_->rules_text());
    if (std::string what = replace(std::move(*rules)); !what.empty()) return what;

    add_trace_commands(commands_, recorder());
    add_rule_commands(commands_, decisions_, [this] { rules_changed(); });
    segment_->serve([this](std::string_view request) { return commands_.answer(request); },
                    [this, &table = segment_->counters()] { counters_->publish_to(table); });
    return {};
}

bool Station::driver_says(const spec::lab::DriverEvent& said) {
    const auto event = event_of(said);
    if (!event) return false;
    objects_.happened(*event);
    laboratory_->happened(*event);
    return true;
}

void Station::show(UnitPort& unit) { add_look_commands(commands_, unit, &objects_); }

void Station::reset() {
    objects_.happened({.kind = Kind::Reset});
    laboratory_->reset();
}

std::string Station::set_rules(const std::string& text) {
    auto rules = read_rules(text);
    return rules ? replace(std::move(*rules)) : rules.error();
}

std::string Station::replace(RuleSet rules) {
    std::string what = decisions_.replace(std::move(rules));
    if (what.empty()) rules_changed();
    return what;
}

void Station::rules_changed() {
    {
        const std::lock_guard guard(publishing_);
        const RuleLedger ledger{decisions_.rules().seed, decisions_.records()};
        publisher_->publish(text_of(ledger));
    }
    laboratory_->rules_changed();
}

}  // namespace remap::lab
