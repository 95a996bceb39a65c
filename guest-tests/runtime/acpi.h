// SPDX-License-Identifier: MIT
// ACPI tables, copied to the heap so that they need no view.
#pragma once

#include <cstdint>
#include <span>

namespace remap::guest::acpi {

// The table with this signature, header included; empty when the machine has none. Its checksum is right.
std::span<const std::uint8_t> find(const char* signature);

// Tables found, with a right checksum; and those left out because theirs was wrong.
unsigned tables();
unsigned bad_tables();

// Reads all tables. Panics without a usable root table; called once.
void start();

// One segment group of the MCFG: where the configuration space of buses [first_bus, last_bus] is in memory.
struct Segment {
    std::uint64_t address = 0;  // of bus 0, present or not
    std::uint16_t group = 0;
    std::uint8_t first_bus = 0;
    std::uint8_t last_bus = 0;
};

// The entries of the MCFG copied into `segments`; returns how many.
unsigned pci_segments(std::span<Segment> segments);

}  // namespace remap::guest::acpi
