// SPDX-License-Identifier: MIT
// The local APIC of the boot processor and the vectors above the exceptions'.
#pragma once

#include <cstdint>
#include <optional>

namespace remap::guest {

// Called with interrupts disabled. `context` is what was registered with it.
using InterruptHandler = void (*)(void* context);

// Silences the legacy interrupt controllers, enables the local APIC and then interrupts.
void start_interrupts();

// A vector of its own for a handler; nothing when all are in use.
std::optional<std::uint8_t> register_interrupt(InterruptHandler handler, void* context);
void unregister_interrupt(std::uint8_t vector);

// What a device writes, and where, to raise a vector on this processor: fixed delivery, edge triggered, physical
// destination (SDM volume 3, section "Message Signalled Interrupts").
struct InterruptMessage {
    std::uint64_t address = 0;
    std::uint32_t data = 0;
};
InterruptMessage message_for(std::uint8_t vector);

std::uint8_t local_apic_id();

// Interrupts taken on vectors that nobody had registered, the APIC's own spurious one included.
std::uint64_t unexpected_interrupts();

// Lets the APIC's timer raise a vector each time it has counted `periods` of its input clock.
void start_timer(std::uint8_t vector, std::uint32_t periods);

// Tells the APIC that the interrupt in service has been handled; for a vector without a registered handler.
void acknowledge_interrupt();

// From the trap entry: an interrupt came.
void handle_interrupt(std::uint8_t vector);

// From the trap entry: the handlers that are under way will not return; acknowledges their interrupts.
void abandon_interrupts();

}  // namespace remap::guest
