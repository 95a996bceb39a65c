// SPDX-License-Identifier: MIT
// The machine's IOAPIC: where interrupt lines become interrupt requests (Intel 82093AA; its place is in ACPI's MADT).
#pragma once

#include <cstdint>
#include <optional>

namespace remap::guest {

class IoApic {
public:
    // The first one that the MADT names; panics when there is none. All pins are masked, now and when the object dies.
    IoApic();
    ~IoApic();
    IoApic(const IoApic&) = delete;
    IoApic& operator=(const IoApic&) = delete;

    std::uint8_t id() const { return id_; }
    unsigned pins() const { return pins_; }

    // Redirection entries. The half with the mask is written last; and first, masked.
    void set(unsigned pin, std::uint64_t entry);
    std::uint64_t get(unsigned pin) const;
    void mask(unsigned pin);

    // A level-triggered interrupt was taken and its end has not come back yet.
    bool remote_irr(unsigned pin) const;

private:
    std::uint32_t read(unsigned index) const;
    void write(unsigned index, std::uint32_t value) const;

    volatile std::uint32_t* registers_ = nullptr;
    std::uint8_t id_ = 0;
    unsigned pins_ = 0;
};

// The source id that the DMAR gives the IOAPIC; nothing when no unit remaps its interrupts.
std::optional<std::uint16_t> source_of(const IoApic& ioapic);

// Lets the legacy timer (8254) pulse its line once, soon. An edge on this pin.
void pulse_legacy_timer();
inline constexpr unsigned legacy_timer_pin = 2;

}  // namespace remap::guest
