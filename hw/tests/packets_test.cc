// SPDX-License-Identifier: MIT
// Packets written byte by byte as docs/gpu.md gives them, and what they do; and that the encoders write such bytes.
#include "hw/tests/bench.h"

#include <array>

namespace remap::gpu {
namespace {

using Bytes = std::array<std::uint8_t, 64>;

// clang-format off
// Fill of 7 bytes at VRAM offset 0x1001 with 0xddccbbaa.
constexpr Bytes fill_bytes = {
    0x02, 0x00, 0x01, 0x00, 0xaa, 0xbb, 0xcc, 0xdd,  0x01, 0x10, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,                          0x07, 0, 0, 0, 0, 0, 0, 0};
// Copy of 5 bytes from logical address 0x100003 to VRAM offset 0x2002.
constexpr Bytes copy_bytes = {
    0x03, 0x00, 0x01, 0x00, 0, 0, 0, 0,              0x02, 0x20, 0, 0, 0, 0, 0, 0,
    0x03, 0x00, 0x10, 0, 0, 0, 0, 0,                 0x05, 0, 0, 0, 0, 0, 0, 0};
// The same without snooping, and a copy of 4 bytes back, likewise.
constexpr Bytes unsnooped_copy_bytes = {
    0x03, 0x00, 0x41, 0x00, 0, 0, 0, 0,              0x02, 0x20, 0, 0, 0, 0, 0, 0,
    0x03, 0x00, 0x10, 0, 0, 0, 0, 0,                 0x05, 0, 0, 0, 0, 0, 0, 0};
constexpr Bytes unsnooped_copy_back_bytes = {
    0x03, 0x00, 0x22, 0x00, 0, 0, 0, 0,              0x03, 0x00, 0x10, 0, 0, 0, 0, 0,
    0x02, 0x20, 0, 0, 0, 0, 0, 0,                    0x04, 0, 0, 0, 0, 0, 0, 0};
// Fill of 2 lines of 3 bytes at logical address 0x100101, 16 bytes apart, with 0x44332211.
constexpr Bytes fill_rect_bytes = {
    0x04, 0x00, 0x00, 0x00, 0x11, 0x22, 0x33, 0x44,  0x01, 0x01, 0x10, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,                          0, 0, 0, 0, 0, 0, 0, 0,
    0x10, 0, 0, 0, 0, 0, 0, 0,                       0, 0, 0, 0, 0, 0, 0, 0,
    0x03, 0, 0, 0, 0x02, 0, 0, 0};
// Copy of 2 lines of 2 bytes from VRAM offset 0x3000, 8 apart, to logical address 0x100200, 4 apart.
constexpr Bytes copy_rect_bytes = {
    0x05, 0x00, 0x02, 0x00, 0, 0, 0, 0,              0x00, 0x02, 0x10, 0, 0, 0, 0, 0,
    0x00, 0x30, 0, 0, 0, 0, 0, 0,                    0, 0, 0, 0, 0, 0, 0, 0,
    0x04, 0, 0, 0, 0, 0, 0, 0,                       0x08, 0, 0, 0, 0, 0, 0, 0,
    0x02, 0, 0, 0, 0x02, 0, 0, 0};
// Fence of 0x1122334455667788 at logical address 0x100300 with an interrupt.
constexpr Bytes fence_bytes = {
    0x06, 0x00, 0x04, 0x00, 0, 0, 0, 0,              0x00, 0x03, 0x10, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,                          0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,                          0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,                          0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
constexpr Bytes nop_bytes = {0x01};
// clang-format on

class Packets : public Bench {
protected:
    Packets() { start(); }

    void execute_bytes(const Bytes& packet) {
        put(packet.data());
        write32(0x50, tail);
        drain();
        EXPECT_EQ(read32(0x80), 0u);
    }

    std::vector<int> vram_at(std::uint64_t offset, std::size_t bytes) { return ints(&vram[offset], bytes); }
    std::vector<int> memory_at(std::uint64_t address, std::size_t bytes) { return ints(bus.at(address, bytes), bytes); }

    static std::vector<int> ints(const std::byte* from, std::size_t bytes) {
        std::vector<int> values;
        for (std::size_t i = 0; i < bytes; ++i) values.push_back(static_cast<int>(from[i]));
        return values;
    }
};

TEST_F(Packets, FillWritesThePatternFromItsFirstByte) {
    execute_bytes(fill_bytes);
    EXPECT_EQ(vram_at(0x1000, 9), (std::vector<int>{0, 0xaa, 0xbb, 0xcc, 0xdd, 0xaa, 0xbb, 0xcc, 0}));
    EXPECT_EQ(read64(0xa0), 1u);
    EXPECT_EQ(read64(0xa8), 7u);
}

TEST_F(Packets, CopyMovesBytes) {
    for (int i = 0; i < 16; ++i) *bus.at(0x100000 + i, 1) = static_cast<std::byte>(i);
    execute_bytes(copy_bytes);
    EXPECT_EQ(vram_at(0x2001, 7), (std::vector<int>{0, 3, 4, 5, 6, 7, 0}));
    EXPECT_EQ(read64(0xa8), 5u);
}

TEST_F(Packets, CopyMovesTheSameBytesWithoutSnooping) {
    for (int i = 0; i < 16; ++i) *bus.at(0x100000 + i, 1) = static_cast<std::byte>(i);
    execute_bytes(unsnooped_copy_bytes);
    EXPECT_EQ(vram_at(0x2001, 7), (std::vector<int>{0, 3, 4, 5, 6, 7, 0}));
    vram[0x2003] = std::byte{0xee};
    execute_bytes(unsnooped_copy_back_bytes);
    EXPECT_EQ(memory_at(0x100002, 6), (std::vector<int>{2, 3, 0xee, 5, 6, 7}));
}

TEST_F(Packets, FillRectBeginsThePatternAnewInEachLine) {
    execute_bytes(fill_rect_bytes);
    EXPECT_EQ(memory_at(0x100100, 5), (std::vector<int>{0, 0x11, 0x22, 0x33, 0}));
    EXPECT_EQ(memory_at(0x100110, 5), (std::vector<int>{0, 0x11, 0x22, 0x33, 0}));
    EXPECT_EQ(memory_at(0x100120, 5), (std::vector<int>(5, 0)));
}

TEST_F(Packets, CopyRectMovesLinesFromPitchToPitch) {
    for (int i = 0; i < 16; ++i) vram[0x3000 + i] = static_cast<std::byte>(0x50 + i);
    execute_bytes(copy_rect_bytes);
    EXPECT_EQ(memory_at(0x100200, 7), (std::vector<int>{0x50, 0x51, 0, 0, 0x58, 0x59, 0}));
}

TEST_F(Packets, FenceWritesItsValueThenTheRegisterThenInterrupts) {
    write32(0x64, 0xe);
    execute_bytes(fence_bytes);
    EXPECT_EQ(memory_at(0x100300, 9), (std::vector<int>{0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0}));
    EXPECT_EQ(read64(0x70), 0x1122334455667788u);
    EXPECT_EQ(read32(0x60), 1u);
    EXPECT_EQ(host.messages, (std::vector<unsigned>{0}));
}

TEST_F(Packets, NopDoesNothingButCount) {
    execute_bytes(nop_bytes);
    EXPECT_EQ(read64(0xa0), 1u);
    EXPECT_EQ(read64(0xa8), 0u);
    EXPECT_EQ(read32(0x54), 1u);
}

TEST_F(Packets, EncodersWriteTheseBytes) {
    const auto same = [](const spec::Packet& packet, const Bytes& bytes) {
        return std::memcmp(&packet, bytes.data(), 64) == 0;
    };
    EXPECT_TRUE(same(spec::nop(), nop_bytes));
    EXPECT_TRUE(same(spec::fill(spec::vram(0x1001), 7, 0xddccbbaa), fill_bytes));
    EXPECT_TRUE(same(spec::copy(spec::vram(0x2002), spec::system_memory(0x100003), 5), copy_bytes));
    EXPECT_TRUE(same(spec::copy(spec::vram(0x2002), spec::without_snoop(spec::system_memory(0x100003)), 5),
                     unsnooped_copy_bytes));
    EXPECT_TRUE(same(spec::copy(spec::without_snoop(spec::system_memory(0x100003)), spec::vram(0x2002), 4),
                     unsnooped_copy_back_bytes));
    EXPECT_TRUE(same(spec::fill_rect({spec::system_memory(0x100101), 16}, {3, 2}, 0x44332211), fill_rect_bytes));
    EXPECT_TRUE(
        same(spec::copy_rect({spec::system_memory(0x100200), 4}, {spec::vram(0x3000), 8}, {2, 2}), copy_rect_bytes));
    EXPECT_TRUE(same(spec::fence(spec::system_memory(0x100300), 0x1122334455667788, true), fence_bytes));
    EXPECT_EQ(spec::pattern_of(0xa5), 0xa5a5a5a5u);
}

}  // namespace
}  // namespace remap::gpu
