// SPDX-License-Identifier: MIT
// The two memories that a packet can name, and how far the part reaches in each.
#pragma once

#include "base/bits.h"
#include "hw/gpu/address_unit.h"
#include "hw/gpu/fault.h"
#include "hw/gpu/ports.h"
#include "hw/gpu/vram_log.h"
#include "hw/spec/gpu_packets.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace remap::gpu {

class Memory {
public:
    Memory(std::span<std::byte> vram, AddressUnit& system, HostPort& host, unsigned address_bits)
        : vram_(vram), system_(system), log_(host, vram.size()), highest_(low_bits(address_bits)) {}

    // Whether `bytes` (at least 1) from `first` lie within reach.
    Fault check(spec::Place first, std::uint64_t bytes) const;

    // The rest takes places that were checked. An access to system memory must lie in one 4 KiB page, the unit in which
    // the bus refuses, so that the fault names the page exactly.
    Fault copy(spec::Place to, spec::Place from, std::size_t bytes);
    Fault read(spec::Place from, void* to, std::size_t bytes);
    Fault write(spec::Place to, const void* from, std::size_t bytes);

    // Accesses to system memory are to come there. Any addresses, checked or not.
    void expect(std::span<const LogicalAddress> addresses) {
        if (system_.uses_bus_alone()) system_.expect(addresses);
    }

    // Writes a fence value in one piece, behind everything written before. `to` is a multiple of 8.
    Fault write_fence(spec::Place to, std::uint64_t value);

    // Lets the host know of all writes to VRAM so far: before a packet is complete, and before the engine rests.
    void report_writes() { log_.report(); }

private:
    std::byte* vram_at(spec::Place place) const { return vram_.data() + place.address; }
    static BusAddress on_bus(spec::Place place) { return {{place.address}, place.snoop}; }
    static Fault fault_of(AddressUnit::Outcome outcome, spec::FaultCause refused, std::uint64_t address);

    std::span<std::byte> vram_;
    AddressUnit& system_;
    VramLog log_;
    std::uint64_t highest_;  // address the part can put on the bus
};

}  // namespace remap::gpu
