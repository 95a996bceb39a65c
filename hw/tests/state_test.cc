// SPDX-License-Identifier: MIT
// A part that is saved and loaded at any moment does what one does that was left alone.
#include "hw/tests/state_bench.h"

#include <random>

namespace remap::gpu {
namespace {

TEST(State, WorkMovedToANewPartAtEachStepEndsAsIfItHadNotMoved) {
    Rig still, moving;
    for (Rig* rig : {&still, &moving}) {
        rig->write32(0x64, 0);
        rig->start(long_work());
    }
    unsigned steps = 0, in_the_middle = 0;
    for (bool more = true; more; ++steps) {
        more = still.gpu->run();
        EXPECT_EQ(moving.gpu->run(), more);
        const std::uint64_t done = still.read64(0xa0);
        moving.migrate();
        in_the_middle += more;
        ASSERT_NO_FATAL_FAILURE(moving.expect_same(still, "after step " + std::to_string(steps)));
        for (Rig* rig : {&still, &moving}) resume_if_halted(*rig);
        more = still.read32(0x24) == 2;
        ASSERT_LT(done, 12u);
    }
    EXPECT_GT(in_the_middle, 15u);
    EXPECT_EQ(still.read64(0xa0), 11u);
    EXPECT_EQ(still.read64(0x70), 0x1122334455667788u);
    EXPECT_EQ(still.host.messages, (std::vector<unsigned>{0, 1, 1}));
    moving.expect_same_memory(still);
}

TEST(State, RandomUseOfTheRegistersGoesOnTheSameInANewPart) {
    std::mt19937_64 random(7);
    Rig still, moving;
    const auto both = [&](auto action) { action(still), action(moving); };
    both([](Rig& rig) { scramble({rig.bus.at(ring_base, 0x10000), 0x10000}, 3); });
    const std::vector<spec::Packet> packets = long_work();
    unsigned busy = 0, stopping = 0;
    for (int round = 0; round < 1000; ++round) {
        const std::uint64_t offset = random() % 0x120 & ~std::uint64_t{3};
        const std::uint64_t value = random() % 2 == 0 ? random() : random() % 16;
        const std::uint64_t action = random() % 16;
        both([&](Rig& rig) {
            if (action < 8) {
                rig.gpu->write(offset, value, action % 2 == 0 ? 4 : 8);
            } else if (action < 10) {
                rig.start(packets, 4 + value % 3);
            } else if (action == 10) {
                rig.write32(0x20, value % 8);
            } else if (action == 11) {
                resume_if_halted(rig);
            } else {
                rig.gpu->run();
            }
        });
        busy += (still.read32(0x24) & 3) == 2;
        stopping += still.read32(0x24) >> 2 & 1;
        moving.migrate();
        ASSERT_NO_FATAL_FAILURE(moving.expect_same(still, "after round " + std::to_string(round)));
    }
    EXPECT_GT(busy, 150u);
    EXPECT_GT(stopping, 15u);
    moving.expect_same_memory(still);
}

// docs/gpu.md, 2.
TEST(State, APartFreshFromPowerOnTakesAllRegistersBack) {
    Rig rig, fresh;
    const State power_on = save(*fresh.gpu);
    rig.write32(0x64, 5);
    rig.start({spec::fence(spec::vram(0), 9), spec::fill(spec::vram(~0ull), 1, 0)});
    rig.gpu->run();
    for (const auto& [offset, value] : {std::pair{0x108, 0x1000}, {0x110, 64}, {0x114, 48}, {0x118, 256}, {0x100, 1}})
        rig.write32(offset, value);
    rig.write32(0x60, 0xf);
    ASSERT_NE(rig.registers(), fresh.registers());
    EXPECT_EQ(load(*rig.gpu, power_on), "");
    EXPECT_EQ(rig.registers(), fresh.registers());
    EXPECT_FALSE(rig.gpu->scanout().enabled);
    EXPECT_EQ(save(*rig.gpu), power_on);
    EXPECT_FALSE(rig.gpu->run());
}

TEST(State, EveryRegisterKeepsAValueOfItsOwn) {
    Rig rig;
    rig.write32(0x64, 0xf & ~2);
    rig.start({spec::fence(spec::vram(0), 0x8877665544332211), spec::fill(spec::vram(0), 9, 1), {}, spec::nop()});
    rig.gpu->run();              // halted at entry 2: head, fence, the report, the counters
    rig.write32(0x68, 8);        // INTERRUPT_STATUS
    rig.write64(0x108, 0x1000);  // latched
    for (const std::uint64_t offset : {0x110, 0x114}) rig.write32(offset, 16);
    rig.write32(0x118, 64);
    rig.write32(0x100, 1);
    rig.write64(0x108, 0x123456789abcdef0);  // written, not latched
    rig.write32(0x110, 0x11111111);
    rig.write32(0x114, 0x22222222);
    rig.write32(0x118, 0x33333333);
    const auto registers = rig.registers();
    const Scanout shown = rig.gpu->scanout();
    for (const std::uint64_t offset :
         {0x20, 0x40, 0x48, 0x50, 0x54, 0x60, 0x64, 0x70, 0x80, 0x84, 0x88, 0xa0, 0xa8, 0x100})
        EXPECT_NE(registers[offset / 4], 0u) << offset;
    rig.migrate();
    EXPECT_EQ(rig.registers(), registers);
    EXPECT_EQ(rig.gpu->scanout(), shown);
    EXPECT_EQ(shown.offset, 0x1000u);
}

TEST(State, AnAbandonedPacketIsStillUnderWayInTheNewPart) {
    for (const std::uint32_t control : {0u, 2u}) {  // disabled, reset
        Rig rig;
        rig.start({spec::fill(memory(0), memory_bytes, 1)});
        EXPECT_TRUE(rig.gpu->run());
        rig.write32(0x20, control);
        EXPECT_EQ(rig.read32(0x24), 4u);
        rig.migrate();
        EXPECT_EQ(rig.read32(0x24), 4u);
        rig.bus.on_access = [](const FakeBus::Access&) { ADD_FAILURE() << "an access for an abandoned packet"; };
        EXPECT_FALSE(rig.gpu->run());
        EXPECT_EQ(rig.read32(0x24), 0u);
    }
}

TEST(State, ARingEnabledAnewOverAnAbandonedPacketIsExecutedByTheNewPart) {
    Rig rig;
    rig.start({spec::fill(memory(0), memory_bytes, 1)});
    EXPECT_TRUE(rig.gpu->run());
    rig.write32(0x20, 0);
    rig.start({spec::fence(spec::vram(0), 5)});
    EXPECT_EQ(rig.read32(0x24), 6u);  // busy and stopping
    rig.migrate();
    EXPECT_EQ(rig.read32(0x24), 6u);
    while (rig.gpu->run()) {
    }
    EXPECT_EQ(rig.read32(0x24), 1u);
    EXPECT_EQ(rig.read64(0x70), 5u);
    EXPECT_EQ(rig.read64(0xa0), 1u);
}

TEST(State, AMessageIsNeitherLostNorSentTwice) {
    Rig rig;
    rig.write32(0x64, 0xc);
    rig.write32(0x68, 0x5);  // FENCE sends its message, RING_ERROR is masked
    EXPECT_EQ(rig.host.messages, (std::vector<unsigned>{0}));
    rig.migrate();
    rig.write32(0x68, 0x1);
    EXPECT_EQ(rig.host.messages, (std::vector<unsigned>{0}));
    rig.write32(0x64, 0x8);
    EXPECT_EQ(rig.host.messages, (std::vector<unsigned>{0, 2}));
    rig.write32(0x60, 0x1);
    rig.write32(0x68, 0x1);
    EXPECT_EQ(rig.host.messages, (std::vector<unsigned>{0, 2, 0}));
}

TEST(State, TheHostHearsOfWorkThatWasLoaded) {
    Rig idle, waiting, halfway, abandoned;
    idle.start({});
    waiting.start({spec::nop()});
    for (Rig* rig : {&halfway, &abandoned}) {
        rig->start({spec::fill(memory(0), memory_bytes, 1)});
        rig->gpu->run();
    }
    abandoned.write32(0x20, 0);
    for (const auto& [rig, wakes] : {std::pair{&idle, 0u}, {&waiting, 1u}, {&halfway, 1u}, {&abandoned, 1u}}) {
        Rig target;
        EXPECT_EQ(load(*target.gpu, save(*rig->gpu)), "");
        EXPECT_EQ(target.host.wakes, wakes);
    }
}

TEST(State, APartInTheMiddleOfWorkTakesUpOtherWork) {
    Rig source, target;
    source.start({spec::fill(spec::vram(0), 0x180000, 0x01010101), spec::fence(spec::vram(0x1fff00), 3)});
    target.start({spec::fill(memory(0), memory_bytes, 0x02020202)});
    source.gpu->run();
    target.gpu->run();
    target.vram = source.vram;
    EXPECT_EQ(load(*target.gpu, save(*source.gpu)), "");
    target.bus = source.bus;
    target.bus.on_access = [](const FakeBus::Access& access) { EXPECT_FALSE(access.write); };
    while (target.gpu->run()) {
    }
    while (source.gpu->run()) {
    }
    EXPECT_EQ(target.registers(), source.registers());
    EXPECT_TRUE(target.vram == source.vram);
}

}  // namespace
}  // namespace remap::gpu
