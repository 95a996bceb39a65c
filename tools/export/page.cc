// SPDX-License-Identifier: MIT
#include "tools/export/page.h"

#include "iommu/lab/names.h"
#include "iommu/spec/fault_reasons.h"
#include "tools/export/groups.h"
#include "tools/export/page_files.h"
#include "tools/export/page_json.h"
#include "tools/export/page_map.h"
#include "tools/export/page_timeline.h"

#include <array>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace remap::tools {

std::string text_of_address(std::uint64_t address) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    do text.insert(text.begin(), digits[address & 0xf]);
    while ((address >>= 4) != 0);
    return "0x" + text;
}

namespace {

using lab::Event;
using lab::Kind;

constexpr std::size_t most_moments = 200;  // that one row of a table leads to
constexpr std::size_t most_rows = 500;

// Something that happened, how often, and where on the page to see it.
struct Happenings {
    std::uint64_t count = 0;
    std::vector<std::size_t> moments;

    void add(std::optional<std::size_t> place) {
        ++count;
        if (place && moments.size() < most_moments) moments.push_back(*place);
    }
    void write(Json& json, std::string_view key) const {
        write_member(json, key, count);
        write_key(json, "moments");
        write_array(json, moments, [&](std::size_t place) { json.Uint64(place); });
    }
};

void write_rules(Json& json, std::span<const Event> events, const TraceContext& context, const PageTimeline& timeline) {
    std::map<std::uint32_t, Happenings> seen;
    for (std::size_t i = 0; i < events.size(); ++i)
        if (events[i].kind == Kind::Injection && (seen.size() < most_rows || seen.contains(events[i].code)))
            seen[events[i].code].add(timeline.place_of(i));
    json.StartArray();
    for (const RuleInfo& rule : context.rules) {
        json.StartObject();
        write_member(json, "number", rule.number);
        write_member(json, "name", rule.name);
        write_member(json, "text", rule.text);
        write_member(json, "acted", rule.acted);
        seen[rule.number].write(json, "seen");
        json.EndObject();
        seen.erase(rule.number);
    }
    for (const auto& [number, injections] : seen) {  // rules that were there once
        json.StartObject();
        write_member(json, "number", number);
        write_member(json, "name", "");
        write_member(json, "text", "");
        injections.write(json, "seen");
        json.EndObject();
    }
    json.EndArray();
}

std::string text_of_fault(const Event& event) {
    if (event.kind == Kind::StaleUse) return "stale translation used";
    if (event.kind == Kind::Dma) return "DMA refused";
    const std::string reason =
        event.code < 0x100 ? vtd::text_of(static_cast<vtd::FaultReason>(event.code)) : "unknown fault reason";
    return reason + " (" + text_of_address(event.code) + ")";
}

void write_faults(Json& json, std::span<const Event> events, const TraceContext& context,
                  const PageTimeline& timeline) {
    std::map<std::tuple<std::uint16_t, Kind, std::uint32_t>, std::pair<Event, Happenings>> faults;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const Event& event = events[i];
        const bool is_refused_dma = event.kind == Kind::Dma && weight_of(event) == Weight::Faulty;
        if (group_of(event.kind) != Group::Faults && !is_refused_dma) continue;
        const std::tuple key(event.source, event.kind, event.kind == Kind::StaleUse || is_refused_dma ? 0 : event.code);
        if (faults.size() >= most_rows && !faults.contains(key)) continue;
        auto& [example, happenings] = faults[key];
        example = event;
        happenings.add(timeline.place_of(i));
    }
    write_array(json, faults, [&](const auto& row) {
        const auto& [event, happenings] = row.second;
        json.StartObject();
        write_member(json, "owner", name_of(owner_of(event), context));
        write_member(json, "kind", lab::name_of(event.kind));
        write_member(json, "text", text_of_fault(event));
        happenings.write(json, "count");
        json.EndObject();
    });
}

void write_kinds(Json& json, std::span<const Event> events) {
    std::array<std::uint64_t, lab::kinds> counts{};
    for (const Event& event : events)
        if (static_cast<unsigned>(event.kind) < lab::kinds) ++counts[static_cast<unsigned>(event.kind)];
    json.StartArray();
    for (unsigned kind = 0; kind < lab::kinds; ++kind) {
        if (counts[kind] == 0) continue;
        json.StartObject();
        write_member(json, "name", lab::name_of(static_cast<Kind>(kind)));
        write_member(json, "count", counts[kind]);
        json.EndObject();
    }
    json.EndArray();
}

void write_data(std::ostream& out, std::span<const Event> events, const TraceContext& context,
                const PageLimits& limits) {
    ScriptStream stream(out);
    Json json(stream);
    const PageTimeline timeline(events, context, limits);
    const PageMap map(events, timeline.times(), context, limits);
    json.StartObject();
    write_member(json, "machine", context.machine);
    write_key(json, "losses");
    write_array(json, context.losses, [&](const LaneLoss& loss) {
        json.StartObject();
        write_member(json, "lane", loss.lane);
        write_member(json, "events", loss.events);
        json.EndObject();
    });
    timeline.write(json);
    write_key(json, "rules");
    write_rules(json, events, context, timeline);
    write_key(json, "faults");
    write_faults(json, events, context, timeline);
    write_key(json, "kinds");
    write_kinds(json, events);
    write_key(json, "counters");
    write_array(json, context.counters, [&](const CounterInfo& counter) {
        json.StartObject();
        write_member(json, "name", counter.name);
        write_member(json, "value", std::to_string(counter.value));
        json.EndObject();
    });
    map.write(json, context, [&](std::size_t event) { return timeline.place_of(event); });
    json.EndObject();
}

}  // namespace

// The frame is a text with places for the rest, which nobody but us has written.
void write_page(std::ostream& out, std::span<const Event> events, const TraceContext& context,
                const PageLimits& limits) {
    std::string_view frame = page_files::frame;
    while (!frame.empty()) {
        const std::size_t mark = frame.find("@@");
        out << frame.substr(0, mark);
        if (mark == frame.npos) break;
        const std::size_t end = frame.find("@@", mark + 2);
        const std::string_view name = frame.substr(mark + 2, end - mark - 2);
        if (name == "STYLE") out << page_files::style;
        if (name == "SCRIPT") out << page_files::script;
        if (name == "DATA") write_data(out, events, context, limits);
        frame.remove_prefix(end + 2);
    }
}

}  // namespace remap::tools
