// SPDX-License-Identifier: MIT
// The fault records of a VT-d unit, sorted by device: each adapter finds its own, and what concerns nobody is there for
// whoever asks.
#pragma once

#include "iommu/driver/unit.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace remap::callbacks {

class FaultInbox {
public:
    static constexpr std::size_t most = 64;  // records kept; beyond it the oldest are lost, as records of the unit are

    explicit FaultInbox(vtd_driver::Unit& unit) : unit_(unit) {}

    // The oldest record of all, or of these devices. One thread at a time.
    std::optional<vtd_driver::Fault> take();
    std::optional<vtd_driver::Fault> take_of(std::span<const std::uint16_t> sources);

    // Forgets what was fetched and not taken.
    void clear() { count_ = 0; }

private:
    void fetch();
    vtd_driver::Fault remove(std::size_t index);

    vtd_driver::Unit& unit_;
    std::array<vtd_driver::Fault, most> kept_{};
    std::size_t count_ = 0;
};

}  // namespace remap::callbacks
