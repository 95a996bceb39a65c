// SPDX-License-Identifier: MIT
// How the engine reads its ring: ahead, but never what has not been handed over.
#include "hw/tests/bench.h"

#include <vector>

namespace remap::gpu {
namespace {

using spec::system_memory;

class Fetching : public Bench {
protected:
    Fetching() {
        bus.on_access = [this](const FakeBus::Access& access) {
            if (!access.write && access.address < ring_base + 0x10000) reads.push_back(access);
        };
    }

    void put_nops(unsigned count) {
        for (unsigned i = 0; i < count; ++i) put(std::to_array({spec::nop()}).data());
    }

    static FakeBus::Access entries_at(unsigned first, unsigned count) {
        return {false, ring_base + first * 64, count * 64};
    }

    std::vector<FakeBus::Access> reads;
};

TEST_F(Fetching, WhatIsHandedOverTogetherIsReadTogether) {
    start();
    execute({spec::nop(), spec::nop(), spec::nop()});
    EXPECT_EQ(reads, (std::vector{entries_at(0, 3)}));
    EXPECT_EQ(read64(0xa0), 3u);
}

TEST_F(Fetching, EightAtMost) {
    start();
    put_nops(20);
    write32(0x50, tail);
    drain();
    EXPECT_EQ(reads, (std::vector{entries_at(0, 8), entries_at(8, 8), entries_at(16, 4)}));
}

TEST_F(Fetching, NotAcrossTheEndOfAPageOrOfTheRing) {
    start(7);  // two pages
    put_nops(60);
    write32(0x50, tail);
    drain();
    reads.clear();
    put_nops(6);
    write32(0x50, tail);
    drain();
    EXPECT_EQ(reads, (std::vector{entries_at(60, 4), entries_at(64, 2)}));
    put_nops(60);
    write32(0x50, tail);
    drain();
    reads.clear();
    put_nops(4);
    write32(0x50, tail);
    drain();
    EXPECT_EQ(reads, (std::vector{entries_at(126, 2), entries_at(0, 2)}));
    EXPECT_FALSE(bus.crossed_a_page);
}

TEST_F(Fetching, AnEntryIsReadAgainWhenItIsUsedAgain) {
    start(2);
    for (std::uint32_t value = 1; value < 20; ++value) {
        execute({spec::nop(), spec::fence(spec::vram(0), value)});
        ASSERT_EQ(read64(0x70), value);
    }
}

TEST_F(Fetching, AResetForgetsWhatWasReadAhead) {
    start();
    ring({spec::fill(system_memory(memory_base), memory_bytes, 1), spec::fence(spec::vram(0), 1)});
    gpu.run();  // in the middle of the fill
    write32(0x20, 2);
    drain();
    start();
    execute({spec::nop(), spec::fence(spec::vram(0), 2)});
    EXPECT_EQ(read64(0x70), 2u);
}

TEST_F(Fetching, BehindAFaultItIsReadAgain) {
    start();
    const spec::Packet bad{.opcode = 0x77};
    execute({bad, spec::fence(spec::vram(0), 1)});
    ASSERT_EQ(read32(0x24), 3u);
    const spec::Packet mended = spec::fence(spec::vram(0), 2);
    std::memcpy(bus.at(ring_base + 64, 64), &mended, 64);
    clear_and_resume();
    drain();
    EXPECT_EQ(read64(0x70), 2u);
}

TEST_F(Fetching, PlacesInSystemMemoryAreAnnouncedOncePerPage) {
    start();
    execute({spec::copy(spec::vram(0), system_memory(0x100040), 64),
             spec::copy(system_memory(0x102000), spec::vram(0), 64), spec::fill(system_memory(0x100080), 64, 7)});
    EXPECT_EQ(bus.expected, (std::vector<std::uint64_t>{0x100040, 0x102000}));
}

TEST_F(Fetching, WhatIsAnnouncedNeedNotExist) {
    start();
    execute({spec::fill(system_memory(~std::uint64_t{0} - 63), 64, 7)});
    EXPECT_EQ(read32(0x24), 3u);
    EXPECT_EQ(bus.expected, (std::vector<std::uint64_t>{~std::uint64_t{0} - 63}));
}

}  // namespace
}  // namespace remap::gpu
