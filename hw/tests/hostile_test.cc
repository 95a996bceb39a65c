// SPDX-License-Identifier: MIT
// Whatever a guest writes: no crash, no endless call, and the part works again after a reset. The sanitizers see the
// rest.
#include "hw/tests/bench.h"

#include <random>

namespace remap::gpu {
namespace {

class Hostile : public Bench {
protected:
    std::uint64_t number() {
        // Small numbers, single bits and their complements, system memory that is there, and any numbers.
        const std::uint64_t any = random();
        switch (random() % 5) {
            case 0: return any % 16;
            case 1: return std::uint64_t{1} << any % 64;
            case 2: return ~(std::uint64_t{1} << any % 64);
            case 3: return memory_base + any % memory_bytes;
            default: return any;
        }
    }

    spec::Packet packet() {
        spec::Packet made;
        if (random() % 4 == 0) {
            for (std::size_t i = 0; i < 8; ++i) {
                const std::uint64_t any = random();
                std::memcpy(reinterpret_cast<char*>(&made) + i * 8, &any, 8);
            }
            return made;
        }
        // Nearly right, so that it gets past the first checks.
        made.opcode = static_cast<std::uint16_t>(random() % 8);
        const bool rect = made.opcode == 4 || made.opcode == 5;
        const bool copies = made.opcode == 3 || made.opcode == 5;
        made.flags = static_cast<std::uint16_t>(random() % (copies ? 4 : 2));
        made.destination = made.opcode == 1 ? 0 : number() & (made.opcode == 6 ? ~7ull : ~0ull);
        made.source = copies ? number() : 0;
        made.length = made.opcode == 2 || made.opcode == 3 ? number() : 0;
        if (rect) {
            made.width = static_cast<std::uint32_t>(number() % 0x10000);
            made.lines = static_cast<std::uint32_t>(number() % 0x1000);
            made.destination_pitch = made.width + number();
            made.source_pitch = copies ? made.width + number() : 0;
        }
        return made;
    }

    void expect_works_after_reset() {
        write32(0x20, 2);
        start();
        execute({spec::fence(system_memory_at(0), 77)});
        EXPECT_EQ(read64(0x70), 77u);
    }

    static spec::Place system_memory_at(std::uint64_t offset) { return spec::system_memory(memory_base + offset); }

    std::mt19937_64 random{20240607};
};

TEST_F(Hostile, PacketsOfRandomBytesEndInAFaultOrAreDone) {
    start();
    std::set<std::uint32_t> causes;
    std::uint64_t done = 0;
    for (int round = 0; round < 5000; ++round) {
        ring({packet(), packet()});
        for (int calls = 0; calls < 4 && gpu.run(); ++calls) {
        }
        if (read32(0x24) == 3) {
            causes.insert(read32(0x80) >> 8 & 0xff);
            clear_and_resume();
        } else if (read32(0x24) == 2) {  // a long packet: that is allowed, its end is the driver's business
            done += read64(0xa0);
            write32(0x20, 2);
            start();
        }
    }
    EXPECT_EQ(causes, (std::set<std::uint32_t>{1, 2, 3, 4, 5, 6}));  // the packets got past each check
    EXPECT_GT(done + read64(0xa0), 500u);
    EXPECT_FALSE(bus.crossed_a_page);
    expect_works_after_reset();
}

TEST_F(Hostile, RandomRegisterAccessesNeverBreakThePart) {
    scramble({bus.at(ring_base, 0x10000), 0x10000}, 4);
    for (int round = 0; round < 50000; ++round) {
        const std::uint64_t offset = random() % 16 == 0 ? number() : random() % 0x130;
        const unsigned bytes = random() % 2 == 0 ? 4 : random() % 2 == 0 ? 8 : static_cast<unsigned>(random() % 20);
        gpu.write(offset & ~std::uint64_t{3}, random() % 3 == 0 ? ring_base : number(), bytes);
        gpu.read(offset, bytes);
        if (random() % 8 == 0) write32(0x20, 1);
        if (random() % 8 == 0) gpu.run();
        const Scanout shown = gpu.scanout();
        if (shown.enabled) {
            ASSERT_LE(shown.offset + std::uint64_t{shown.stride} * (shown.height - 1) + shown.width * 4, vram_bytes);
        }
    }
    expect_works_after_reset();
}

TEST_F(Hostile, ARingThatTheGpuOverwritesItselfIsBounded) {
    start();
    ring({spec::copy(spec::system_memory(ring_base), spec::system_memory(ring_base + 64), 0x8000)});
    drain(100);
    ring({spec::fill(spec::system_memory(ring_base), 0x1000, 0xffffffff), spec::nop(), spec::nop(), spec::nop(),
          spec::nop(), spec::nop(), spec::nop(), spec::nop(), spec::nop(), spec::nop()});  // more than is read ahead
    drain(100);
    EXPECT_EQ(read32(0x24), 3u);
    EXPECT_EQ(read32(0x80), 0xffff0501u);
    expect_works_after_reset();
}

}  // namespace
}  // namespace remap::gpu
