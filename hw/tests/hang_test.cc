// SPDX-License-Identifier: MIT
// An engine that a machine makes hang: what software sees, and what ends it (docs/gpu.md, 11); and runs that a machine
// cuts short.
#include "hw/tests/state_bench.h"
#include "hw/tests/translation_bench.h"

#include <optional>

namespace remap::gpu {
namespace {

constexpr std::uint32_t busy = 2, stopping = 4;

class Hanging : public FakeHost {
public:
    bool packet_fetched(std::uint32_t entry, const spec::Packet& packet) override {
        asked.push_back({entry, packet.opcode});
        return entry == at;
    }
    bool rest_wanted() override { return always_rests; }

    std::optional<std::uint32_t> at;
    std::vector<std::pair<std::uint32_t, std::uint16_t>> asked;
    bool always_rests = false;
};

class Hang : public testing::Test {
protected:
    Hang() {
        bus.add_window(ring_base, 0x10000);
        bus.add_window(memory_base, memory_bytes);
    }

    std::uint32_t read32(std::uint64_t offset) { return static_cast<std::uint32_t>(gpu.read(offset, 4)); }

    void start(std::initializer_list<spec::Packet> packets) {
        std::uint64_t entry = ring_base;
        for (const spec::Packet& packet : packets) {
            std::memcpy(bus.at(entry, sizeof packet), &packet, sizeof packet);
            entry += sizeof packet;
        }
        gpu.write(0x40, ring_base, 8);
        gpu.write(0x48, 6, 4);
        gpu.write(0x20, 1, 4);
        gpu.write(0x50, packets.size(), 4);
        while (gpu.run()) {
        }
    }

    void start_and_hang() {
        host.at = 1;
        start({spec::nop(), spec::fence(memory(0), 7, true), spec::nop()});
        host.at.reset();
    }

    std::uint64_t word(std::uint64_t offset) {
        std::uint64_t value = 0;
        std::memcpy(&value, bus.at(memory_base + offset, 8), 8);
        return value;
    }

    std::vector<std::byte> vram = std::vector<std::byte>(vram_bytes);
    FakeBus bus;
    Hanging host;
    Gpu gpu{Options{}, vram, bus, host};
};

TEST_F(Hang, TheHeadStandsStillAndNothingIsReported) {
    start_and_hang();
    EXPECT_EQ(read32(0x24), busy);
    EXPECT_EQ(read32(0x54), 1u);
    EXPECT_EQ(gpu.read(0xa0, 8), 1u);  // the packet before is done
    EXPECT_EQ(word(0), 0u);
    EXPECT_EQ(read32(0x80), 0u);
    EXPECT_TRUE(host.messages.empty());
}

TEST_F(Hang, EachPacketIsAskedAboutOnce) {
    start({spec::nop(), spec::fill(memory(0), 0x200000, 1), spec::fence(memory(8), 1, false)});
    const std::vector<std::pair<std::uint32_t, std::uint16_t>> expected{{0, 1}, {1, 2}, {2, 6}};
    EXPECT_EQ(host.asked, expected);
}

TEST_F(Hang, NoDoorbellWakesTheEngine) {
    start_and_hang();
    const std::size_t asked = host.asked.size();
    gpu.write(0x50, 5, 4);
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(read32(0x54), 1u);
    EXPECT_EQ(host.asked.size(), asked);
}

TEST_F(Hang, DisablingTheRingDoesNotEndIt) {
    start_and_hang();
    gpu.write(0x20, 0, 4);
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(read32(0x24), stopping);
    gpu.write(0x20, 1, 4);
    gpu.write(0x50, 1, 4);
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(read32(0x24), busy | stopping);
    EXPECT_EQ(read32(0x54), 0u);
}

TEST_F(Hang, AResetBySoftwareEndsIt) {
    start_and_hang();
    const unsigned wakes = host.wakes;
    gpu.write(0x20, 2, 4);
    EXPECT_GT(host.wakes, wakes);
    EXPECT_EQ(read32(0x24), stopping);
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(read32(0x24), 0u);
    EXPECT_EQ(word(0), 0u);  // the packet was abandoned
    start({spec::fence(memory(8), 9, false)});
    EXPECT_EQ(word(8), 9u);
    EXPECT_EQ(gpu.read(0x70, 8), 9u);
}

TEST_F(Hang, AResetOfTheFunctionEndsIt) {
    start_and_hang();
    gpu.reset();
    start({spec::fence(memory(8), 9, false)});
    EXPECT_EQ(word(8), 9u);
}

TEST_F(Hang, ItIsPartOfTheSavedState) {
    start_and_hang();
    const State state = save(gpu);
    FakeHost calm;
    Gpu other({}, vram, bus, calm);
    ASSERT_EQ(load(other, state), "");
    EXPECT_EQ(save(other), state);
    EXPECT_EQ(calm.wakes, 0u);
    EXPECT_FALSE(other.run());
    EXPECT_EQ(other.read(0x54, 4), 1u);
    other.write(0x20, 2, 4);
    EXPECT_FALSE(other.run());
    EXPECT_EQ(other.read(0x24, 4), 0u);
}

// With a translation cache: what the bus tells it stays unanswered, and is obeyed once the engine goes on.
TEST_F(Hang, InvalidationsAreNotAnswered) {
    RootComplex complex(bus);
    Gpu part({}, vram, bus, host, &complex);
    for (std::uint64_t at = ring_base; at < ring_base + 0x10000; at += 0x1000) complex.map({}, at, {.target = at});
    part.set_translation_services({.cache = true});
    const spec::Packet packet = spec::nop();
    std::memcpy(bus.at(ring_base, 64), &packet, 64);
    part.write(0x40, ring_base, 8);
    part.write(0x48, 6, 4);
    part.write(0x20, 1, 4);
    part.write(0x50, 1, 4);
    host.at = 0;
    EXPECT_FALSE(part.run());
    part.invalidate({.first = 0, .last = ~std::uint64_t{0}, .tag = 5});
    EXPECT_FALSE(part.run());
    EXPECT_TRUE(complex.answered.empty());
    part.write(0x20, 2, 4);
    EXPECT_FALSE(part.run());
    EXPECT_EQ(complex.answered, std::vector<std::uint64_t>{5});
}

TEST_F(Hang, ARunThatIsCutShortDoesOnePiece) {
    host.always_rests = true;
    gpu.write(0x40, ring_base, 8);
    gpu.write(0x48, 6, 4);
    gpu.write(0x20, 1, 4);
    const spec::Packet packet = spec::fill(memory(0), 4 * 4096, 5);
    std::memcpy(bus.at(ring_base, 64), &packet, 64);
    gpu.write(0x50, 1, 4);
    std::vector<std::size_t> writes;
    bus.on_access = [&](const FakeBus::Access& access) {
        if (access.write) ++writes.back();
    };
    bool more = true;
    for (unsigned run = 0; more && run < 10; ++run) {
        writes.push_back(0);
        more = gpu.run();
    }
    EXPECT_EQ(writes, (std::vector<std::size_t>{1, 1, 1, 1}));
    EXPECT_EQ(gpu.read(0xa8, 8), 4u * 4096);
}

}  // namespace
}  // namespace remap::gpu
