// SPDX-License-Identifier: MIT
// The timeline of the page: which events it holds one by one, and what becomes of the others.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/groups.h"
#include "tools/export/page.h"
#include "tools/export/page_json.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace remap::tools {

class PageTimeline {
public:
    PageTimeline(std::span<const lab::Event> events, const TraceContext& context, const PageLimits& limits);

    // Where an event that is kept stands in the page's list.
    std::optional<std::size_t> place_of(std::size_t event) const;

    // Of all events: nanoseconds since the first.
    std::span<const std::uint64_t> times() const { return times_; }

    // The members "span", "timeline" and what they need, into an object that is open.
    void write(Json& json) const;

private:
    struct Bin {
        std::uint64_t events = 0;
        std::uint64_t notable = 0;
        double bytes = 0;
    };
    struct Lane {
        std::string owner;
        std::string group;
        std::map<std::size_t, Bin> bins;
    };
    using LaneKey = std::pair<std::uint32_t, Group>;  // the owner's rank on the page

    void choose(const PageLimits& limits);
    void name_lanes(const TraceContext& context, const PageLimits& limits);
    void fill_bins();
    std::size_t lane_of(const lab::Event& event) const;
    void write_lanes(Json& json) const;
    void write_events(Json& json) const;

    std::span<const lab::Event> events_;
    std::vector<std::uint64_t> times_;  // of all events, since the first
    std::vector<std::size_t> kept_;
    std::uint64_t common_ = 0;
    std::uint64_t binned_common_ = 0;
    std::uint64_t binned_notable_ = 0;
    std::uint64_t length_ = 0;  // nanoseconds
    std::size_t bins_;
    std::vector<Lane> lanes_;
    std::map<LaneKey, std::size_t> lane_numbers_;
};

}  // namespace remap::tools
