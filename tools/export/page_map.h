// SPDX-License-Identifier: MIT
// The address-space map of the page: for each device, and each PASID that it used, which addresses led where, and when.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/address_ranges.h"
#include "tools/export/frame_owners.h"
#include "tools/export/page.h"
#include "tools/export/page_json.h"
#include "tools/export/range_history.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace remap::tools {

class PageMap {
public:
    // `times`: of each event, nanoseconds since the first; they do not go back.
    PageMap(std::span<const lab::Event> events, std::span<const std::uint64_t> times, const TraceContext& context,
            const PageLimits& limits);

    // The members "spaces" and "objects", into an object that is open. `place_of` says where the page holds an event.
    using PlaceOf = std::function<std::optional<std::size_t>(std::size_t event)>;
    void write(Json& json, const TraceContext& context, const PlaceOf& place_of) const;

private:
    // What went wrong at a page of 4 KiB.
    struct Trouble {
        std::uint64_t faults = 0;
        std::uint64_t refused = 0;
        std::uint64_t injected = 0;
        std::uint64_t stale = 0;
        std::size_t first = 0;  // the event
    };
    struct Space {
        SpaceHistory history;
        RangeHistory::Summary used;
        RangeHistory::Summary mapped;
        std::vector<AddressRange> reachable;
        std::map<std::uint64_t, Trouble> troubles;
        std::uint64_t more_troubles = 0;
    };
    using Key = std::pair<std::uint16_t, std::uint32_t>;  // device, PASID

    void add(const lab::Event& event, std::size_t place, std::uint64_t time, const PageLimits& limits);
    void add_trouble(Space& space, const lab::Event& event, std::size_t place, const PageLimits& limits);
    AddressRange range_of(const lab::Event& event, std::uint64_t time) const;
    void add_reachable(const TraceContext& context, const PageLimits& limits);
    Space* space_of(Key key, const PageLimits& limits);
    void collect_objects();
    void write_ranges(Json& json, const std::vector<AddressRange>& ranges) const;
    void write_objects(Json& json, const TraceContext& context) const;

    std::map<Key, Space> spaces_;
    std::uint64_t more_spaces_ = 0;  // events of spaces that are left out
    FrameOwners frames_;
    std::set<std::uint64_t> objects_;
};

}  // namespace remap::tools
