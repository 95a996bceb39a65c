// SPDX-License-Identifier: MIT
// A unit that remaps interrupts, driven by numbers from the manual: 256 entries at 0x40000, its queue at 0x20000.
#pragma once

#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

namespace remap::test {

inline constexpr std::uint16_t gpu = 0x0018;  // bus 0, device 3

// Device 3, physical destination 0x05, vector 0x31, edge; and the message that it is.
inline constexpr std::uint64_t entry_low = 0x0000'0500'0031'0001;
inline constexpr std::uint64_t entry_high = 0x4'0018;
inline constexpr iommu::InterruptMessage entry_message{0xfee0'5000, 0x4031};

// The address of a remappable request without subhandle.
constexpr std::uint64_t request(std::uint64_t handle) {
    return 0xfee0'0010 | (handle & 0x7fff) << 5 | (handle & 0x8000) >> 13;
}

struct InterruptBench : Machine {
    static constexpr std::uint64_t table = 0x40000;
    static constexpr std::uint64_t queue = 0x20000;
    static constexpr std::uint64_t status = 0x30000;

    explicit InterruptBench(iommu::Options options = {}) : Machine(with_remapping(options)) {
        set_table(table | 7);
        switch_on();
        set(5, entry_low, entry_high);
    }

    static iommu::Options with_remapping(iommu::Options options) {
        options.interrupt_remapping = true;
        return options;
    }

    // IRTA and SIRTP; IRE; both keep what GSTS says of the rest.
    void set_table(std::uint64_t irta) {
        write64(0xb8, irta);
        write32(0x18, (read32(0x1c) & 0x86800000) | 0x01000000);
    }
    void switch_on() { write32(0x18, (read32(0x1c) & 0x86800000) | 0x02000000); }
    void switch_off() { write32(0x18, read32(0x1c) & 0x84800000); }
    void let_compatibility_pass(bool on) { write32(0x18, (read32(0x1c) & 0x86000000) | (on ? 0x00800000 : 0)); }

    void set(unsigned index, std::uint64_t low, std::uint64_t high) {
        ram.set(table + 16 * index, low);
        ram.set(table + 16 * index + 8, high);
    }

    iommu::InterruptOutcome send(std::uint64_t address, std::uint32_t data = 0, std::uint16_t source = gpu) {
        return unit.remap_interrupt({source}, {address, data});
    }
    unsigned reason(std::uint64_t address, std::uint32_t data = 0, std::uint16_t source = gpu) {
        return send(address, data, source).fault_reason;
    }

    void start_queue() {
        write64(0x90, queue);
        write32(0x18, (read32(0x1c) & 0x86800000) | 0x04000000);
    }
    void put(std::uint64_t low, std::uint64_t high = 0) {
        ram.set(queue + tail, low);
        ram.set(queue + tail + 8, high);
        tail = (tail + 16) % 4096;
    }
    void submit() { write64(0x88, tail); }
    // A global or selective iec_inv_dsc, at once.
    void forget_all() { run(0x4); }
    void forget(std::uint64_t index, std::uint64_t mask = 0) { run(0x14 | mask << 27 | index << 32); }
    void run(std::uint64_t low) {
        put(low);
        submit();
        EXPECT_EQ(read32(0x34) & 0x10, 0u) << "IQE";
    }

    std::uint64_t tail = 0;
};

}  // namespace remap::test
