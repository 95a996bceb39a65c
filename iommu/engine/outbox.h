// SPDX-License-Identifier: MIT
// What is to be sent once the engine's lock is released: the unit's own interrupts, and messages to devices.
#pragma once

#include "iommu/engine/device_port.h"
#include "iommu/engine/ports.h"

#include <array>
#include <cstddef>
#include <span>
#include <variant>

namespace remap::iommu {

class Outbox {
public:
    struct Letter {
        InterruptSource source = InterruptSource::FaultEvent;
        InterruptMessage message;
    };
    using DeviceLetter = std::variant<DeviceInvalidation, PageAnswer>;

    // A register write or a translation causes at most one of each source, because a status that is still set
    // suppresses the next.
    void push(const Letter& letter) {
        if (count_ < letters_.size()) letters_[count_++] = letter;
    }
    const Letter* begin() const { return letters_.data(); }
    const Letter* end() const { return letters_.data() + count_; }

    // Only while there is room.
    void push(const DeviceLetter& letter) { device_letters_[device_count_++] = letter; }
    bool has_room_for_devices() const { return device_count_ < device_letters_.size(); }
    std::span<const DeviceLetter> to_devices() const { return {device_letters_.data(), device_count_}; }

    void start_timer() { timer_wanted_ = true; }
    bool timer_wanted() const { return timer_wanted_; }

private:
    std::array<Letter, 4> letters_{};
    std::array<DeviceLetter, 8> device_letters_{};
    std::size_t count_ = 0;
    std::size_t device_count_ = 0;
    bool timer_wanted_ = false;
};

}  // namespace remap::iommu
