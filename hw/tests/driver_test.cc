// SPDX-License-Identifier: MIT
// The driver's side against the model, and against parts that are missing, stuck or lying.
#include "hw/driver/device.h"
#include "hw/driver/ring.h"
#include "hw/tests/bench.h"

namespace remap::gpu {
namespace {

using gpu_driver::Device;
using gpu_driver::Error;
using gpu_driver::GpuRegisters;
using gpu_driver::Ring;
using gpu_driver::ScanoutMode;
using spec::FaultCause;
using spec::Packet;

// A pause gives the engine one turn, unless it is stuck.
class ModelRegisters : public GpuRegisters {
public:
    explicit ModelRegisters(Gpu& gpu) : gpu_(gpu) {}
    std::uint32_t read32(std::uint64_t offset) override { return static_cast<std::uint32_t>(gpu_.read(offset, 4)); }
    std::uint64_t read64(std::uint64_t offset) override { return gpu_.read(offset, 8); }
    void write32(std::uint64_t offset, std::uint32_t value) override { gpu_.write(offset, value, 4); }
    void write64(std::uint64_t offset, std::uint64_t value) override { gpu_.write(offset, value, 8); }
    void pause() override {
        ++pauses;
        if (!stuck) gpu_.run();
    }

    std::uint64_t pauses = 0;
    bool stuck = false;

private:
    Gpu& gpu_;
};

class Driver : public Bench {
protected:
    Driver() : registers(gpu), device(registers), ring(device, 100) {}

    gpu_driver::RingMemory ring_memory(std::size_t count) {
        return {{reinterpret_cast<Packet*>(bus.at(ring_base, count * 64)), count}, {ring_base}};
    }

    void start_ring(std::size_t count = 8) { ASSERT_EQ(ring.start(ring_memory(count)), Error::None); }

    ModelRegisters registers;
    Device device;
    Ring ring;
};

TEST_F(Driver, IdentifiesThePart) {
    const auto part = device.identify();
    ASSERT_TRUE(part);
    EXPECT_EQ(part->major, 1u);
    EXPECT_EQ(part->minor, 2u);
    EXPECT_EQ(part->vram_bytes, vram_bytes);
    EXPECT_EQ(part->address_bits, 64u);
    EXPECT_EQ(part->highest_address(), ~std::uint64_t{0});
    EXPECT_EQ(part->max_log2_entries, 16u);
    EXPECT_EQ(part->vectors, 4u);
}

TEST_F(Driver, ManyMorePacketsThanEntriesPassInOrder) {
    start_ring(8);
    for (std::uint64_t value = 1; value <= 100; ++value)
        ASSERT_EQ(ring.submit(spec::fence(spec::vram(8 * (value % 10)), value)), Error::None);
    ring.ring_doorbell();
    EXPECT_EQ(ring.wait_fence(100, 100), Error::None);
    EXPECT_EQ(vram[8], std::byte{91});
    EXPECT_EQ(device.counters().packets, 100u);
    EXPECT_EQ(device.state(), spec::Status::State::Idle);
}

TEST_F(Driver, WaitsForAFenceInMemory) {
    start_ring();
    const auto* fence = reinterpret_cast<const volatile std::uint64_t*>(bus.at(memory_base, 8));
    EXPECT_EQ(ring.submit(spec::fence(spec::system_memory(memory_base), 3)), Error::None);
    ring.ring_doorbell();
    EXPECT_EQ(ring.wait_fence_in_memory(fence, 3, 10), Error::None);
    EXPECT_EQ(ring.wait_fence_in_memory(fence, 4, 10), Error::Timeout);
}

TEST_F(Driver, EveryWaitHasABound) {
    start_ring(4);
    registers.stuck = true;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ring.submit(spec::nop()), Error::None);
    EXPECT_EQ(ring.submit(spec::nop()), Error::RingFull);
    EXPECT_EQ(registers.pauses, 100u);
    EXPECT_EQ(ring.tail(), 3u);
    EXPECT_EQ(ring.wait_fence(1, 25), Error::Timeout);
    EXPECT_EQ(registers.pauses, 125u);
    registers.stuck = false;
    EXPECT_EQ(ring.submit(spec::nop()), Error::None);
}

TEST_F(Driver, AFaultEndsTheWaitAndIsDecoded) {
    start_ring();
    bus.unwritable = {memory_base / 4096 + 1};
    EXPECT_EQ(ring.submit(spec::nop()), Error::None);
    EXPECT_EQ(ring.submit(spec::fill(spec::system_memory(memory_base), 0x2000, 0)), Error::None);
    EXPECT_EQ(ring.submit(spec::fence(spec::vram(0), 1)), Error::None);
    ring.ring_doorbell();
    EXPECT_EQ(ring.wait_fence(1, 100), Error::Halted);
    EXPECT_LT(registers.pauses, 5u);
    const auto fault = device.read_fault();
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->cause, FaultCause::BusWriteRefused);
    EXPECT_EQ(fault->opcode, 2u);
    EXPECT_EQ(fault->entry, 1u);
    EXPECT_EQ(fault->address, memory_base + 0x1000);
    EXPECT_FALSE(fault->overflow);
    EXPECT_STREQ(gpu_driver::name_of(fault->cause), "bus refused a write");
    EXPECT_STREQ(gpu_driver::name_of_opcode(fault->opcode), "fill");

    EXPECT_EQ(device.resume(), Error::Refused);
    device.clear_fault();
    EXPECT_FALSE(device.read_fault());
    EXPECT_EQ(device.resume(), Error::None);
    EXPECT_EQ(ring.wait_fence(1, 100), Error::None);
    EXPECT_EQ(device.resume(), Error::Refused);
}

TEST_F(Driver, AFenceReachedBeforeTheFaultCounts) {
    start_ring();
    EXPECT_EQ(ring.submit(spec::fence(spec::vram(0), 1)), Error::None);
    EXPECT_EQ(ring.submit(Packet{}), Error::None);
    ring.ring_doorbell();
    EXPECT_EQ(ring.wait_fence(1, 100), Error::None);
    EXPECT_EQ(ring.wait_fence(2, 100), Error::Halted);
}

TEST_F(Driver, RefusesRingMemoryThePartCannotUse) {
    EXPECT_EQ(ring.submit(spec::nop()), Error::NotStarted);
    EXPECT_EQ(ring.start({}), Error::BadRing);
    EXPECT_EQ(ring.start(ring_memory(1)), Error::BadRing);
    EXPECT_EQ(ring.start(ring_memory(7)), Error::BadRing);
    auto memory = ring_memory(8);
    memory.base = {ring_base + 8};
    EXPECT_EQ(ring.start(memory), Error::BadRing);
    memory.base = {~std::uint64_t{0xff}};  // the last entries would wrap
    EXPECT_EQ(ring.start(memory), Error::BadRing);
    EXPECT_EQ(ring.submit(spec::nop()), Error::NotStarted);
    start_ring(2);
    EXPECT_EQ(ring.submit(spec::nop()), Error::None);
}

TEST_F(Driver, ResetAndANewStartWork) {
    start_ring();
    EXPECT_EQ(ring.submit(Packet{}), Error::None);
    ring.ring_doorbell();
    EXPECT_EQ(ring.wait_fence(1, 10), Error::Halted);
    device.reset();
    EXPECT_FALSE(device.read_fault());
    start_ring();
    EXPECT_EQ(ring.submit(spec::fence(spec::vram(0), 1)), Error::None);
    ring.ring_doorbell();
    EXPECT_EQ(ring.wait_fence(1, 10), Error::None);
}

TEST_F(Driver, StoppingWaitsUntilTheEngineIsAtRest) {
    start_ring();
    EXPECT_EQ(ring.submit(spec::fill(spec::system_memory(memory_base), memory_bytes, 1)), Error::None);
    ring.ring_doorbell();
    EXPECT_TRUE(gpu.run());  // in the middle of the fill
    registers.stuck = true;
    EXPECT_EQ(ring.stop(), Error::Timeout);
    EXPECT_EQ(ring.submit(spec::nop()), Error::NotStarted);
    registers.stuck = false;
    EXPECT_EQ(ring.stop(), Error::None);
    bus.on_access = [](const FakeBus::Access&) { ADD_FAILURE() << "an access after the stop"; };
    EXPECT_FALSE(gpu.run());
}

TEST_F(Driver, TakesInterruptCauses) {
    device.enable_interrupts(spec::InterruptStatus::Software::mask | spec::InterruptStatus::Fence::mask);
    EXPECT_EQ(read32(0x64), 0x6u);
    device.raise_interrupts(0xf);
    EXPECT_EQ(host.messages, (std::vector<unsigned>{0, 3}));
    EXPECT_EQ(device.take_interrupts(), 0xfu);
    EXPECT_EQ(device.take_interrupts(), 0u);
}

TEST_F(Driver, SetsTheScanout) {
    EXPECT_EQ(device.set_scanout({.offset = 0x1000, .width = 64, .height = 48, .stride = 256}), Error::None);
    const Scanout shown = gpu.scanout();
    EXPECT_TRUE(shown.enabled);
    EXPECT_EQ(shown.offset, 0x1000u);
    EXPECT_EQ(shown.height, 48u);
    EXPECT_EQ(device.set_scanout({.offset = vram_bytes, .width = 64, .height = 48, .stride = 256}), Error::Refused);
    EXPECT_FALSE(gpu.scanout().enabled);
    EXPECT_EQ(device.set_scanout({.offset = 0, .width = 64, .height = 48, .stride = 256}), Error::None);
    device.stop_scanout();
    EXPECT_FALSE(gpu.scanout().enabled);
}

TEST_F(Driver, DrawsAPictureThroughTheRing) {
    start_ring();
    constexpr std::uint64_t stride = 64 * 4;
    EXPECT_EQ(ring.submit(spec::fill(spec::vram(0), stride * 48, 0x000000ff)), Error::None);
    EXPECT_EQ(ring.submit(spec::fill_rect({spec::vram(10 * stride + 40), stride}, {80, 5}, 0x00ff0000)), Error::None);
    EXPECT_EQ(ring.submit(
                  spec::copy_rect({spec::vram(20 * stride), stride}, {spec::vram(10 * stride), stride}, {stride, 10})),
              Error::None);
    EXPECT_EQ(ring.submit(spec::fence(spec::vram(0x100000), 1)), Error::None);
    ring.ring_doorbell();
    ASSERT_EQ(ring.wait_fence(1, 10), Error::None);
    const auto pixel = [&](int x, int y) {
        std::uint32_t value = 0;
        std::memcpy(&value, &vram[y * stride + x * 4], 4);
        return value;
    };
    for (int y = 0; y < 48; ++y)
        for (int x = 0; x < 64; ++x) {
            const bool red = x >= 10 && x < 30 && ((y >= 10 && y < 15) || (y >= 20 && y < 25));
            ASSERT_EQ(pixel(x, y), red ? 0x00ff0000u : 0x000000ffu) << x << ", " << y;
        }
}

// A window behind which nothing, or something else, answers.
class DeadRegisters : public GpuRegisters {
public:
    explicit DeadRegisters(std::uint64_t value) : value_(value) {}
    std::uint32_t read32(std::uint64_t) override { return static_cast<std::uint32_t>(value_); }
    std::uint64_t read64(std::uint64_t) override { return value_; }
    void write32(std::uint64_t, std::uint32_t) override {}
    void write64(std::uint64_t, std::uint64_t) override {}
    void pause() override {}

private:
    std::uint64_t value_;
};

TEST(DriverWithoutAPart, FindsNone) {
    Packet packets[4];
    for (const std::uint64_t value : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{0x50414d52}}) {
        DeadRegisters registers(value);
        Device device(registers);
        EXPECT_FALSE(device.identify());
        Ring ring(device);
        EXPECT_EQ(ring.start({packets, {0}}), Error::NoDevice);
        EXPECT_EQ(device.set_scanout({}),
                  value == ~std::uint64_t{0} || (value & 2) != 0 ? Error::None : Error::Refused);
    }
}

TEST(DriverNames, NameEveryValueAndUnknownOnes) {
    for (unsigned value = 0; value <= 7; ++value) {
        EXPECT_STRNE(gpu_driver::name_of(static_cast<Error>(value)), "unknown error");
        EXPECT_STRNE(gpu_driver::name_of(static_cast<FaultCause>(value)), "unknown cause");
    }
    EXPECT_STREQ(gpu_driver::name_of(static_cast<Error>(200)), "unknown error");
    EXPECT_STREQ(gpu_driver::name_of(static_cast<FaultCause>(9)), "unknown cause");
    EXPECT_STREQ(gpu_driver::name_of_opcode(6), "fence");
    EXPECT_STREQ(gpu_driver::name_of_opcode(0), "unknown opcode");
}

}  // namespace
}  // namespace remap::gpu
