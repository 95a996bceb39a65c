// SPDX-License-Identifier: MIT
// A GPU on a bus and a host of the tests' own. Registers are given as the hex numbers of docs/gpu.md, on purpose: a
// mistake in the shared definitions must not hide itself here.
#pragma once

#include "hw/gpu/gpu.h"
#include "hw/spec/gpu_packets.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <initializer_list>
#include <set>
#include <vector>

namespace remap::gpu {

// Memory in windows; everything else, and chosen pages, are refused.
class FakeBus : public BusPort {
public:
    struct Access {
        bool write = false;
        std::uint64_t address = 0;
        std::size_t bytes = 0;
        bool snoop = true;
        friend bool operator==(const Access&, const Access&) = default;
    };

    void add_window(std::uint64_t base, std::size_t bytes) {
        windows_.push_back({base, std::vector<std::byte>(bytes)});
    }

    bool read(const BusAddress& from, void* to, std::size_t bytes) override {
        const std::byte* memory = access({false, from.address.value, bytes, from.snoop});
        if (memory == nullptr) return false;
        std::memcpy(to, memory, bytes);
        return true;
    }

    bool write(const BusAddress& to, const void* from, std::size_t bytes) override {
        std::byte* memory = access({true, to.address.value, bytes, to.snoop});
        if (memory == nullptr) return false;
        std::memcpy(memory, from, bytes);
        return true;
    }

    void expect(std::span<const LogicalAddress> addresses) override {
        for (const LogicalAddress address : addresses) expected.push_back(address.value);
    }

    // The memory itself, for the CPU's side of a test.
    std::byte* at(std::uint64_t address, std::size_t bytes) {
        for (Window& window : windows_) {
            const std::uint64_t offset = address - window.base;
            if (offset < window.memory.size() && bytes <= window.memory.size() - offset) return &window.memory[offset];
        }
        return nullptr;
    }

    std::set<std::uint64_t> unreadable;  // page numbers
    std::set<std::uint64_t> unwritable;
    std::function<void(const Access&)> on_access = [](const Access&) {};
    std::vector<Access> refused;
    std::vector<std::uint64_t> expected;
    bool crossed_a_page = false;

private:
    struct Window {
        std::uint64_t base = 0;
        std::vector<std::byte> memory;
    };

    std::byte* access(const Access& access) {
        on_access(access);
        if (access.address / 4096 != (access.address + access.bytes - 1) / 4096) crossed_a_page = true;
        const bool refuse = (access.write ? unwritable : unreadable).contains(access.address / 4096);
        std::byte* memory = refuse ? nullptr : at(access.address, access.bytes);
        if (memory == nullptr) refused.push_back(access);
        return memory;
    }

    std::vector<Window> windows_;
};

class FakeHost : public HostPort {
public:
    void work_available() override { ++wakes; }
    void interrupt(unsigned vector) override { messages.push_back(vector); }

    unsigned wakes = 0;
    std::vector<unsigned> messages;
};

inline constexpr std::uint64_t ring_base = 0x10000;
inline constexpr std::uint64_t memory_base = 0x100000;  // of 4 MiB of system memory
inline constexpr std::size_t memory_bytes = 0x400000;
inline constexpr std::size_t vram_bytes = 0x200000;

class Bench : public testing::Test {
protected:
    explicit Bench(Options options = {}) : gpu(options, vram, bus, host) {
        bus.add_window(ring_base, 0x10000);
        bus.add_window(memory_base, memory_bytes);
    }

    std::uint32_t read32(std::uint64_t offset) { return static_cast<std::uint32_t>(gpu.read(offset, 4)); }
    std::uint64_t read64(std::uint64_t offset) { return gpu.read(offset, 8); }
    void write32(std::uint64_t offset, std::uint32_t value) { gpu.write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) { gpu.write(offset, value, 8); }

    void start(unsigned log2_entries = 6) {
        entries = 1u << log2_entries;
        tail = 0;
        write64(0x40, ring_base);
        write32(0x48, log2_entries);
        write32(0x20, 1);
    }

    void put(const void* packet) {
        std::memcpy(bus.at(ring_base + tail * 64, 64), packet, 64);
        tail = (tail + 1) % entries;
    }

    void ring(std::initializer_list<spec::Packet> packets) {
        for (const spec::Packet& packet : packets) put(&packet);
        write32(0x50, tail);
    }

    // Runs until nothing is waiting; the number of calls it took.
    unsigned drain(unsigned most = 100000) {
        for (unsigned calls = 1; calls <= most; ++calls)
            if (!gpu.run()) return calls;
        ADD_FAILURE() << "the engine did not come to an end";
        return most;
    }

    void execute(std::initializer_list<spec::Packet> packets) {
        ring(packets);
        drain();
    }

    struct Report {
        std::uint32_t status = 0;
        std::uint32_t entry = 0;
        std::uint64_t address = 0;
        friend bool operator==(const Report&, const Report&) = default;
        friend std::ostream& operator<<(std::ostream& out, const Report& report) {
            return out << std::hex << "{status " << report.status << " entry " << report.entry << " address "
                       << report.address << "}";
        }
    };

    Report report() { return {read32(0x80), read32(0x84), read64(0x88)}; }

    void clear_and_resume() {
        write32(0x80, 1);
        write32(0x20, 5);
    }

    std::vector<std::byte> vram = std::vector<std::byte>(vram_bytes);
    FakeBus bus;
    FakeHost host;
    Gpu gpu;
    std::uint32_t entries = 0;
    std::uint32_t tail = 0;
};

// Bytes that differ from their neighbours and from page to page.
inline void scramble(std::span<std::byte> bytes, std::uint32_t seed) {
    for (std::byte& byte : bytes) {
        seed = seed * 1664525u + 1013904223u;
        byte = static_cast<std::byte>(seed >> 24);
    }
}

}  // namespace remap::gpu
