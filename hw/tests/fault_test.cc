// SPDX-License-Identifier: MIT
// Each way in which a packet can fail: the report, what was done before, and how the engine goes on.
#include "hw/tests/bench.h"

namespace remap::gpu {
namespace {

using spec::Packet;
using spec::system_memory;

// FaultStatus as software reads it: valid, a cause, an opcode.
constexpr std::uint32_t status(std::uint32_t cause, std::uint32_t opcode) { return 1 | cause << 8 | opcode << 16; }

constexpr std::uint32_t bus_read = 1, bus_write = 2, out_of_reach = 3, vram_range = 4, bad_opcode = 5, bad_packet = 6,
                        ring_unreadable = 7;

class Faults : public Bench {
protected:
    explicit Faults(Options options = {}) : Bench(options) { start(); }

    // Executes one packet and expects its fault; the part is reset for the next.
    void expect_fault(const Packet& packet, std::uint32_t cause, std::uint64_t address) {
        write32(0x20, 2);
        start();
        execute({packet});
        EXPECT_EQ(report(), (Report{status(cause, packet.opcode), 0, address}));
        EXPECT_EQ(read32(0x24), 3u);
        EXPECT_EQ(read32(0x60), 2u);
        EXPECT_EQ(read64(0xa0), 0u);
    }

    void expect_success(const Packet& packet) {
        write32(0x20, 2);
        start();
        execute({packet});
        EXPECT_EQ(report(), (Report{}));
        EXPECT_EQ(read64(0xa0), 1u);
    }
};

TEST_F(Faults, AnUnknownOpcodeIsReportedWithTheEntry) {
    Packet packet;
    for (const std::uint16_t opcode : {0, 8, 0x100, 0x102, 0xffff}) {
        packet.opcode = opcode;
        expect_fault(packet, bad_opcode, ring_base);
    }
    start();
    write32(0x20, 2);
    start();
    execute({spec::nop(), spec::nop(), packet});
    EXPECT_EQ(report(), (Report{status(bad_opcode, 0xffff), 2, ring_base + 0x80}));
}

TEST_F(Faults, AFlagTheOpcodeDoesNotUseIsABadPacket) {
    const Packet packets[] = {spec::nop(),
                              spec::fill({}, 0, 0),
                              spec::copy({}, {}, 0),
                              spec::fill_rect({}, {}, 0),
                              spec::copy_rect({}, {}, {}),
                              spec::fence(spec::vram(0), 0)};
    constexpr std::uint32_t allowed[] = {0, 0x21, 0x63, 0x21, 0x63, 5};
    for (unsigned i = 0; i < 6; ++i)
        for (unsigned bit = 0; bit < 16; ++bit) {
            Packet packet = packets[i];
            packet.flags = static_cast<std::uint16_t>(packet.flags | 1u << bit);
            if ((allowed[i] >> bit & 1) != 0) continue;
            expect_fault(packet, bad_packet, ring_base);
        }
}

TEST_F(Faults, NoSnoopOfASideInVramIsABadPacket) {
    spec::Packet packet = spec::copy(spec::vram(0), spec::system_memory(memory_base), 4);
    packet.flags |= 0x20;
    expect_fault(packet, bad_packet, ring_base);
    packet = spec::copy(spec::system_memory(memory_base), spec::vram(0), 4);
    packet.flags |= 0x40;
    expect_fault(packet, bad_packet, ring_base);
}

TEST_F(Faults, AFieldTheOpcodeDoesNotUseMustBeZero) {
    const Packet packets[] = {spec::nop(),
                              spec::fill(spec::vram(0), 4, 0),
                              spec::copy(spec::vram(0), spec::vram(0), 4),
                              spec::fill_rect({spec::vram(0), 8}, {8, 2}, 0),
                              spec::copy_rect({spec::vram(0), 8}, {spec::vram(0), 8}, {8, 2}),
                              spec::fence(spec::vram(0), 0)};
    // Which of the fields at 04 08 10 18 20 28 30 34 38 each opcode uses.
    constexpr std::uint64_t offsets[] = {0x04, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x34, 0x38};
    constexpr const char* uses[] = {"000000000", "110100000", "011100000", "110010110", "011011110", "010000001"};
    for (unsigned i = 0; i < 6; ++i)
        for (unsigned field = 0; field < 9; ++field) {
            if (uses[i][field] == '1') continue;
            Packet packet = packets[i];
            *(reinterpret_cast<std::uint8_t*>(&packet) + offsets[field]) = 8;
            SCOPED_TRACE(testing::Message() << "opcode " << packet.opcode << " field " << offsets[field]);
            expect_fault(packet, bad_packet, ring_base);
        }
    for (const Packet& packet : packets) expect_success(packet);
}

TEST_F(Faults, LengthsAreBounded) {
    const std::uint64_t most = 0x10000000000;
    expect_fault(spec::fill(spec::vram(0), most + 1, 0), bad_packet, ring_base);
    expect_fault(spec::fill(spec::vram(0), most, 0), vram_range, 0);
    expect_fault(spec::copy(spec::vram(0), spec::vram(0), ~std::uint64_t{0}), bad_packet, ring_base);
    expect_fault(spec::fill_rect({spec::vram(0), 0x100000}, {0x100000, 0x100000}, 0), vram_range, 0);
    expect_fault(spec::fill_rect({spec::vram(0), 0x100000}, {0x100000, 0x100001}, 0), bad_packet, ring_base);
    expect_fault(spec::fill_rect({spec::vram(0), ~std::uint64_t{0}}, {0xffffffff, 0xffffffff}, 0), bad_packet,
                 ring_base);
}

TEST_F(Faults, APitchBelowTheWidthIsABadPacket) {
    expect_fault(spec::fill_rect({spec::vram(0), 7}, {8, 2}, 0), bad_packet, ring_base);
    expect_fault(spec::copy_rect({spec::vram(0), 8}, {spec::vram(0), 7}, {8, 2}), bad_packet, ring_base);
    expect_fault(spec::copy_rect({spec::vram(0), 7}, {spec::vram(0), 8}, {8, 2}), bad_packet, ring_base);
}

TEST_F(Faults, AFenceMustBeAligned) {
    expect_fault(spec::fence(system_memory(memory_base + 4), 1), bad_packet, ring_base);
    expect_fault(spec::fence(spec::vram(1), 1), bad_packet, ring_base);
    EXPECT_EQ(read64(0x70), 0u);
}

TEST_F(Faults, RangesMustLieInVram) {
    using spec::vram;
    const std::uint64_t size = vram_bytes, top = ~std::uint64_t{0};
    expect_success(spec::fill(vram(size - 1), 1, 0));
    expect_fault(spec::fill(vram(size - 1), 2, 0), vram_range, size - 1);
    expect_fault(spec::fill(vram(size), 1, 0), vram_range, size);
    expect_fault(spec::fill(vram(top), 2, 0), vram_range, top);
    expect_fault(spec::copy(vram(0), vram(size - 3), 4), vram_range, size - 3);
    expect_fault(spec::copy(vram(size - 3), vram(top), 4), vram_range, size - 3);  // the destination is checked first
    expect_fault(spec::fence(vram(size), 1), vram_range, size);
    expect_success(spec::fence(vram(size - 8), 1));
    expect_success(spec::fill_rect({vram(size - 0x1008), 0x1000}, {8, 2}, 0));
    expect_fault(spec::fill_rect({vram(size - 0x1007), 0x1000}, {8, 2}, 0), vram_range, size - 0x1007);
    expect_fault(spec::fill_rect({vram(8), top}, {8, 2}, 0), vram_range, 8);
    expect_fault(spec::fill_rect({vram(8), top / 2 + 1}, {8, 3}, 0), vram_range, 8);
    expect_success(spec::fill(vram(top), 0, 0));  // no byte, no range
}

TEST_F(Faults, NothingOfAPacketOutOfRangeIsDone) {
    execute({spec::fill(spec::vram(vram_bytes - 16), 17, 0xffffffff)});
    EXPECT_EQ(vram[vram_bytes - 16], std::byte{0});
    EXPECT_EQ(read64(0xa8), 0u);
}

TEST_F(Faults, ASystemRangeMayEndAtTheLastByteAndNotWrap) {
    const std::uint64_t last_page = ~std::uint64_t{0xfff};
    bus.add_window(last_page, 0x1000);
    expect_success(spec::fill(system_memory(last_page + 0xff0), 16, 0x5a5a5a5a));
    EXPECT_EQ(*bus.at(~std::uint64_t{0}, 1), std::byte{0x5a});
    expect_fault(spec::fill(system_memory(last_page + 0xff0), 17, 0), out_of_reach, last_page + 0xff0);
    expect_fault(spec::copy_rect({spec::vram(0), 8}, {system_memory(memory_base), ~std::uint64_t{0}}, {8, 2}),
                 out_of_reach, memory_base);
    expect_success(spec::copy(system_memory(last_page + 1), system_memory(last_page), 0xfff));  // backward
    EXPECT_TRUE(bus.refused.empty());
}

class Faults32 : public Faults {
protected:
    Faults32() : Faults({.address_bits = 32}) { bus.add_window(0xfffff000, 0x2000); }
};

TEST_F(Faults32, ThePartRefusesWhatItCannotReachItself) {
    EXPECT_EQ(read32(0x10) & 0x7f, 32u);
    expect_success(spec::fill(system_memory(0xffffff00), 0x100, 1));
    expect_fault(spec::fill(system_memory(0xffffff00), 0x101, 1), out_of_reach, 0xffffff00);
    expect_fault(spec::copy(spec::vram(0), system_memory(0x100000000), 1), out_of_reach, 0x100000000);
    expect_fault(spec::fence(system_memory(0x100000000), 1), out_of_reach, 0x100000000);
    expect_fault(spec::fill_rect({system_memory(0xfffff000), 0xf80}, {0x100, 2}, 0), out_of_reach, 0xfffff000);
    EXPECT_TRUE(bus.refused.empty());
}

TEST_F(Faults32, ARingOutOfReachIsNotEnabled) {
    write32(0x20, 0);
    write64(0x40, 0xfffffc00);
    write32(0x48, 4);
    write32(0x20, 1);
    EXPECT_EQ(read32(0x20), 1u);
    write32(0x20, 0);
    write32(0x48, 5);
    write32(0x20, 1);
    EXPECT_EQ(read32(0x20), 0u);
    EXPECT_EQ(read32(0x60), 4u);
}

TEST_F(Faults, ARefusedReadNamesTheFirstByteInThePage) {
    bus.unreadable = {memory_base / 4096 + 2};
    scramble({bus.at(memory_base, 0x4000), 0x4000}, 3);
    expect_fault(spec::copy(spec::vram(5), system_memory(memory_base + 0x123), 0x3000), bus_read, memory_base + 0x2000);
    EXPECT_EQ(read64(0xa8), 0x1eddu);  // all before it was done
    EXPECT_EQ(std::memcmp(&vram[5], bus.at(memory_base + 0x123, 0x1edd), 0x1edd), 0);
    EXPECT_EQ(vram[5 + 0x1edd], std::byte{0});
    expect_fault(spec::copy(spec::vram(5), system_memory(memory_base + 0x2fff), 2), bus_read, memory_base + 0x2fff);
}

TEST_F(Faults, ARefusedWriteNamesTheFirstByteInThePage) {
    bus.unwritable = {memory_base / 4096 + 1};
    expect_fault(spec::fill(system_memory(memory_base + 0xff8), 16, 1), bus_write, memory_base + 0x1000);
    expect_fault(spec::copy(system_memory(memory_base + 0xff8), spec::vram(1), 16), bus_write, memory_base + 0x1000);
    expect_fault(spec::copy(system_memory(memory_base + 0xff8), system_memory(memory_base + 0x3000), 16), bus_write,
                 memory_base + 0x1000);
    expect_fault(spec::fill_rect({system_memory(memory_base + 0xe00), 0x300}, {8, 4}, 1), bus_write,
                 memory_base + 0x1100);
    expect_fault(spec::fence(system_memory(memory_base + 0x1008), 1), bus_write, memory_base + 0x1008);
    EXPECT_EQ(read64(0x70), 0u);
}

TEST_F(Faults, ABackwardCopyFaultsInTheHighestPageFirst) {
    bus.unwritable = {memory_base / 4096 + 1, memory_base / 4096 + 2};
    expect_fault(spec::copy(system_memory(memory_base + 0x10), system_memory(memory_base), 0x3000), bus_write,
                 memory_base + 0x2010);  // the piece before it ends where the source's page ends
    ASSERT_FALSE(bus.refused.empty());
    EXPECT_EQ(bus.refused[0], (FakeBus::Access{true, memory_base + 0x2010, 0xff0}));
}

TEST_F(Faults, AnUnreadableRingIsReportedWithTheEntry) {
    execute({spec::nop()});
    bus.unreadable = {ring_base / 4096};
    execute({spec::nop(), spec::nop()});
    EXPECT_EQ(report(), (Report{status(ring_unreadable, 0), 1, ring_base + 0x40}));
    bus.unreadable.clear();
    clear_and_resume();
    drain();
    EXPECT_EQ(read64(0xa0), 2u);
    EXPECT_EQ(read32(0x24), 1u);
}

TEST_F(Faults, TheEngineStaysAtTheFaultUntilItIsClearedAndResumed) {
    write32(0x64, 0);
    const Packet bad;
    execute({spec::fill(spec::vram(0), 1, 0x11), bad, spec::fill(spec::vram(1), 1, 0x22)});
    EXPECT_EQ(host.messages, (std::vector<unsigned>{1}));
    EXPECT_EQ(read32(0x54), 1u);

    write32(0x20, 5);  // resume is ignored while the report stands
    EXPECT_EQ(read32(0x24), 3u);
    ring({spec::fill(spec::vram(2), 1, 0x33)});  // a doorbell does not start it
    EXPECT_EQ(host.wakes, 1u);
    EXPECT_FALSE(gpu.run());
    write32(0x80, 0xfffffffe);  // only bit 0 clears
    EXPECT_EQ(read32(0x80), status(bad_opcode, 0));
    write32(0x80, 1);
    EXPECT_EQ(report(), (Report{}));
    EXPECT_EQ(read32(0x24), 3u);
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(vram[1], std::byte{0});

    write32(0x20, 5);
    EXPECT_EQ(host.wakes, 2u);
    drain();
    EXPECT_EQ(vram[0], std::byte{0x11});
    EXPECT_EQ(vram[1], std::byte{0x22});
    EXPECT_EQ(vram[2], std::byte{0x33});
    EXPECT_EQ(read64(0xa0), 3u);
    write32(0x20, 5);  // nothing to resume
    EXPECT_EQ(read32(0x54), 4u);
}

TEST_F(Faults, TheFirstReportIsKept) {
    execute({Packet{}});
    write32(0x20, 0);
    write32(0x20, 1);
    tail = 0;
    execute({spec::nop(), spec::fill(spec::vram(vram_bytes), 1, 0)});
    EXPECT_EQ(report(), (Report{status(bad_opcode, 0) | 2, 0, ring_base}));
    EXPECT_EQ(read32(0x24), 3u);
    write32(0x80, 1);
    EXPECT_EQ(read32(0x80), 0u);
}

TEST_F(Faults, AFaultInALongPacketStopsItThere) {
    bus.unwritable = {memory_base / 4096 + 0x300};
    expect_fault(spec::fill(system_memory(memory_base), 0x400000, 0x77), bus_write, memory_base + 0x300000);
    EXPECT_EQ(read64(0xa8), 0x300000u);
    EXPECT_EQ(*bus.at(memory_base + 0x301000, 1), std::byte{0});
}

}  // namespace
}  // namespace remap::gpu
