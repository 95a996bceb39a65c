// SPDX-License-Identifier: MIT
// How exports arrange a trace: whose an event is, with which others it lies on a line, and how much it matters.
#pragma once

#include "iommu/lab/event.h"
#include "tools/export/trace_context.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace remap::tools {

enum class Group : std::uint8_t {
    Dma,
    Translations,
    Faults,  // and stale uses, which would be faults if hardware noticed
    Invalidations,
    PageRequests,
    Interrupts,
    Engine,
    Driver,
    Laboratory,
};
inline constexpr unsigned groups = 9;

Group group_of(lab::Kind kind);
std::string_view name_of(Group group);

// Whose it is: a source id, or one of these that no device has.
using Owner = std::uint32_t;
inline constexpr Owner unit_owner = 0x1'0000;
inline constexpr Owner driver_owner = 0x1'0001;
inline constexpr Owner laboratory_owner = 0x1'0002;

Owner owner_of(const lab::Event& event);

// "00:02.0 remap-gpu", "IOMMU".
std::string name_of(Owner owner, const TraceContext& context);

enum class Weight : std::uint8_t {
    Common,
    Noted,     // resets, changes of rules
    Tampered,  // a rule had part in it
    Injected,
    Faulty,  // faults, refusals, stale uses, a queue or an engine that stopped
};
Weight weight_of(const lab::Event& event);

}  // namespace remap::tools
