// SPDX-License-Identifier: MIT
// What the laboratory is to do later, in the order of its times. Bounded: what has no place is not postponed.
#pragma once

#include "iommu/engine/device_port.h"
#include "iommu/lab/event.h"
#include "iommu/lab/rule.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace remap::lab {

class Later {
public:
    static constexpr std::size_t most = 256;

    struct ReleaseCommands {};  // of a queue that a delay holds
    struct DeviceObeys {        // says that it does
        iommu::SourceId source;
        iommu::InvalidationTag tag;
    };
    struct Besides {  // an interrupt, or a removal: what was ordered at an event
        Event event;
        Order order;
    };
    using Deed = std::variant<ReleaseCommands, DeviceObeys, iommu::DeviceInvalidation, iommu::PageAnswer, Besides>;

    // At a time of the machine's clock. False when there is no room.
    bool add(const Deed& deed, std::uint64_t at);

    // Takes the first that is due, of equal times the one that was added first.
    std::optional<Deed> take_due(std::uint64_t now);

    std::size_t size() const { return entries_.size(); }

    // When the next one is.
    std::optional<std::uint64_t> next() const;

    // A release is to come, or is not any more.
    bool has_release() const;
    void forget_release();

    // Nothing is to be done any more.
    void forget();

private:
    struct Entry {
        std::uint64_t at = 0;
        Deed deed;
    };
    static bool is_release(const Entry& entry);

    std::vector<Entry> entries_;  // sorted by their times
};

}  // namespace remap::lab
