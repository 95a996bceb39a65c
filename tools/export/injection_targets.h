// SPDX-License-Identifier: MIT
// Which event an injection changed. The trace holds both, in lanes of their own; this puts them together again.
#pragma once

#include "iommu/lab/event.h"

#include <cstddef>
#include <span>
#include <vector>

namespace remap::tools {

struct InjectionTarget {
    std::size_t injection = 0;  // places among the events
    std::size_t target = 0;

    friend bool operator==(const InjectionTarget&, const InjectionTarget&) = default;
};

// For each injection the nearest event of the kind that it acted on, of its device, that says that a rule had part in
// it; later ones first, because the rule is asked before the thing happens. Each event belongs to one injection at
// most. An injection whose event was lost, or that only caused something besides, has none. In the order of injections.
std::vector<InjectionTarget> injection_targets(std::span<const lab::Event> events);

}  // namespace remap::tools
