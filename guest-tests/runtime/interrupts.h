// SPDX-License-Identifier: MIT
// The local APIC of the boot processor and the vectors above the exceptions'.
#pragma once

#include "iommu/spec/interrupts.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

// Called with interrupts disabled, and with the vector's class as the task priority: its IRQL on Windows. `context` is what was registered with it.
using InterruptHandler = void (*)(void* context);

// Silences the legacy interrupt controllers, enables the local APIC and then interrupts.
void start_interrupts();

// A vector of its own for a handler; nothing when all are in use.
std::optional<std::uint8_t> register_interrupt(InterruptHandler handler, void* context);
void unregister_interrupt(std::uint8_t vector);

// What a device writes, and where, to raise a vector on this processor: fixed delivery, edge triggered, physical
// destination (SDM volume 3, section "Message Signalled Interrupts").
using vtd::InterruptMessage;
InterruptMessage message_for(std::uint8_t vector);

std::uint32_t local_apic_id();

// The set of processors that this one alone is in: in the flat model, or in x2APIC mode a cluster's number in 31:16.
std::uint32_t logical_apic_id();

// Takes the local APIC to x2APIC mode for as long as the machine lasts. False when the processor has none.
bool enter_x2apic();

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
