// SPDX-License-Identifier: MIT
// A machine's laboratory with all that belongs to it: rules and who decides by them, the trace and the counters in the
// segment that tools attach to, and the commands that tools may give.
//
//     auto made = Instrument::create({.name = "mine", .rules = "faults.json"}, port);
//     Iommu unit(options, (*made)->laboratory().around(machine));
//     (*made)->laboratory().attach(unit);
//     (*made)->serve(&port_of_the_unit);
#pragma once

#include "base/result.h"
#include "hw/spec/lab_registers.h"
#include "iommu/lab/commands.h"
#include "iommu/lab/counters.h"
#include "iommu/lab/decisions.h"
#include "iommu/lab/instrument_options.h"
#include "iommu/lab/laboratory.h"
#include "iommu/lab/machine_port.h"
#include "iommu/lab/objects.h"
#include "iommu/lab/recorder.h"
#include "iommu/lab/rule.h"
#include "iommu/lab/segment.h"
#include "iommu/lab/unit_port.h"

#include <cstdint>
#include <memory>
#include <string>

namespace remap::lab {

class Instrument {
public:
    // The error is a sentence for people: rules that are none, a segment that cannot be made. The machine outlives it.
    static Result<std::unique_ptr<Instrument>, std::string> create(const InstrumentOptions& options,
                                                                   MachinePort& machine);
    Instrument(const Instrument&) = delete;
    Instrument& operator=(const Instrument&) = delete;

    // Answers tools from now on, on a thread of its own. Once, when the unit is attached; null: there is none. The unit
    // outlives this.
    void serve(UnitPort* unit);

    // What a driver's side says of its calls and its memory. False: it may not say so. Any thread.
    bool driver_says(const spec::lab::DriverEvent& said);

    // Replaces all rules. The sentence is empty when it was done; else it says why not, and nothing has changed.
    std::string set_rules(RuleSet rules);
    std::string set_rules(const std::string& file_or_text);

    Laboratory& laboratory() { return *laboratory_; }
    Decisions& decisions() { return decisions_; }
    Recorder& recorder() { return segment_->recorder(); }
    Counters& counters() { return *counters_; }
    Commands& commands() { return commands_; }
    const Objects& objects() const { return objects_; }
    const std::string& name() const { return segment_->name(); }

private:
    explicit Instrument(MachinePort& machine) : machine_(machine), decisions_(time_of, &machine) {}
    std::string begin(const InstrumentOptions& options);
    std::string make_segment(const InstrumentOptions& options);
    static std::uint64_t time_of(void* machine) { return static_cast<MachinePort*>(machine)->now(); }

    MachinePort& machine_;
    Decisions decisions_;
    std::unique_ptr<Counters> counters_ = std::make_unique<Counters>();
    Objects objects_;
    Commands commands_;
    std::unique_ptr<Laboratory> laboratory_;
    std::unique_ptr<Segment> segment_;  // last: its thread uses the rest
};

}  // namespace remap::lab
