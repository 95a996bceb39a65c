// SPDX-License-Identifier: MIT
// Register offsets, widths and reset values as literal numbers, and the rules of single registers.
#include "hw/tests/bench.h"

namespace remap::gpu {
namespace {

class Registers : public Bench {
protected:
    void set_scanout(std::uint64_t offset, std::uint32_t width, std::uint32_t height, std::uint32_t stride,
                     std::uint32_t control = 1) {
        write64(0x108, offset);
        write32(0x110, width);
        write32(0x114, height);
        write32(0x118, stride);
        write32(0x100, control);
    }
};

TEST_F(Registers, IdentifyThePart) {
    EXPECT_EQ(read32(0x00), 0x50414d52u);
    EXPECT_EQ(read32(0x04), 0x00010002u);
    EXPECT_EQ(read64(0x08), 0x200000u);
    EXPECT_EQ(read64(0x10), 0x41040u);  // 4 vectors, 2^16 entries, 64 bits
}

TEST_F(Registers, HaveTheirResetValues) {
    for (std::uint64_t offset = 0x20; offset < 0x1000; offset += 4)
        EXPECT_EQ(read32(offset), offset == 0x64 ? 0xfu : 0u) << std::hex << offset;
}

TEST_F(Registers, TakeOnlyAlignedAccessesOfFourAndEightBytesInsideTheWindow) {
    EXPECT_EQ(gpu.read(0, 1), 0u);
    EXPECT_EQ(gpu.read(0, 2), 0u);
    EXPECT_EQ(gpu.read(2, 4), 0u);
    EXPECT_EQ(gpu.read(4, 8), 0u);
    EXPECT_EQ(gpu.read(0x10000, 4), 0u);
    EXPECT_EQ(gpu.read(~std::uint64_t{7}, 8), 0u);
    EXPECT_EQ(gpu.read(0, 16), 0u);
    gpu.write(0x48, 6, 1);
    gpu.write(0x48, 6, 2);
    gpu.write(0x10048, 6, 4);
    EXPECT_EQ(read32(0x48), 0u);
}

TEST_F(Registers, AreReachedInHalvesOrWhole) {
    write32(0x44, 0x12345678);
    write32(0x40, 0x9abcdeff);
    EXPECT_EQ(read64(0x40), 0x123456789abcdec0u);  // a ring is 64-byte aligned
    EXPECT_EQ(read32(0x40), 0x9abcdec0u);
    EXPECT_EQ(read32(0x44), 0x12345678u);
    EXPECT_EQ(read64(0x00), 0x0001000250414d52u);
    write64(0x110, 0x0000000200000001u);
    EXPECT_EQ(read32(0x110), 1u);
    EXPECT_EQ(read32(0x114), 2u);
}

TEST_F(Registers, ReadOnlyOnesKeepTheirValues) {
    for (const std::uint64_t offset : {0x00, 0x08, 0x10, 0x70, 0x88, 0xa0, 0xa8}) {
        const std::uint64_t before = read64(offset);
        write64(offset, ~std::uint64_t{0});
        EXPECT_EQ(read64(offset), before) << std::hex << offset;
    }
    write32(0x54, 3);
    EXPECT_EQ(read32(0x54), 0u);
    write32(0x84, 3);
    EXPECT_EQ(read32(0x84), 0u);
}

TEST_F(Registers, RingSetupIsLockedWhileEnabled) {
    start(6);
    write64(0x40, 0x20000);
    write32(0x48, 8);
    EXPECT_EQ(read64(0x40), ring_base);
    EXPECT_EQ(read32(0x48), 6u);
}

TEST_F(Registers, StatusTellsTheStateOfTheEngine) {
    EXPECT_EQ(read32(0x24), 0u);  // disabled
    start();
    EXPECT_EQ(read32(0x24), 1u);  // idle
    ring({spec::nop()});
    EXPECT_EQ(read32(0x24), 2u);  // busy
    drain();
    EXPECT_EQ(read32(0x24), 1u);
    execute({spec::Packet{}});
    EXPECT_EQ(read32(0x24), 3u);  // halted
    write32(0x20, 0);
    EXPECT_EQ(read32(0x24), 0u);
}

TEST_F(Registers, ABadRingSizeRaisesARingErrorInsteadOfEnabling) {
    write32(0x64, 0);
    for (const std::uint32_t size : {0u, 17u, 31u}) {
        write32(0x48, size);
        write32(0x20, 1);
        EXPECT_EQ(read32(0x20), 0u);
        EXPECT_EQ(read32(0x60), 4u);
        write32(0x60, 4);
    }
    EXPECT_EQ(host.messages, (std::vector<unsigned>{2, 2, 2}));
}

TEST_F(Registers, ABadTailRaisesARingErrorAndIsIgnored) {
    start(2);
    write32(0x50, 4);
    EXPECT_EQ(read32(0x60), 4u);
    EXPECT_EQ(read32(0x50), 0u);
    EXPECT_EQ(host.wakes, 0u);
    write32(0x50, 3);
    EXPECT_EQ(read32(0x50), 3u);
    EXPECT_EQ(host.wakes, 1u);
}

TEST_F(Registers, ATailWrittenWhileDisabledIsIgnored) {
    write32(0x48, 6);
    write32(0x50, 5);
    EXPECT_EQ(read32(0x50), 0u);
    EXPECT_EQ(host.wakes, 0u);
    EXPECT_FALSE(gpu.run());
}

TEST_F(Registers, EnablingEmptiesTheRing) {
    start();
    execute({spec::nop(), spec::nop()});
    EXPECT_EQ(read32(0x54), 2u);
    write32(0x20, 0);
    EXPECT_EQ(read32(0x54), 2u);  // kept for inspection
    write32(0x20, 1);
    EXPECT_EQ(read32(0x54), 0u);
    EXPECT_EQ(read32(0x50), 0u);
}

TEST_F(Registers, ResetClearsTheEngineAndKeepsSetupMaskAndScanout) {
    start();
    write32(0x64, 0x5);
    set_scanout(0, 8, 8, 32);
    execute({spec::fill(spec::vram(0), 16, 1), spec::fence(spec::vram(16), 9, true), spec::Packet{}});
    ASSERT_EQ(read32(0x24), 3u);
    write32(0x20, 0x3);  // enable is ignored beside reset
    EXPECT_EQ(read32(0x20), 0u);
    EXPECT_EQ(report(), (Report{}));
    for (const std::uint64_t offset : {0x24, 0x50, 0x54, 0x60}) EXPECT_EQ(read32(offset), 0u) << std::hex << offset;
    for (const std::uint64_t offset : {0x70, 0xa0, 0xa8}) EXPECT_EQ(read64(offset), 0u) << std::hex << offset;
    EXPECT_EQ(read64(0x40), ring_base);
    EXPECT_EQ(read32(0x48), 6u);
    EXPECT_EQ(read32(0x64), 0x5u);
    EXPECT_EQ(read32(0x100), 0x3u);
}

TEST_F(Registers, PowerOnResetClearsEverythingButVram) {
    start();
    write32(0x64, 0);
    set_scanout(0, 8, 8, 32);
    execute({spec::fill(spec::vram(0), 4, 0x11223344), spec::Packet{}});
    gpu.reset();
    for (std::uint64_t offset = 0x20; offset < 0x200; offset += 4)
        EXPECT_EQ(read32(offset), offset == 0x64 ? 0xfu : 0u) << std::hex << offset;
    EXPECT_EQ(vram[0], std::byte{0x44});
    EXPECT_FALSE(gpu.scanout().enabled);
}

TEST_F(Registers, InterruptsSendOneMessageForEachRiseOfAnUnmaskedCause) {
    write32(0x68, 0x8);
    EXPECT_EQ(read32(0x60), 0x8u);
    EXPECT_TRUE(host.messages.empty());  // masked
    write32(0x64, 0x7);
    EXPECT_EQ(host.messages, (std::vector<unsigned>{3}));  // unmasked while pending
    write32(0x68, 0x8);
    EXPECT_EQ(host.messages.size(), 1u);  // pending already
    write32(0x60, 0x8);
    EXPECT_EQ(read32(0x60), 0u);
    write32(0x68, 0x8);
    EXPECT_EQ(host.messages.size(), 2u);
    write32(0x64, 0xf);
    write32(0x64, 0x0);
    EXPECT_EQ(host.messages.size(), 3u);  // masked and unmasked while pending
    write32(0x68, 0xfffffff7);
    EXPECT_EQ(host.messages, (std::vector<unsigned>{3, 3, 3, 0, 1, 2}));
    EXPECT_EQ(read32(0x60), 0xfu);
}

TEST_F(Registers, ScanoutIsLatchedByTheControlRegister) {
    set_scanout(0x1000, 64, 32, 256);
    EXPECT_EQ(read32(0x100), 0x3u);  // enabled and shown
    write64(0x108, 0x2000);
    EXPECT_EQ(gpu.scanout().offset, 0x1000u);
    EXPECT_EQ(read64(0x108), 0x2000u);
    write32(0x100, 1);
    const Scanout shown = gpu.scanout();
    EXPECT_TRUE(shown.enabled);
    EXPECT_EQ(shown.offset, 0x2000u);
    EXPECT_EQ(shown.width, 64u);
    EXPECT_EQ(shown.height, 32u);
    EXPECT_EQ(shown.stride, 256u);
    write32(0x100, 0);
    EXPECT_FALSE(gpu.scanout().enabled);
}

TEST_F(Registers, AScanoutOutsideVramOrOfBadShapeIsNotShown) {
    struct Mode {
        std::uint64_t offset;
        std::uint32_t width, height, stride, control;
        bool shown;
    };
    const Mode modes[] = {
        {0, 512, 1024, 2048, 0x1, true},            // all of VRAM
        {4, 512, 1024, 2048, 0x1, false},           // ends 4 bytes behind it
        {0x1ffffc, 1, 1, 4, 0x1, true},             // its last pixel
        {0x200000, 1, 1, 4, 0x1, false},            //
        {0xfffffffffffffffc, 1, 1, 4, 0x1, false},  // wraps
        {0, 16384, 16384, 0xfffffffc, 0x1, false},  //
        {0, 0, 1, 4, 0x1, false},                   // empty
        {0, 1, 0, 4, 0x1, false},                   //
        {0, 16385, 1, 65540, 0x1, false},           // beyond the limits
        {0, 1, 16385, 4, 0x1, false},               //
        {0, 0x40000001, 1, 4, 0x1, false},          // width * 4 overflows 32 bits
        {0, 8, 8, 28, 0x1, false},                  // lines overlap
        {2, 8, 8, 32, 0x1, false},                  // misaligned
        {0, 8, 8, 34, 0x1, false},                  //
        {0, 1, 1, 0x40000000, 0x1, true},           // the longest line
        {0, 1, 1, 0x40000004, 0x1, false},          //
        {0, 8, 8, 32, 0x11, false},                 // unknown format
        {0, 8, 8, 32, 0x0, false},                  // not enabled
    };
    for (const Mode& mode : modes) {
        set_scanout(mode.offset, mode.width, mode.height, mode.stride, mode.control);
        EXPECT_EQ(gpu.scanout().enabled, mode.shown) << "mode " << &mode - modes;
        EXPECT_EQ(read32(0x100), mode.control | (mode.shown ? 2u : 0u));
    }
}

TEST(NoVram, LeavesNothingToShowOrToWrite) {
    FakeBus bus;
    FakeHost host;
    Gpu gpu({}, {}, bus, host);
    EXPECT_EQ(gpu.read(0x08, 8), 0u);
    gpu.write(0x110, 0x0000000100000001, 8);
    gpu.write(0x118, 4, 4);
    gpu.write(0x100, 1, 4);
    EXPECT_FALSE(gpu.scanout().enabled);

    bus.add_window(ring_base, 0x1000);
    const spec::Packet packet = spec::fence(spec::vram(0), 1);
    std::memcpy(bus.at(ring_base, 64), &packet, 64);
    gpu.write(0x40, ring_base, 8);
    gpu.write(0x48, 4, 4);
    gpu.write(0x20, 1, 4);
    gpu.write(0x50, 1, 4);
    EXPECT_FALSE(gpu.run());
    EXPECT_EQ(gpu.read(0x80, 4), 0x00060401u);  // VRAM out of range
}

TEST(AddressBits, AreAtLeast32AndAtMost64) {
    FakeBus bus;
    FakeHost host;
    EXPECT_EQ(Gpu({.address_bits = 7}, {}, bus, host).read(0x10, 8) & 0x7f, 32u);
    EXPECT_EQ(Gpu({.address_bits = 39}, {}, bus, host).read(0x10, 8) & 0x7f, 39u);
    EXPECT_EQ(Gpu({.address_bits = 99}, {}, bus, host).read(0x10, 8) & 0x7f, 64u);
}

}  // namespace
}  // namespace remap::gpu
