// SPDX-License-Identifier: MIT
// An interrupt the unit sends itself: the four registers of an event (VT-d sections 7.3 and 6.5.2.10).
#pragma once

#include "iommu/engine/ports.h"
#include "iommu/spec/registers.h"

#include <array>
#include <cstdint>

namespace remap::iommu {

// Messages to send once the engine's lock is released. A register write or a translation causes at most one of each
// source, because a status that is still set suppresses the next.
class Outbox {
public:
    struct Letter {
        InterruptSource source = InterruptSource::FaultEvent;
        InterruptMessage message;
    };

    void push(const Letter& letter) {
        if (count_ < letters_.size()) letters_[count_++] = letter;
    }
    const Letter* begin() const { return letters_.data(); }
    const Letter* end() const { return letters_.data() + count_; }

private:
    std::array<Letter, 4> letters_{};
    std::size_t count_ = 0;
};

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
