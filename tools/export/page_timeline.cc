// SPDX-License-Identifier: MIT
#include "tools/export/page_timeline.h"

#include "iommu/lab/names.h"
#include "tools/export/injection_targets.h"

#include <algorithm>
#include <unordered_map>

namespace remap::tools {
namespace {

using lab::Event;

// The laboratory on top, then the devices, the unit and the driver.
std::uint32_t rank_of(Owner owner) {
    switch (owner) {
        case laboratory_owner: return 0;
        case unit_owner: return 0x1'0001;
        case driver_owner: return 0x1'0002;
        default: return owner + 1;
    }
}

}  // namespace

PageTimeline::PageTimeline(std::span<const Event> events, const TraceContext& context, const PageLimits& limits)
    : events_(events), bins_(std::max<std::size_t>(limits.bins, 1)) {
    // What comes late, from a writer that was held up, moves to where it was read.
    const std::uint64_t begin = events.empty() ? 0 : events.front().time;
    times_.reserve(events.size());
    for (const Event& event : events) {
        if (event.time > begin) length_ = std::max(length_, event.time - begin);
        times_.push_back(length_);
    }
    choose(limits);
    name_lanes(context, limits);
    fill_bins();
}

void PageTimeline::choose(const PageLimits& limits) {
    for (const Event& event : events_) common_ += weight_of(event) == Weight::Common;
    const bool keeps_common = common_ <= limits.common;
    std::size_t injections = 0, others = 0;
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const Weight weight = weight_of(events_[i]);
        const bool fits = weight == Weight::Common     ? keeps_common
                          : weight == Weight::Injected ? injections++ < limits.notable
                                                       : others++ < limits.notable;
        if (fits)
            kept_.push_back(i);
        else
            ++(weight == Weight::Common ? binned_common_ : binned_notable_);
    }
}

void PageTimeline::name_lanes(const TraceContext& context, const PageLimits& limits) {
    std::map<LaneKey, Owner> found;
    for (const Event& event : events_) {
        const Owner owner = owner_of(event);
        found.try_emplace({rank_of(owner), group_of(event.kind)}, owner);
    }
    for (const auto& [key, owner] : found) {
        if (lanes_.size() + 1 >= limits.lanes && found.size() > limits.lanes) break;
        lane_numbers_[key] = lanes_.size();
        lanes_.push_back({name_of(owner, context), std::string(name_of(key.second)), {}});
    }
    if (lanes_.size() < found.size()) lanes_.push_back({"all others", "", {}});
}

std::size_t PageTimeline::lane_of(const Event& event) const {
    const auto place = lane_numbers_.find({rank_of(owner_of(event)), group_of(event.kind)});
    return place == lane_numbers_.end() ? lanes_.size() - 1 : place->second;
}

void PageTimeline::fill_bins() {
    auto kept = kept_.begin();
    for (std::size_t i = 0; i < events_.size(); ++i) {
        if (kept != kept_.end() && *kept == i) {
            ++kept;
            continue;
        }
        const double part = static_cast<double>(times_[i]) / (static_cast<double>(length_) + 1);
        const auto number = std::min(static_cast<std::size_t>(part * static_cast<double>(bins_)), bins_ - 1);
        Bin& bin = lanes_[lane_of(events_[i])].bins[number];
        ++bin.events;
        bin.notable += weight_of(events_[i]) != Weight::Common;
        if (events_[i].kind == lab::Kind::Dma) bin.bytes += static_cast<double>(events_[i].length);
    }
}

std::optional<std::size_t> PageTimeline::place_of(std::size_t event) const {
    const auto place = std::lower_bound(kept_.begin(), kept_.end(), event);
    if (place == kept_.end() || *place != event) return std::nullopt;
    return static_cast<std::size_t>(place - kept_.begin());
}

void PageTimeline::write(Json& json) const {
    write_member(json, "total", events_.size());
    write_member(json, "nanoseconds", length_);
    write_member(json, "binnedCommon", binned_common_);
    write_member(json, "binnedNotable", binned_notable_);
    write_member(json, "bins", bins_);
    write_key(json, "lanes");
    write_lanes(json);
    write_key(json, "events");
    write_events(json);
}

void PageTimeline::write_lanes(Json& json) const {
    write_array(json, lanes_, [&](const Lane& lane) {
        json.StartObject();
        write_member(json, "owner", lane.owner);
        write_member(json, "group", lane.group);
        write_key(json, "bins");  // each: number, events, how many of them are notable, bytes
        write_array(json, lane.bins, [&](const auto& bin) {
            json.StartArray();
            json.Uint64(bin.first);
            json.Uint64(bin.second.events);
            json.Uint64(bin.second.notable);
            json.Double(bin.second.bytes);
            json.EndArray();
        });
        json.EndObject();
    });
}

// Column by column, which is half the size of row by row.
void PageTimeline::write_events(Json& json) const {
    std::unordered_map<std::size_t, std::size_t> partners;
    for (const InjectionTarget& pair : injection_targets(events_)) {
        const auto from = place_of(pair.injection), to = place_of(pair.target);
        if (!from || !to) continue;
        partners[*from] = *to;
        partners[*to] = *from;
    }
    json.StartObject();
    write_key(json, "time");
    write_array(json, kept_, [&](std::size_t i) { json.Uint64(times_[i]); });
    write_key(json, "lane");
    write_array(json, kept_, [&](std::size_t i) { json.Uint64(lane_of(events_[i])); });
    write_key(json, "weight");
    write_array(json, kept_, [&](std::size_t i) { json.Uint(static_cast<unsigned>(weight_of(events_[i]))); });
    write_key(json, "text");
    write_array(json, kept_, [&](std::size_t i) { write_text(json, lab::text_of(events_[i])); });
    write_key(json, "partners");  // pairs of an injection and what it changed, in both directions
    json.StartObject();
    for (const auto& [from, to] : partners) write_member(json, std::to_string(from), to);
    json.EndObject();
    json.EndObject();
}

}  // namespace remap::tools
