// SPDX-License-Identifier: MIT
#include "tools/export/page_map.h"

#include "tools/export/groups.h"

#include <algorithm>
#include <limits>
#include <string>

namespace remap::tools {
namespace {

using lab::Event;
using lab::Kind;

constexpr std::uint64_t page_mask = 0xfff;

// An injection has the address of what it acted on; of these kinds that is one of the device's.
bool is_of_an_address(std::uint64_t kind) {
    switch (static_cast<Kind>(kind < lab::kinds ? kind : 0)) {
        case Kind::Dma:
        case Kind::Translation:
        case Kind::Entry:
        case Kind::Fault:
        case Kind::PageRequest:
        case Kind::DeviceInvalidation: return true;
        default: return false;
    }
}

bool matters(const Event& event) {
    switch (event.kind) {
        case Kind::Map:
        case Kind::Unmap:
        case Kind::Dma: return event.length != 0;
        case Kind::Fault:
        case Kind::PageRequestFault:
        case Kind::StaleUse: return true;
        case Kind::Injection: return is_of_an_address(event.result);
        default: return false;
    }
}

std::uint64_t last_of(std::uint64_t first, std::uint64_t bytes) {
    return first + std::min(bytes - 1, std::numeric_limits<std::uint64_t>::max() - first);
}

}  // namespace

PageMap::PageMap(std::span<const Event> events, std::span<const std::uint64_t> times, const TraceContext& context,
                 const PageLimits& limits) {
    for (std::size_t i = 0; i < events.size(); ++i) {
        frames_.note(events[i]);
        const bool is_of_machine = events[i].source == lab::no_source;
        if (!is_of_machine && matters(events[i])) add(events[i], i, times[i], limits);
        if (is_of_machine && events[i].kind == Kind::Reset)
            for (auto& [key, space] : spaces_) space.history.reset(times[i]);
    }
    add_reachable(context, limits);
    for (auto& [key, space] : spaces_) {
        space.used = space.history.used().summary(limits.ranges, limits.past);
        space.mapped = space.history.mapped().summary(limits.ranges, limits.past);
        space.reachable = compact(std::move(space.reachable), limits.ranges);
    }
    collect_objects();
}

PageMap::Space* PageMap::space_of(Key key, const PageLimits& limits) {
    const auto known = spaces_.find(key);
    if (known != spaces_.end()) return &known->second;
    if (spaces_.size() >= limits.spaces) return nullptr;
    return &spaces_[key];
}

void PageMap::add(const Event& event, std::size_t place, std::uint64_t time, const PageLimits& limits) {
    const Key key{event.source, event.pasid};
    if (event.kind == Kind::Unmap && !spaces_.contains(key)) return;  // nothing to draw
    Space* space = space_of(key, limits);
    if (space == nullptr) {
        ++more_spaces_;
        return;
    }
    const bool refused = (event.flags & lab::flag::refused) != 0;
    if (event.kind == Kind::Map) return space->history.map(range_of(event, time));
    if (event.kind == Kind::Dma && !refused) {
        AddressRange use = range_of(event, time);
        use.uses = 1;
        use.when = place;
        use.written = (event.flags & lab::flag::write) != 0;
        use.read = !use.written;
        return space->history.use(use);
    }
    if (event.kind == Kind::Unmap) {
        const AddressRange gone = range_of(event, time);
        return space->history.unmap(gone.first, gone.last, time);
    }
    add_trouble(*space, event, place, limits);
}

AddressRange PageMap::range_of(const Event& event, std::uint64_t time) const {
    const bool names_object = event.kind != Kind::Dma && event.detail != 0;
    AddressRange range{.first = event.address,
                       .last = last_of(event.address, event.length),
                       .physical = event.result,
                       .object = names_object ? event.detail : frames_.owner_of(event.result),
                       .since = time};
    round_to_pages(range);
    return range;
}

void PageMap::add_trouble(Space& space, const Event& event, std::size_t place, const PageLimits& limits) {
    const std::uint64_t page = event.address & ~page_mask;
    auto trouble = space.troubles.find(page);
    if (trouble == space.troubles.end()) {
        if (space.troubles.size() >= limits.ranges) {
            ++space.more_troubles;
            return;
        }
        trouble = space.troubles.emplace(page, Trouble{.first = place}).first;
    }
    switch (event.kind) {
        case Kind::Dma: ++trouble->second.refused; break;
        case Kind::Injection: ++trouble->second.injected; break;
        case Kind::StaleUse: ++trouble->second.stale; break;
        default: ++trouble->second.faults; break;
    }
}

void PageMap::add_reachable(const TraceContext& context, const PageLimits& limits) {
    for (const ReachableRange& range : context.reachable) {
        Space* space = range.bytes == 0 ? nullptr : space_of({range.source, range.pasid}, limits);
        if (space == nullptr) continue;
        space->reachable.push_back({.first = range.address,
                                    .last = last_of(range.address, range.bytes),
                                    .physical = range.physical,
                                    .object = range.object != 0 ? range.object : frames_.owner_of(range.physical),
                                    .read = range.readable,
                                    .written = range.writable});
    }
}

void PageMap::collect_objects() {
    for (const auto& [key, space] : spaces_)
        for (const auto* ranges : {&space.used.ranges, &space.mapped.ranges, &space.reachable})
            for (const AddressRange& range : *ranges)
                if (range.object != 0) objects_.insert(range.object);
}

void PageMap::write(Json& json, const TraceContext& context, const PlaceOf& place_of) const {
    write_key(json, "spaces");
    write_array(json, spaces_, [&](const auto& one) {
        const auto& [key, space] = one;
        json.StartObject();
        write_member(json, "owner", name_of(Owner{key.first}, context));
        write_member(json, "pasid", key.second == lab::no_pasid ? std::string() : std::to_string(key.second));
        write_key(json, "used");
        write_ranges(json, space.used.ranges);
        write_key(json, "mapped");
        write_ranges(json, space.mapped.ranges);
        write_member(json, "completeFrom", std::max(space.used.complete_from, space.mapped.complete_from));
        write_key(json, "reachable");
        write_ranges(json, space.reachable);
        write_key(json, "troubles");  // each: page, faults, refused, injected, stale, the first of them
        write_array(json, space.troubles, [&](const auto& trouble) {
            const Trouble& what = trouble.second;
            const auto place = place_of(what.first);
            json.StartArray();
            write_text(json, text_of_address(trouble.first));
            for (const std::uint64_t count : {what.faults, what.refused, what.injected, what.stale}) json.Uint64(count);
            json.Int64(place ? static_cast<std::int64_t>(*place) : -1);
            json.EndArray();
        });
        write_member(json, "moreTroubles", space.more_troubles);
        json.EndObject();
    });
    write_member(json, "moreSpaces", more_spaces_);
    write_key(json, "objects");
    write_objects(json, context);
}

// Each: first, last, physical, marks (1: read, 2: write, 4: had more addresses when its uses were counted, 8: used
// after it was unmapped), uses, parts, object, owners, since, until (-1: is there at the end), ending.
void PageMap::write_ranges(Json& json, const std::vector<AddressRange>& ranges) const {
    write_array(json, ranges, [&](const AddressRange& range) {
        json.StartArray();
        for (const std::uint64_t address : {range.first, range.last, range.physical})
            write_text(json, text_of_address(address));
        json.Uint((range.read ? 1u : 0u) + (range.written ? 2u : 0u) + (range.cut ? 4u : 0u) + (range.stray ? 8u : 0u));
        json.Uint64(range.uses);
        json.Uint64(range.parts);
        write_text(json, range.object == 0 ? std::string() : std::to_string(range.object));
        json.Uint64(range.owners);
        json.Uint64(range.since);
        range.until == still_there ? json.Int(-1) : json.Uint64(range.until);
        json.Uint(static_cast<unsigned>(range.ending));
        json.EndArray();
    });
}

// By number: what to call it.
void PageMap::write_objects(Json& json, const TraceContext& context) const {
    json.StartObject();
    for (const std::uint64_t object : objects_) {
        std::string label = "object " + std::to_string(object);
        auto sort = frames_.sort_of(object);
        if (const auto known = context.objects.find(object); !sort && known != context.objects.end())
            sort = known->second;
        if (sort) {
            const auto name = context.object_sorts.find(*sort);
            label += ", " + (name == context.object_sorts.end() ? "sort " + std::to_string(*sort) : name->second);
        }
        if (frames_.is_gone(object)) label += ", destroyed";
        write_member(json, std::to_string(object), label);
    }
    json.EndObject();
}

}  // namespace remap::tools
