// SPDX-License-Identifier: MIT
// Every page of VRAM that the engine changes is reported to the host, no other is, and pages side by side come
// together.
#include "hw/tests/bench.h"

#include <algorithm>
#include <set>

namespace remap::gpu {
namespace {

constexpr std::uint64_t odd_vram_bytes = vram_bytes - 0x800;  // half of its last page is not there

class LoggingHost : public FakeHost {
public:
    void vram_written(std::uint64_t offset, std::uint64_t bytes) override {
        ++reports;
        ASSERT_EQ(offset % 4096, 0u);
        ASSERT_TRUE(bytes % 4096 == 0 || offset + bytes == odd_vram_bytes);
        ASSERT_LE(offset + bytes, odd_vram_bytes);
        for (std::uint64_t page = offset / 4096; page * 4096 < offset + bytes; ++page) pages.insert(page);
        if (fence != nullptr) fence_seen = fence->read(0x70, 8);
    }

    std::set<std::uint64_t> pages;
    unsigned reports = 0;
    Gpu* fence = nullptr;
    std::uint64_t fence_seen = 0;
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
        host.pages.clear();
        execute(packet);
        std::set<std::uint64_t> expected;
        for (std::uint64_t line = 0; line < lines && width != 0; ++line) {
            const std::uint64_t first = offset + line * pitch;
            for (std::uint64_t page = first / 4096; page <= (first + width - 1) / 4096; ++page) expected.insert(page);
        }
        EXPECT_EQ(host.pages, expected);
        for (std::uint64_t at = 0; at < odd_vram_bytes; at += 4096) {
            const std::size_t bytes = std::min<std::uint64_t>(4096, odd_vram_bytes - at);
            EXPECT_TRUE(host.pages.contains(at / 4096) || std::memcmp(&vram[at], &before[at], bytes) == 0) << at;
        }
    }

    std::vector<std::byte> vram = std::vector<std::byte>(odd_vram_bytes);
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
    expect_log(spec::fill(spec::vram(odd_vram_bytes - 0x1000), 0x1001, 0), 0, 0);
}

TEST_F(VramLog, EndsWhereVramEnds) {
    expect_log(spec::fill(spec::vram(odd_vram_bytes - 0x1001), 0x1001, 0), odd_vram_bytes - 0x1001, 0x1001);
}

TEST_F(VramLog, PagesSideBySideAreOneReport) {
    expect_log(spec::fill(spec::vram(0x1003), 0x20000, 1), 0x1003, 0x20000);
    EXPECT_EQ(host.reports, 1u);
    expect_log(spec::fill_rect({spec::vram(0x3000), 0x700}, {0x10, 64}, 1), 0x3000, 0x10, 0x700, 64);
    EXPECT_EQ(host.reports, 2u);
    expect_log(spec::copy(spec::vram(0x801), spec::vram(0), 0x8000), 0x801, 0x8000);  // descends
    EXPECT_EQ(host.reports, 3u);
    expect_log(spec::fill_rect({spec::vram(0), 0x2000}, {0x1000, 64}, 1), 0, 0x1000, 0x2000, 64);
    EXPECT_EQ(host.reports, 3u + 64u);
    expect_log(spec::copy_rect({spec::vram(0x8000), 0x4000}, {spec::vram(0), 0x4000}, {0x100, 16}), 0x8000, 0x100,
               0x4000,
               16);  // the last line first
    EXPECT_EQ(host.reports, 3u + 64u + 16u);
}

TEST_F(VramLog, IsUpToDateWhenAFenceIsReached) {
    host.fence = &gpu;
    expect_log(spec::fence(spec::vram(0x8000), 77), 0x8000, 8);
    EXPECT_EQ(host.fence_seen, 0u);
    EXPECT_EQ(gpu.read(0x70, 8), 77u);
}

}  // namespace
}  // namespace remap::gpu
