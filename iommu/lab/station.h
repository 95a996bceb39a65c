// SPDX-License-Identifier: MIT
// A machine's laboratory, put together: rules and who decides by them, the trace and the counters in a control segment,
// the commands of tools. What is left for a machine to do is to be a MachinePort, and to lead its unit and its devices
// past the Laboratory (laboratory.h).
#pragma once

#include "base/result.h"
#include "hw/spec/lab_registers.h"
#include "iommu/lab/commands.h"
#include "iommu/lab/counters.h"
#include "iommu/lab/decisions.h"
#include "iommu/lab/laboratory.h"
#include "iommu/lab/machine_port.h"
#include "iommu/lab/objects.h"
#include "iommu/lab/published_text.h"
#include "iommu/lab/segment.h"
#include "iommu/lab/unit_port.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace remap::lab {

struct StationOptions {
    std::string name;        // by which tools attach; see is_machine_name
    std::string file = {};   // the control segment lies in this file and outlives the machine; empty: in shared memory
    std::string rules = {};  // a file of rules, or their text, which begins with a brace; empty: none
    std::optional<std::uint64_t> seed = {};  // in place of that of the rules
    bool trace = false;                      // on from the start
    TraceShape trace_shape = {};
    bool machine_time = false;  // events of the trace bear the machine's time; else that of the host's cheapest clock
};

class Station {
public:
    // The port outlives the station, and is not asked before this returns but for the time. The error is a sentence for
    // people.
    static Result<std::unique_ptr<Station>, std::string> create(const StationOptions& options, MachinePort& machine);

    // After the last event. No command is being answered any more when it returns.
    ~Station();
    Station(const Station&) = delete;
    Station& operator=(const Station&) = delete;

    const std::string& name() const { return segment_->name(); }
    Laboratory& laboratory() { return *laboratory_; }
    const Decisions& decisions() const { return decisions_; }
    const Counters& counters() const { return *counters_; }
    Recorder& recorder() const { return segment_->recorder(); }

    // For commands of the machine's own. What they use must live as long as the station does.
    Commands& commands() { return commands_; }

    // What a driver's side says of its calls and its memory. False: it may not say so. Any thread.
    bool driver_says(const spec::lab::DriverEvent& said);
    const Objects& objects() const { return objects_; }

    // Tools may look into the tables of this unit, which lives as long as the station does. Any time.
    void show(UnitPort& unit);

    // The machine was reset: the unit forgets, and so do the drivers.
    void reset();

    // Replaces all rules, by their text or by those of a file, as in the options. Any thread that holds no lock of the
    // unit's. A sentence if nothing was changed.
    std::string set_rules(const std::string& rules);

private:
    explicit Station(MachinePort& machine);
    std::string begin(const StationOptions& options);
    std::string replace(RuleSet rules);
    void rules_changed();

    MachinePort& machine_;
    Decisions decisions_;
    std::unique_ptr<Counters> counters_ = std::make_unique<Counters>();
    std::unique_ptr<Laboratory> laboratory_;
    Objects objects_;
    Commands commands_;
    std::mutex publishing_;
    std::optional<TextPublisher> publisher_;
    std::unique_ptr<Segment> segment_;  // last: its thread uses all of the above
};

}  // namespace remap::lab
