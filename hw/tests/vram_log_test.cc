// SPDX-License-Identifier: MIT
// Every byte of VRAM that the engine changes is reported to the host, and no byte besides what a packet may write.
#include "hw/tests/bench.h"

#include <algorithm>

namespace remap::gpu {
namespace {

class LoggingHost : public FakeHost {
public:
    void vram_written(std::uint64_t offset, std::uint64_t bytes) override {
        ASSERT_LE(offset, vram_bytes);
        ASSERT_LE(bytes, vram_bytes - offset);
        std::fill_n(written.begin() + static_cast<std::ptrdiff_t>(offset), bytes, true);
    }

    std::vector<bool> written = std::vector<bool>(vram_bytes);
};

class VramLog : public testing::Test {
protected:
    VramLog() : gpu({}, vram, bus, host) {
        bus.add_window(ring_base, 0x1000);
        bus.add_window(memory_base, memory_bytes);
        scramble(vram, 5);
        scramble({bus.at(memory_base, memory_bytes), memory_bytes}, 6);
    }

    void execute(const spec::Packet& packet) {
        gpu.write(0x20, 2, 4);
        std::memcpy(bus.at(ring_base, 64), &packet, 64);
        gpu.write(0x40, ring_base, 8);
        gpu.write(0x48, 1, 4);
        gpu.write(0x20, 1, 4);
        gpu.write(0x50, 1, 4);
        while (gpu.run()) {
        }
    }

    // What the packet writes is `lines` pieces of `width`, `pitch` apart.
    void expect_log(const spec::Packet& packet, std::uint64_t offset, std::uint64_t width, std::uint64_t pitch = 0,
                    std::uint64_t lines = 1) {
        const std::vector<std::byte> before = vram;
        std::fill(host.written.begin(), host.written.end(), false);
        execute(packet);
        for (std::uint64_t at = 0; at < vram_bytes; ++at) {
            const bool in_range = at >= offset && at - offset < (lines - 1) * pitch + width;
            const bool expected = in_range && (pitch == 0 || (at - offset) % pitch < width);
            ASSERT_EQ(host.written[at], expected) << at;
            ASSERT_TRUE(host.written[at] || vram[at] == before[at]) << at;
        }
    }

    std::vector<std::byte> vram = std::vector<std::byte>(vram_bytes);
    FakeBus bus;
    LoggingHost host;
    Gpu gpu;
};

TEST_F(VramLog, HasWhatFillsWrite) {
    expect_log(spec::fill(spec::vram(0x1003), 0x180001, 0x12345678), 0x1003, 0x180001);
    expect_log(spec::fill_rect({spec::vram(0x77), 0x1234}, {0x345, 300}, 0), 0x77, 0x345, 0x1234, 300);
    expect_log(spec::fill(spec::system_memory(memory_base), 0x10000, 1), 0, 0);
}

TEST_F(VramLog, HasWhatCopiesWrite) {
    expect_log(spec::copy(spec::vram(0x101), spec::system_memory(memory_base + 3), 0x150000), 0x101, 0x150000);
    expect_log(spec::copy(spec::vram(0x2001), spec::vram(0x1000), 0x100000), 0x2001, 0x100000);
    expect_log(spec::copy_rect({spec::vram(0x99), 0x800}, {spec::system_memory(memory_base), 0x900}, {0x101, 500}),
               0x99, 0x101, 0x800, 500);
    expect_log(spec::copy(spec::system_memory(memory_base), spec::vram(0), 0x10000), 0, 0);
}

TEST_F(VramLog, HasFences) {
    expect_log(spec::fence(spec::vram(0x1ff8), 0x8877665544332211), 0x1ff8, 8);
    expect_log(spec::fence(spec::system_memory(memory_base), 1), 0, 0);
}

TEST_F(VramLog, HasThePieceThatARefusedReadMayHaveSpoilt) {
    bus.unreadable = {memory_base / 4096 + 2};
    expect_log(spec::copy(spec::vram(0x10000), spec::system_memory(memory_base), 0x4000), 0x10000, 0x3000);
}

TEST_F(VramLog, HasNothingOfAPacketThatIsRefused) {
    expect_log(spec::fill(spec::vram(vram_bytes - 0x1000), 0x1001, 0), 0, 0);
}

}  // namespace
}  // namespace remap::gpu
