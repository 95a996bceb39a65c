// SPDX-License-Identifier: MIT
#include "hw/hosted/machine.h"

#include "hw/hosted/hosted_gpu.h"
#include "hw/spec/gpu_packets.h"
#include "hw/spec/gpu_registers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <thread>

namespace remap::hosted {
namespace {

using namespace gpu::spec;
using namespace std::chrono_literals;

template <typename Condition>
bool eventually(Condition condition) {
    for (int i = 0; i < 5000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(1ms);
    }
    return false;
}

// A machine without an IOMMU, and a GPU whose ring is at 64 KiB.
struct Bench {
    explicit Bench(bool iommu = false) {
        auto created = Machine::create({.iommu = iommu});
        machine = std::move(*created);
        gpu = machine->add_gpu({});
        auto& registers = gpu->registers();
        registers.write(RingBase::offset, ring, 8);
        registers.write(RingSize::offset, 4, 4);
        registers.write(Control::offset, Control::Enable::mask, 4);
    }

    void submit(std::uint32_t entry, const Packet& packet) {
        ASSERT_TRUE(machine->memory().write({ring + entry * packet_size}, &packet, sizeof packet));
    }

    void doorbell(std::uint32_t tail) { gpu->registers().write(RingTail::offset, tail, 4); }

    static constexpr std::uint64_t ring = 0x10000;
    std::unique_ptr<Machine> machine;
    HostedGpu* gpu = nullptr;
};

TEST(HostedMachine, TheGpuWorksOnAThreadOfItsOwn) {
    Bench bench;
    bench.submit(0, fill(vram(0), 4096, 0xabcd1234));
    bench.submit(1, copy(system_memory(0x20000), vram(0), 4096));
    bench.submit(2, gpu::spec::fence(system_memory(0x30000), 7));
    bench.doorbell(3);
    ASSERT_TRUE(eventually([&] { return bench.gpu->registers().read(CompletedFence::offset, 8) == 7; }));
    std::uint32_t word = 0;
    ASSERT_TRUE(bench.machine->memory().read({0x20ffc}, &word, sizeof word));
    EXPECT_EQ(word, 0xabcd1234u);
}

TEST(HostedMachine, DmaReachesMemoryAboveOneTebibyteWhereTheAddressBitsDo) {
    Bench bench;  // 40 bits: up to 1 TiB
    const std::uint64_t above = std::uint64_t{1} << 40;
    bench.submit(0, fill(system_memory(above), 16, 1));
    bench.doorbell(1);
    auto& registers = bench.gpu->registers();
    ASSERT_TRUE(eventually([&] { return FaultStatus::Valid::get(registers.read(FaultStatus::offset, 4)); }));
    EXPECT_EQ(FaultStatus::Cause::get(registers.read(FaultStatus::offset, 4)), FaultCause::OutOfReach);
}

TEST(HostedMachine, WithTranslationOffDevicesSeePhysicalMemory) {
    Bench bench(true);
    std::uint32_t word = 0x55aa;
    EXPECT_TRUE(bench.machine->dma_write(0x10, {0x20000}, &word, sizeof word));
    word = 0;
    EXPECT_TRUE(bench.machine->memory().read({0x20000}, &word, sizeof word));
    EXPECT_EQ(word, 0x55aau);
    EXPECT_FALSE(bench.machine->dma_read(0x10, {std::uint64_t{1} << 36}, &word, sizeof word));
}

TEST(HostedMachine, ResetAndDestructionComeInTheMiddleOfWork) {
    for (int i = 0; i < 20; ++i) {
        Bench bench;
        for (std::uint32_t entry = 0; entry < 15; ++entry) {
            bench.submit(entry, copy(vram(1 << 20), system_memory(1 << 20), 8 << 20));
        }
        bench.doorbell(15);
        if (i % 2 == 0) bench.gpu->reset();
    }
}

TEST(HostedMachine, RefusesAnIommuOfAWidthThatIsNotModelled) {
    EXPECT_FALSE(Machine::create({.iommu_options = {.address_width = 40}}));
    const auto machine = Machine::create({});
    EXPECT_EQ((*machine)->add_gpu({.address_bits = 65}), nullptr);
}

}  // namespace
}  // namespace remap::hosted
