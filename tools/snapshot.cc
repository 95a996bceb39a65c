// SPDX-License-Identifier: MIT
#include "tools/snapshot.h"

#include "iommu/lab/names.h"
#include "iommu/lab/published_text.h"
#include "iommu/lab/rule_ledger.h"
#include "iommu/lab/trace_reader.h"
#include "tools/export/trace_names.h"
#include "tools/top_table.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace remap::tools {

using namespace std::chrono_literals;

namespace {

using lab::Event;
using rapidjson::Value;

constexpr std::size_t at_once = 100'000;  // events
constexpr std::size_t most_spaces = 32;   // that the machine is asked about
constexpr auto patience = 5s;

// ---- answers, of which nothing is believed ----

// What is asked here makes the picture richer and is not missed: a machine that does not answer is no error.
rapidjson::Document ask_quietly(lab::Attachment& machine, const rapidjson::Document& request) {
    rapidjson::Document answer;
    if (const auto text = machine.ask(text_of_json(request), patience))
        answer.Parse<rapidjson::kParseIterativeFlag>(text->data(), text->size());
    if (answer.HasParseError() || !answer.IsObject()) answer.SetObject();
    return answer;
}

const Value& member(const Value& object, const char* name) {
    static const Value nothing;
    if (!object.IsObject()) return nothing;
    const auto found = object.FindMember(name);
    return found == object.MemberEnd() ? nothing : found->value;
}

std::string_view text_in(const Value& object, const char* name) {
    const Value& value = member(object, name);
    return value.IsString() ? std::string_view(value.GetString(), value.GetStringLength()) : std::string_view();
}

std::uint64_t number_in(const Value& object, const char* name) {
    const Value& value = member(object, name);
    if (value.IsUint64()) return value.GetUint64();
    std::string_view text = text_in(object, name);
    if (!text.starts_with("0x")) return 0;
    text.remove_prefix(2);
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number, 16);
    return number;
}

rapidjson::Document command(const char* name) {
    rapidjson::Document request(rapidjson::kObjectType);
    request.AddMember("command", rapidjson::StringRef(name), request.GetAllocator());
    return request;
}

// ---- the parts of a snapshot ----

// The rules that the numbers in the trace stand for, also those that are gone. They are read before the trace: what is
// injected meanwhile is in the trace and not yet in the rules' counts, and not the other way round.
void add_rules(Snapshot& snapshot, const lab::Attachment& machine) {
    const auto text = lab::published_text(machine.part(lab::Part::Rules));
    auto ledger = lab::ledger_of(text.value_or(""));
    if (!ledger) return;
    const auto counts = machine.part(lab::Part::RuleCounts);
    lab::take_counts(
        *ledger, {reinterpret_cast<const lab::RuleCounter*>(counts.data()), counts.size() / sizeof(lab::RuleCounter)});
    for (const lab::RuleRecord& rule : ledger->rules)
        snapshot.context.rules.push_back(
            {.number = rule.number, .name = rule.name, .text = {}, .acted = rule.count.injected});
}

// What they say is known to the machine alone.
void add_texts_of_rules(Snapshot& snapshot, lab::Attachment& machine) {
    const auto answer = ask_quietly(machine, command("rules-show"));
    const Value& rules = member(answer, "rules");
    if (!rules.IsArray()) return;
    for (const Value& entry : rules.GetArray()) {
        const Value& rule = member(entry, "rule");
        for (RuleInfo& info : snapshot.context.rules)
            if (info.name == text_in(rule, "name")) info.text = text_of_json(rule);
    }
}

void add_counters(Snapshot& snapshot, const lab::Attachment& machine) {
    const auto rows = read_counters(machine.part(lab::Part::Counters));
    if (!rows) return;
    rapidjson::Document counts;
    counts.Parse(json_of(*rows, 1).c_str());
    const Value& devices = member(counts, "devices");
    if (!devices.IsArray()) return;
    for (const Value& device : devices.GetArray())
        for (const auto& count : device.GetObject())
            if (count.value.IsUint64() && count.value.GetUint64() != 0)
                snapshot.context.counters.push_back(
                    {std::string(text_in(device, "device")) + " " + count.name.GetString(), count.value.GetUint64()});
}

void add_reachable(Snapshot& snapshot, lab::Attachment& machine, std::uint16_t source, std::uint32_t pasid) {
    auto request = command("tables");
    request.AddMember("device", Value(lab::text_of_source(source).c_str(), request.GetAllocator()),
                      request.GetAllocator());
    if (pasid != lab::no_pasid) request.AddMember("pasid", pasid, request.GetAllocator());
    const auto answer = ask_quietly(machine, request);
    const Value& runs = member(answer, "runs");
    if (!runs.IsArray()) return;
    for (const Value& run : runs.GetArray()) {
        const std::string_view rights = text_in(run, "rights");
        snapshot.context.reachable.push_back({.source = source,
                                              .pasid = pasid,
                                              .address = number_in(run, "first"),
                                              .bytes = number_in(run, "bytes"),
                                              .physical = number_in(run, "physical"),
                                              .readable = rights.find('r') != rights.npos,
                                              .writable = rights.find('w') != rights.npos,
                                              .object = number_in(run, "object")});
    }
}

void add_reachable(Snapshot& snapshot, lab::Attachment& machine) {
    std::set<std::pair<std::uint16_t, std::uint32_t>> spaces;
    for (const Event& event : snapshot.events) {
        if (event.source == lab::no_source || spaces.size() == most_spaces) continue;
        if (event.kind == lab::Kind::Dma || event.kind == lab::Kind::Fault) spaces.emplace(event.source, event.pasid);
    }
    for (const auto& [source, pasid] : spaces) add_reachable(snapshot, machine, source, pasid);
}

// All that was recorded up to now. A record that is not finished holds up what is behind it for one call.
void read_events(Snapshot& snapshot, lab::TraceReader& trace) {
    trace.end_here();
    for (unsigned quiet = 0; quiet < 2;) quiet = trace.read(snapshot.events, at_once) != 0 ? 0 : quiet + 1;
    std::stable_sort(snapshot.events.begin(), snapshot.events.end(),
                     [](const Event& a, const Event& b) { return a.time < b.time; });
    for (std::uint32_t lane = 0; lane < trace.lanes(); ++lane)
        snapshot.context.losses.push_back({lane, trace.loss(lane).total()});
}

}  // namespace

std::optional<Snapshot> take_snapshot(const Target& target) {
    const auto machine = attach(target);
    if (machine == nullptr) return std::nullopt;
    auto trace = lab::TraceReader::open(machine->part(lab::Part::Trace));
    if (!trace) {
        fail(trace.error());
        return std::nullopt;
    }
    Snapshot snapshot;
    snapshot.context.machine = machine->name();
    add_rules(snapshot, *machine);
    read_events(snapshot, *trace);
    add_names(snapshot.context, snapshot.events);
    add_counters(snapshot, *machine);
    if (machine->is_running()) {
        add_texts_of_rules(snapshot, *machine);
        add_reachable(snapshot, *machine);
    }
    if (!machine->lost()) return snapshot;
    fail("the machine's control segment was cut off by another program");
    return std::nullopt;
}

}  // namespace remap::tools
