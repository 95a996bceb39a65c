// SPDX-License-Identifier: MIT
// The ring and the pace of the engine: order, wrap-around, bounded calls, and ends in the middle of a packet.
#include "hw/tests/bench.h"

namespace remap::gpu {
namespace {

using spec::system_memory;

class RingAndPace : public Bench {};

TEST_F(RingAndPace, ADoorbellWakesTheHostOnlyForWork) {
    start();
    EXPECT_EQ(host.wakes, 0u);
    ring({spec::nop()});
    EXPECT_EQ(host.wakes, 1u);
    drain();
    ring({});
    EXPECT_EQ(host.wakes, 1u);
}

TEST_F(RingAndPace, WrapsAroundAtEverySize) {
    for (const unsigned log2_entries : {1u, 2u, 5u, 10u}) {
        start(log2_entries);
        for (std::uint32_t value = 1; value <= 3 * entries; ++value) {
            execute({spec::fence(spec::vram(0), value)});
            ASSERT_EQ(read64(0x70), value);
            ASSERT_EQ(read32(0x54), value % entries);
        }
        write32(0x20, 2);
    }
}

TEST_F(RingAndPace, AFullRingHoldsOnePacketLessThanItsEntries) {
    start(3);
    ring({spec::nop(), spec::nop(), spec::nop()});
    drain();
    for (int i = 0; i < 7; ++i) ring({spec::fence(spec::vram(8), 100 + i)});
    EXPECT_EQ(read32(0x50), 2u);
    EXPECT_EQ(read32(0x54), 3u);
    drain();
    EXPECT_EQ(read64(0xa0), 10u);
    EXPECT_EQ(read64(0x70), 106u);
}

TEST_F(RingAndPace, ACallHandlesABoundedNumberOfPackets) {
    start(10);
    for (int i = 0; i < 200; ++i) put(std::to_array({spec::nop()}).data());
    write32(0x50, tail);
    EXPECT_TRUE(gpu.run());
    EXPECT_EQ(read64(0xa0), 64u);
    EXPECT_EQ(drain(), 3u);
    EXPECT_EQ(read64(0xa0), 200u);
}

TEST_F(RingAndPace, ACallMovesABoundedNumberOfBytes) {
    start();
    ring({spec::fill(system_memory(memory_base), memory_bytes, 1)});
    std::uint64_t before = 0;
    unsigned calls = 0;
    for (bool more = true; more; ++calls) {
        more = gpu.run();
        const std::uint64_t now = read64(0xa8);
        EXPECT_GT(now, before);
        EXPECT_LE(now - before, 0x101000u);
        before = now;
    }
    EXPECT_EQ(before, memory_bytes);
    EXPECT_GE(calls, 4u);
}

TEST_F(RingAndPace, ACallMakesABoundedNumberOfTinyAccesses) {
    start();
    std::uint64_t accesses = 0;
    bus.on_access = [&](const FakeBus::Access&) { ++accesses; };
    ring({spec::fill_rect({system_memory(memory_base), 1}, {1, 0x100000}, 1)});
    EXPECT_TRUE(gpu.run());
    EXPECT_LE(accesses, 0x100000u / 65 + 2);
    EXPECT_GT(accesses, 1000u);
}

TEST_F(RingAndPace, AFenceComesAfterAllEarlierData) {
    start();
    std::vector<FakeBus::Access> writes;
    bus.on_access = [&](const FakeBus::Access& access) {
        if (access.write) writes.push_back(access);
        if (access.address == memory_base + 0x2000) {
            EXPECT_EQ(*bus.at(memory_base + 0x1fff, 1), std::byte{7});
            EXPECT_EQ(read64(0x70), 0u);  // the register follows the memory
            EXPECT_EQ(vram[3], std::byte{9});
        }
    };
    execute({spec::fill(spec::vram(0), 4, 0x09090909),
             spec::fill(system_memory(memory_base + 0x1000), 0x1000, 0x07070707),
             spec::fence(system_memory(memory_base + 0x2000), 42)});
    ASSERT_EQ(writes.size(), 2u);
    EXPECT_EQ(writes[1], (FakeBus::Access{true, memory_base + 0x2000, 8}));  // in one piece
    EXPECT_EQ(read64(0x70), 42u);
}

TEST_F(RingAndPace, AnUnalignedVramStillTakesFences) {
    std::vector<std::byte> odd(0x1001);
    Gpu part({}, std::span(odd).subspan(1), bus, host);
    part.write(0x40, ring_base, 8);
    part.write(0x48, 6, 4);
    part.write(0x20, 1, 4);
    entries = 64;
    put(std::to_array({spec::fence(spec::vram(0xff8), 0x0102030405060708)}).data());
    part.write(0x50, 1, 4);
    EXPECT_FALSE(part.run());
    EXPECT_EQ(odd[0xff9], std::byte{8});
    EXPECT_EQ(odd[0x1000], std::byte{1});
}

// Ends the engine from inside an access, as another thread can at any time.
class Interrupted : public Bench {
protected:
    // Writes `control` at the tenth access to memory of a long fill.
    void end_in_mid_packet(std::uint32_t control) {
        start();
        int left = 10;
        bus.on_access = [this, left, control](const FakeBus::Access& access) mutable {
            if (!access.write || --left != 0) return;
            write32(0x20, control);
            EXPECT_EQ(read32(0x24), 4u);
        };
        ring({spec::fill(system_memory(memory_base), 0x80000, 0x55555555), spec::fence(spec::vram(0), 1)});
        EXPECT_FALSE(gpu.run());
        bus.on_access = [](const FakeBus::Access&) {};
    }

    void expect_abandoned() {
        EXPECT_EQ(*bus.at(memory_base + 0x9fff, 1), std::byte{0x55});
        EXPECT_EQ(*bus.at(memory_base + 0xa000, 1), std::byte{0});
        EXPECT_EQ(read64(0xa0), 0u);
        EXPECT_EQ(read64(0x70), 0u);
        EXPECT_EQ(read32(0x24), 0u);
        EXPECT_FALSE(gpu.run());
        EXPECT_EQ(report(), (Report{}));
    }

    void expect_works_again() {
        start();
        execute({spec::fill(spec::vram(0x100), 1, 0x66), spec::fence(spec::vram(0), 5)});
        EXPECT_EQ(vram[0x100], std::byte{0x66});
        EXPECT_EQ(read64(0x70), 5u);
        EXPECT_EQ(*bus.at(memory_base + 0xa000, 1), std::byte{0});
    }
};

TEST_F(Interrupted, DisablingAbandonsThePacketAtTheNextPiece) {
    end_in_mid_packet(0);
    EXPECT_EQ(read32(0x54), 0u);
    expect_abandoned();
    expect_works_again();
}

TEST_F(Interrupted, ResetAbandonsThePacketAtTheNextPiece) {
    end_in_mid_packet(2);
    expect_abandoned();
    expect_works_again();
}

TEST_F(Interrupted, DisablingAndEnablingAtOnceDoesNotReviveThePacket) {
    start();
    int left = 10;
    bus.on_access = [&](const FakeBus::Access& access) {
        if (!access.write || --left != 0) return;
        write32(0x20, 0);
        write32(0x20, 1);
    };
    execute({spec::fill(system_memory(memory_base), 0x80000, 0x55555555)});
    EXPECT_EQ(*bus.at(memory_base + 0xa000, 1), std::byte{0});
    EXPECT_EQ(read32(0x24), 1u);
    EXPECT_EQ(read64(0xa0), 0u);
}

TEST_F(Interrupted, AFaultFoundAfterDisablingIsNotReported) {
    start();
    bus.unwritable = {memory_base / 4096 + 3};
    bus.on_access = [&](const FakeBus::Access& access) {
        if (access.address == memory_base + 0x3000) write32(0x20, 0);
    };
    execute({spec::fill(system_memory(memory_base), 0x80000, 0x55555555)});
    EXPECT_EQ(report(), (Report{}));
    EXPECT_EQ(read32(0x60), 0u);
}

TEST_F(Interrupted, BetweenTwoCallsPowerOnResetForgetsThePacket) {
    start();
    ring({spec::fill(system_memory(memory_base), memory_bytes, 0x55555555)});
    EXPECT_TRUE(gpu.run());
    gpu.reset();
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(*bus.at(memory_base + memory_bytes - 1, 1), std::byte{0});
    start();
    execute({spec::fence(spec::vram(0), 5)});
    EXPECT_EQ(read64(0x70), 5u);
}

TEST_F(Interrupted, StatusTellsWhetherTheAbandonedPacketMayStillTouchMemory) {
    start();
    ring({spec::fill(system_memory(memory_base), memory_bytes, 0x55555555)});
    EXPECT_TRUE(gpu.run());
    EXPECT_EQ(read32(0x24), 2u);  // busy
    write32(0x20, 0);
    EXPECT_EQ(read32(0x24), 4u);  // disabled, stopping
    write32(0x20, 1);
    EXPECT_EQ(read32(0x24), 5u);  // idle, stopping
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(read32(0x24), 1u);
}

TEST_F(Interrupted, DisablingInTheFetchDropsTheFence) {
    start();
    bus.on_access = [&](const FakeBus::Access&) { write32(0x20, 0); };
    execute({spec::fence(spec::vram(0), 5)});
    EXPECT_EQ(vram[0], std::byte{0});
    EXPECT_EQ(read64(0x70), 0u);
    EXPECT_EQ(read32(0x24), 0u);  // at rest
}

}  // namespace
}  // namespace remap::gpu
