// SPDX-License-Identifier: MIT
// An interrupt the unit sends itself: the four registers of an event (VT-d sections 7.3 and 6.5.2.10).
#pragma once

#include "iommu/engine/outbox.h"
#include "iommu/engine/ports.h"
#include "iommu/engine/quad_write.h"
#include "iommu/spec/registers.h"

#include <cstdint>

namespace remap::iommu {

class Event {
public:
    explicit Event(InterruptSource source) : source_(source) {}

    // The condition has become true.
    void raise(Outbox& outbox) {
        pending_ = true;
        send_if_allowed(outbox);
    }

    // Software has serviced the condition.
    void serviced() { pending_ = false; }

    std::uint32_t control() const {
        return static_cast<std::uint32_t>(vtd::event_control::Mask::of(masked_) |
                                          vtd::event_control::Pending::of(pending_));
    }

    void write_control(std::uint32_t value, Outbox& outbox) {
        masked_ = vtd::event_control::Mask::get(value);
        send_if_allowed(outbox);
    }

    // The quad of control and data, and that of the two address halves. Data is stored first: a write of both at once
    // that unmasks sends what it wrote.
    std::uint64_t control_quad() const { return quad(control(), data); }
    std::uint64_t address_quad() const { return quad(address, upper_address); }
    void write_control_quad(const QuadWrite& write, Outbox& outbox) {
        if (write.high()) data = write.high_value() & vtd::event_data_mask;
        if (write.low()) write_control(write.low_value(), outbox);
    }
    void write_address_quad(const QuadWrite& write) {
        if (write.low()) address = write.low_value() & vtd::event_address_mask;
        if (write.high()) upper_address = write.high_value();
    }

    template <typename Archive>
    void state(Archive& archive) {
        archive("IM", masked_);
        archive("IP", pending_);
        archive("data", data);
        archive("address", address);
        archive("upper address", upper_address);
        archive.check((data & ~vtd::event_data_mask) == 0, "data", "has bits that the register does not have");
        archive.check((address & ~vtd::event_address_mask) == 0, "address", "has bits that the register does not have");
    }

    std::uint32_t data = 0;
    std::uint32_t address = 0;
    std::uint32_t upper_address = 0;

private:
    void send_if_allowed(Outbox& outbox) {
        if (!pending_ || masked_) return;
        pending_ = false;
        outbox.push({source_, {std::uint64_t{upper_address} << 32 | address, data}});
    }

    InterruptSource source_;
    bool masked_ = true;
    bool pending_ = false;
};

}  // namespace remap::iommu
