// SPDX-License-Identifier: MIT
#include "iommu/lab/instrument.h"

#include "iommu/lab/driver_events.h"
#include "iommu/lab/look_commands.h"
#include "iommu/lab/rule_file.h"

#include <string_view>
#include <utility>

namespace remap::lab {

namespace {

bool is_text(std::string_view rules) {
    const std::size_t first = rules.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && rules[first] == '{';
}

Result<RuleSet, std::string> rules_of(const std::string& file_or_text) {
    return is_text(file_or_text) ? rules_of_json(file_or_text, "rules") : read_rule_file(file_or_text);
}

}  // namespace

Result<std::unique_ptr<Instrument>, std::string> Instrument::create(const InstrumentOptions& options,
                                                                    MachinePort& machine) {
    std::unique_ptr<Instrument> made(new Instrument(machine));
    if (std::string what = made->begin(options); !what.empty()) return Failure{std::move(what)};
    return made;
}

std::string Instrument::make_segment(const InstrumentOptions& options) {
    SegmentOptions wanted;
    wanted.name = options.name;
    wanted.file = options.file;
    wanted.counters_bytes = sizeof(CounterTable);
    if (options.trace_bytes != 0) wanted.trace.lane_bytes = options.trace_bytes;
    if (options.machine_time) wanted.clock = {time_of, &machine_};
    auto segment = Segment::create(wanted);
    if (!segment) return segment.error();
    segment_ = std::move(*segment);
    return {};
}

std::string Instrument::begin(const InstrumentOptions& options) {
    RuleSet rules;
    if (!options.rules.empty()) {
        auto read = rules_of(options.rules);
        if (!read) return read.error();
        rules = std::move(*read);
    }
    if (options.seed) rules.seed = *options.seed;
    if (std::string what = make_segment(options); !what.empty()) return what;
    laboratory_ = std::make_unique<Laboratory>(decisions_, recorder(), *counters_, machine_);
    recorder().switch_on(options.trace);
    decisions_.publish_to(segment_->rule_counters());
    return set_rules(std::move(rules));
}

void Instrument::serve(UnitPort* unit) {
    add_trace_commands(commands_, recorder());
    if (unit != nullptr) add_look_commands(commands_, *unit, &objects_);
    segment_->serve([this](std::string_view request) { return commands_.answer(request); },
                    [this] { counters_->publish_to(*reinterpret_cast<CounterTable*>(segment_->counters().data())); });
}

bool Instrument::driver_says(const spec::lab::DriverEvent& said) {
    const auto event = event_of(said);
    if (!event) return false;
    objects_.happened(*event);
    laboratory_->happened(*event);
    return true;
}

std::string Instrument::set_rules(RuleSet rules) {
    std::string what = decisions_.replace(std::move(rules));
    if (what.empty()) laboratory_->rules_changed();
    return what;
}

std::string Instrument::set_rules(const std::string& file_or_text) {
    auto rules = rules_of(file_or_text);
    return rules ? set_rules(std::move(*rules)) : rules.error();
}

}  // namespace remap::lab
