// SPDX-License-Identifier: MIT
// Takes fault records out of the unit, oldest first (VT-d section 7.2.1).
#pragma once

#include "iommu/driver/capabilities.h"
#include "iommu/driver/ports.h"
#include "iommu/driver/unit.h"

#include <cstdint>
#include <optional>

namespace remap::vtd_driver {

class FaultReader {
public:
    FaultReader(RegisterPort& registers, const Capabilities& capabilities)
        : registers_(registers), capabilities_(capabilities) {}

    std::optional<Fault> take();
    void mask_event();
    void start_empty();  // the event masked, and the records of what ran before dropped
    void enable_event(std::uint64_t message_address, std::uint32_t message_data);

private:
    std::uint64_t offset_of(unsigned index) const;
    bool is_set(unsigned index);
    std::optional<unsigned> oldest(unsigned first_index);

    RegisterPort& registers_;
    const Capabilities& capabilities_;
    unsigned next_ = 0;  // the record after the last one taken: the oldest, when it is set
};

}  // namespace remap::vtd_driver
