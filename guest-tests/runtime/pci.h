// SPDX-License-Identifier: MIT
// PCI functions of segment group 0, found through memory-mapped configuration space, across bridges as firmware
// numbered them.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <optional>
#include <span>

namespace remap::guest::pci {

// Offsets and bits of configuration space (PCI Express base specification, section "PCI Configuration Space").
namespace config {
inline constexpr unsigned vendor = 0x00;
inline constexpr unsigned device = 0x02;
inline constexpr unsigned command = 0x04;
inline constexpr unsigned status = 0x06;
inline constexpr unsigned class_code = 0x08;  // 31:8; revision in 7:0
inline constexpr unsigned header_type = 0x0e;
inline constexpr unsigned first_bar = 0x10;
inline constexpr unsigned secondary_bus = 0x19;
inline constexpr unsigned capabilities = 0x34;
inline constexpr std::uint16_t command_io = 1 << 0;
inline constexpr std::uint16_t command_memory = 1 << 1;
inline constexpr std::uint16_t command_bus_master = 1 << 2;
inline constexpr std::uint16_t command_no_interrupt_pin = 1 << 10;
}  // namespace config

inline constexpr unsigned bars_per_function = 6;
inline constexpr std::uint8_t capability_msi = 0x05;
inline constexpr std::uint8_t capability_msix = 0x11;

// Extended capabilities by which a function keeps translations, asks for pages and names processes (PCI Express base
// specification, sections "ATS", "Page Request Interface" and "PASID"): ids, offsets in the capability, bits.
namespace extended {
inline constexpr unsigned first = 0x100;
inline constexpr std::uint16_t ats = 0x000f;
inline constexpr unsigned ats_capability = 0x04;
inline constexpr unsigned ats_control = 0x06;
inline constexpr std::uint16_t ats_enable = 1 << 15;
inline constexpr std::uint16_t pri = 0x0013;
inline constexpr unsigned pri_control = 0x04;
inline constexpr unsigned pri_status = 0x06;
inline constexpr unsigned pri_capacity = 0x08;
inline constexpr unsigned pri_allocation = 0x0c;
inline constexpr std::uint16_t pri_enable = 1 << 0;
inline constexpr std::uint16_t pri_reset = 1 << 1;
inline constexpr std::uint16_t pri_failed = 1 << 0;
inline constexpr std::uint16_t pri_unexpected = 1 << 1;
inline constexpr std::uint16_t pri_stopped = 1 << 8;
inline constexpr std::uint16_t pri_with_pasid = 1 << 15;
inline constexpr std::uint16_t pasid = 0x001b;
inline constexpr unsigned pasid_capability = 0x04;
inline constexpr unsigned pasid_control = 0x06;
}  // namespace extended

struct Bar {
    PhysicalAddress address;  // 0: not assigned
    std::uint64_t bytes = 0;  // 0: there is none, or it is the upper half of the one before
    bool io = false;          // in I/O space; the address is a port
    bool wide = false;        // 64 bits: takes the next number too
    bool prefetchable = false;
};

class Function {
public:
    Function() = default;
    Function(volatile std::uint8_t* config, std::uint16_t source) : config_(config), source_(source) {}

    // Requester id: bus 15:8, device 7:3, function 2:0. VT-d's source id.
    std::uint16_t source() const { return source_; }
    std::uint8_t bus() const { return static_cast<std::uint8_t>(source_ >> 8); }
    unsigned device_number() const { return source_ >> 3 & 31; }
    unsigned function_number() const { return source_ & 7; }

    std::uint16_t vendor() const { return read16(config::vendor); }
    std::uint16_t device() const { return read16(config::device); }
    std::uint32_t class_code() const { return read32(config::class_code) >> 8; }  // base 23:16, sub 15:8, interface 7:0

    std::uint8_t read8(unsigned offset) const;
    std::uint16_t read16(unsigned offset) const;
    std::uint32_t read32(unsigned offset) const;
    void write16(unsigned offset, std::uint16_t value) const;
    void write32(unsigned offset, std::uint32_t value) const;

    // As firmware assigned it. Finding the size turns decoding off for a moment.
    Bar bar(unsigned number) const;

    // Maps a memory BAR uncacheable and turns memory decoding on; null when there is none or no room for the view. The
    // view lasts as long as the machine.
    volatile void* map_bar(unsigned number) const;

    void set_bus_master(bool on) const;

    // Offset of the first capability with this id.
    std::optional<unsigned> find_capability(std::uint8_t id) const;
    std::optional<unsigned> find_extended_capability(std::uint16_t id) const;

private:
    volatile std::uint8_t* config_ = nullptr;
    std::uint16_t source_ = 0;
};

// Enumerates; needs ACPI. Called once.
void start();

// All functions, in the order of enumeration.
std::span<const Function> functions();

// The n-th function with these ids; null when there is none.
const Function* find(std::uint16_t vendor, std::uint16_t device, unsigned n = 0);

}  // namespace remap::guest::pci
