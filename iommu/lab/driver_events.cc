// SPDX-License-Identifier: MIT
#include "iommu/lab/driver_events.h"

namespace remap::lab {

namespace {

using spec::lab::DriverKind;

constexpr bool same(DriverKind said, Kind kind) { return static_cast<unsigned>(said) == static_cast<unsigned>(kind); }
static_assert(same(DriverKind::Map, Kind::Map) && same(DriverKind::Unmap, Kind::Unmap));
static_assert(same(DriverKind::Object, Kind::Object) && same(DriverKind::Frames, Kind::Frames));
static_assert(same(DriverKind::Call, Kind::Call) && same(DriverKind::Return, Kind::Return));
static_assert(spec::lab::flag_refused == flag::refused && spec::lab::flag_ended == flag::ended);
static_assert(spec::lab::no_source == no_source);

}  // namespace

std::optional<Event> event_of(const spec::lab::DriverEvent& said) {
    if (!said.is_drivers()) return std::nullopt;
    return Event{.kind = static_cast<Kind>(said.kind),
                 .flags = said.flags,
                 .source = said.source,
                 .address = said.address,
                 .length = said.length,
                 .result = said.result,
                 .detail = said.detail,
                 .code = said.code};
}

}  // namespace remap::lab
