// SPDX-License-Identifier: MIT
// What a part knows of translations goes with it when it is saved and loaded.
#include "hw/tests/state_bench.h"
#include "hw/tests/translation_bench.h"

namespace remap::gpu {
namespace {

class TranslationState : public TranslationBench {
protected:
    TranslationState() : other({}, vram, bus, host, &complex) {
        start(all);
        complex.map(5, 0x7000000, {.target = memory_base});
        set_word(memory_base, 0x100);
        set_word(memory_base + 0x1000, 0x101);
    }

    void migrate() {
        const State state = save(gpu);
        EXPECT_EQ(load(other, state), "");
        EXPECT_EQ(save(other), state);
        for (std::uint64_t offset = 0; offset < 0x200; offset += 4)
            EXPECT_EQ(other.read(offset, 4), gpu.read(offset, 4));
    }
    void run_other() {
        for (int i = 0; i < 100 && other.run(); ++i) {
        }
    }
    void submit_to_other(const spec::Packet& packet) {
        std::memcpy(bus.at(ring_base + 64 * tail++, 64), &packet, 64);
        other.write(0x50, tail, 4);
        run_other();
    }

    Gpu other;
};

TEST_F(TranslationState, TheContextAndWhatTheCacheHoldsAreTheSame) {
    submit({spec::context(5, true), spec::copy(spec::vram(0), spec::system_memory(0x7000000), 8)});
    migrate();
    complex.map(5, 0x7000000, {.target = memory_base + 0x1000});
    submit_to_other(spec::copy(spec::vram(8), spec::system_memory(0x7000000), 8));
    EXPECT_EQ(vram_word(8), 0x100u) << "stale still";
    other.invalidate({.first = 0x7000000, .last = 0x7000000, .pasid = 5});
    submit_to_other(spec::copy(spec::vram(8), spec::system_memory(0x7000000), 8));
    EXPECT_EQ(vram_word(8), 0x101u);
    EXPECT_TRUE(complex.last_wish->context.privileged);
}

TEST_F(TranslationState, APacketThatWaitsForAPageGoesOnInTheNewPart) {
    // One that waits in its beginning, one in its middle, and one that could not be read yet.
    for (const spec::Packet& packet : {spec::fence(spec::system_memory(0x7005008), 0x55),
                                       spec::fill(spec::system_memory(0x7000ff8), 0x1008, 0x55555555)}) {
        complex.unmap(5, 0x7005000);
        complex.unmap(5, 0x7001000);
        submit({spec::context(5), packet});
        ASSERT_TRUE(waits());
        migrate();
        EXPECT_FALSE(other.run());
        const std::uint64_t missing = complex.requests.back().page;
        complex.map(5, missing, {.target = memory_base + 0x2000});
        const unsigned wakes = host.wakes;
        other.answer_page({complex.requests.back().group, 0});
        EXPECT_GT(host.wakes, wakes);
        run_other();
        EXPECT_EQ(other.read(0x24, 4), 1u);
        EXPECT_EQ(other.read(0x80, 4), 0u);
        EXPECT_EQ(word(memory_base + 0x2008) & 0xff, 0x55u);
        gpu.reset();
        start(all);
    }
    complex.unmap({}, ring_base);
    submit({spec::fence(spec::vram(0), 0x77)});
    ASSERT_TRUE(waits());
    migrate();
    complex.map({}, ring_base, {.target = ring_base});
    other.answer_page({complex.requests.back().group, 0});
    run_other();
    EXPECT_EQ(other.read(0x70, 8), 0x77u);
}

TEST_F(TranslationState, InvalidationsThatWaitAreObeyedByTheNewPart) {
    submit({spec::context(5), spec::copy(spec::vram(0), spec::system_memory(0x7000000), 8)});
    complex.map(5, 0x7000000, {.target = memory_base + 0x1000});
    gpu.write(0xc4, 1, 4);
    gpu.invalidate({.first = 0x7000000, .last = 0x7000000, .pasid = 5, .tag = 11});
    migrate();
    other.write(0xc4, 0, 4);
    run_other();
    EXPECT_EQ(complex.answered, std::vector<std::uint64_t>{11});
    submit_to_other(spec::copy(spec::vram(8), spec::system_memory(0x7000000), 8));
    EXPECT_EQ(vram_word(8), 0x101u);
}

}  // namespace
}  // namespace remap::gpu
