// SPDX-License-Identifier: MIT
// Goes through all that the tables of a route lead to, in the order of the addresses that are translated.
#pragma once

#include "iommu/engine/configuration.h"
#include "iommu/engine/device_tables.h"
#include "iommu/engine/reach.h"
#include "iommu/engine/translation_state.h"

#include <cstddef>
#include <functional>

namespace remap::iommu {

// Reads memory as the unit does. Called for a table, or the part of one that is looked at, at a time.
using TableReader = std::function<bool(PhysicalAddress from, void* to, std::size_t bytes)>;

// Faults that come of setting accessed and dirty bits are not looked for. `route` is what the device's tables say of
// such requests, if translation is on.
Reach reach_by(const Configuration& configuration, const TranslationState& state, const RouteOutcome& route,
               const ReachQuestion& question, const TableReader& read);

}  // namespace remap::iommu
