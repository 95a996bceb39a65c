// SPDX-License-Identifier: MIT
// GPUs that are saved and loaded: parts that take each other's place on one bus with one VRAM, as in a migration.
#pragma once

#include "hw/tests/bench.h"

#include <memory>
#include <string>

namespace remap::gpu {

using State = std::vector<std::byte>;

inline State save(const Gpu& gpu) {
    State state(gpu.save({}));
    EXPECT_EQ(gpu.save(state), state.size());
    return state;
}

// The sentence of a refusal, empty when the state was taken. The state lies at the end of its memory.
inline std::string load(Gpu& gpu, const State& state) {
    const State exact(state);
    const ArchiveError error = gpu.load(exact);
    if (!error) return "";
    char text[200];
    describe(error, text);
    return text;
}

class Rig {
public:
    explicit Rig(Options options = {}) : options_(options), gpu(std::make_unique<Gpu>(options, vram, bus, host)) {
        bus.add_window(ring_base, 0x10000);
        bus.add_window(memory_base, memory_bytes);
        scramble(vram, 1);
        scramble({bus.at(memory_base, memory_bytes), memory_bytes}, 2);
    }

    // A new part goes on where the old one was.
    void migrate() {
        const State state = save(*gpu);
        gpu = std::make_unique<Gpu>(options_, vram, bus, host);
        EXPECT_EQ(load(*gpu, state), "");
        EXPECT_EQ(save(*gpu), state);
    }

    std::uint32_t read32(std::uint64_t offset) { return static_cast<std::uint32_t>(gpu->read(offset, 4)); }
    std::uint64_t read64(std::uint64_t offset) { return gpu->read(offset, 8); }
    void write32(std::uint64_t offset, std::uint32_t value) { gpu->write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) { gpu->write(offset, value, 8); }

    std::vector<std::uint32_t> registers() {
        std::vector<std::uint32_t> values;
        for (std::uint64_t offset = 0; offset < 0x200; offset += 4) values.push_back(read32(offset));
        return values;
    }

    // Puts packets in the ring from entry 0 on and starts it.
    void start(const std::vector<spec::Packet>& packets, unsigned log2_entries = 6) {
        std::uint64_t entry = ring_base;
        for (const spec::Packet& packet : packets) {
            std::memcpy(bus.at(entry, sizeof packet), &packet, sizeof packet);
            entry += sizeof packet;
        }
        write64(0x40, ring_base);
        write32(0x48, log2_entries);
        write32(0x20, 1);
        write32(0x50, static_cast<std::uint32_t>(packets.size()));
    }

    void expect_same(Rig& other, const std::string& when) {
        ASSERT_EQ(registers(), other.registers()) << when;
        ASSERT_EQ(host.messages, other.host.messages) << when;
        ASSERT_EQ(gpu->scanout(), other.gpu->scanout()) << when;
    }

    void expect_same_memory(Rig& other) {
        EXPECT_TRUE(vram == other.vram);
        for (const auto& [base, bytes] : {std::pair{ring_base, std::size_t{0x10000}}, {memory_base, memory_bytes}})
            EXPECT_EQ(std::memcmp(bus.at(base, bytes), other.bus.at(base, bytes), bytes), 0) << "at " << base;
        EXPECT_TRUE(bus.refused == other.bus.refused);
    }

private:
    Options options_;

public:
    std::vector<std::byte> vram = std::vector<std::byte>(vram_bytes);
    FakeBus bus;
    FakeHost host;
    std::unique_ptr<Gpu> gpu;
};

inline spec::Place memory(std::uint64_t offset) { return spec::system_memory(memory_base + offset); }

// Each kind of transfer, in the middle of which the engine rests at least once, and what else a ring can hold.
inline std::vector<spec::Packet> long_work() {
    return {spec::fill(memory(3), 0x2ffffd, 0x44332211),
            spec::fence(spec::vram(0x1f0000), 1, true),
            spec::copy(memory(0x100123), memory(0x55), 0x28fff1),  // descends
            spec::copy(memory(0x77), memory(0x100001), 0x2800ab),  // ascends
            spec::fill_rect({memory(0x10001), 3}, {1, 40000}, 0x99887766),
            spec::copy_rect({spec::vram(0x20010), 7}, {spec::vram(0x20000), 7}, {5, 50000}),  // backward
            spec::copy_rect({spec::vram(0x900), 0x333}, {memory(0x500), 0x444}, {0x2ff, 0x700}),
            spec::nop(),
            spec::fill(memory(memory_bytes - 0x1000), 0x2000, 5),  // its second page is refused
            spec::copy(spec::vram(1), memory(0x40), 0x1fff00),
            {},  // no opcode
            spec::copy(memory(0x200000), spec::vram(0), 0x180000),
            spec::fence(memory(0x3ffff8), 0x1122334455667788, true)};
}

// What a driver does about a fault.
inline void resume_if_halted(Rig& rig) {
    if (rig.read32(0x24) != 3) return;
    rig.write32(0x80, 1);
    rig.write32(0x60, 2);
    rig.write32(0x20, 5);
}

}  // namespace remap::gpu
