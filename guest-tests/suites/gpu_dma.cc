// SPDX-License-Identifier: MIT
// The GPU's engine moves exactly the bytes it was told to, between system memory and VRAM, and reports what it cannot
// do. Behind any IOMMU, or none: addresses come from ADLs.
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using driver::Allocation;
using gpu_driver::Error;

namespace {

std::uint8_t pattern(std::uint64_t i) { return static_cast<std::uint8_t>(i * 31 + (i >> 7) + 5); }

// With a buffer of system memory and a view of the VRAM.
struct Bench : GpuBench {
    Bench() : vram_view(vram_of(function).address, 1 << 20, CacheType::WriteCombined) {
        REQUIRE_EQ(
            buffer.make(callbacks(), {.bytes = 16 * page_size, .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY}),
            STATUS_SUCCESS);
        REQUIRE(buffer.contiguous());
        REQUIRE(vram_view);
    }

    Place system(std::uint64_t offset) const { return system_memory(buffer.address(offset).value); }
    volatile std::uint8_t* video() const { return vram_view.as<volatile std::uint8_t>(); }

    Allocation buffer;
    PhysicalView vram_view;
};

// Expects the engine to halt at a packet with this cause and address, and to go on behind it.
void expect_fault(Bench& bench, const Packet& packet, FaultCause cause, std::uint64_t address) {
    EXPECT_EQ(bench.channel.run(packet), Error::Halted);
    const auto fault = bench.device.read_fault();
    REQUIRE(fault.has_value());
    EXPECT_EQ(fault->cause, cause);
    EXPECT_EQ(fault->address, address);
    EXPECT_EQ(bench.channel.recover(), Error::None);
    EXPECT_EQ(bench.channel.run(nop()), Error::None);
}

// Gives the engine work for some milliseconds: it writes so many bytes of VRAM.
void submit_long_work(Bench& bench) {
    constexpr std::uint64_t work_bytes = std::uint64_t{192} << 20;
    const std::uint64_t vram_bytes = vram_of(bench.function).bytes;
    for (std::uint64_t done = 0; done < work_bytes; done += vram_bytes)
        REQUIRE_EQ(bench.channel.submit(fill(vram(0), vram_bytes, static_cast<std::uint32_t>(done))), Error::None);
}

void count_interrupt(void* context) {
    auto* count = static_cast<volatile unsigned*>(context);
    *count = *count + 1;
}

}  // namespace

TEST(the_part_says_what_it_is) {
    const pci::Function& function = gpu_function();
    GpuMmio registers(function);
    EXPECT_EQ(registers.read32(0x000), 0x50414d52);  // "RMAP"
    const auto identity = gpu_driver::Device(registers).identify();
    REQUIRE(identity.has_value());
    EXPECT_EQ(identity->vram_bytes, vram_of(function).bytes);
    EXPECT(vram_of(function).wide && vram_of(function).prefetchable);
    EXPECT_EQ(MsixTable(function).entries(), identity->vectors);
    EXPECT_EQ(function.class_code(), 0x038000);
}

TEST(copies_of_every_alignment_move_exactly_their_bytes) {
    Bench bench;
    constexpr std::uint64_t lengths[] = {0, 1, 3, 8, 63, 4095, 4097, 9000};
    for (std::uint64_t i = 0; i < 8 * page_size; ++i) bench.buffer[i] = pattern(i);
    for (std::uint64_t skew = 0; skew < 8; ++skew) {
        for (const std::uint64_t length : lengths) {
            const std::uint64_t from = skew * 13;
            const std::uint64_t to = 8 * page_size + 64 + skew;
            REQUIRE_EQ(bench.channel.submit(fill(vram(0), 10000, 0xeeeeeeee)), Error::None);
            REQUIRE_EQ(bench.channel.submit(fill(bench.system(to - 64), 9500, 0xdddddddd)), Error::None);
            REQUIRE_EQ(bench.channel.submit(copy(vram(skew + 1), bench.system(from), length)), Error::None);
            REQUIRE_EQ(bench.channel.run(copy(bench.system(to), vram(skew + 1), length)), Error::None);
            bool right = bench.video()[skew] == 0xee && bench.video()[skew + 1 + length] == 0xee &&
                         bench.buffer[to - 1] == 0xdd && bench.buffer[to + length] == 0xdd;
            for (std::uint64_t i = 0; i < length; ++i) {
                right = right && bench.video()[skew + 1 + i] == pattern(from + i) &&
                        bench.buffer[to + i] == pattern(from + i);
            }
            if (!EXPECT(right)) note("skew %lu, length %lu", skew, length);
        }
    }
}

TEST(overlapping_copies_move_what_was_there_before) {
    Bench bench;
    for (const bool forward : {true, false}) {
        for (std::uint64_t i = 0; i < 2 * page_size; ++i) bench.buffer[i] = pattern(i);
        const std::uint64_t from = forward ? 0 : 100;
        REQUIRE_EQ(bench.channel.run(copy(bench.system(100 - from), bench.system(from), 6000)), Error::None);
        bool right = true;
        for (std::uint64_t i = 0; i < 6000; ++i) right = right && bench.buffer[100 - from + i] == pattern(from + i);
        EXPECT(right);
    }
}

TEST(the_engine_works_while_the_cpu_goes_on) {
    Bench bench;
    submit_long_work(bench);
    bench.channel.ring().ring_doorbell();
    EXPECT_EQ(bench.device.state(), Status::State::Busy);
    EXPECT_EQ(bench.channel.finish(), Error::None);
    // The fence is in memory a moment before its packet counts as done.
    EXPECT(wait_until(1000, [&] { return bench.device.state() == Status::State::Idle; }));
}

TEST(a_fence_interrupts_after_its_value_and_the_data_before_it_are_there) {
    Bench bench;
    volatile unsigned count = 0;
    const auto vector = register_interrupt(count_interrupt, const_cast<unsigned*>(&count));
    REQUIRE(vector.has_value());
    MsixTable table(bench.function);
    REQUIRE(table.enable(static_cast<unsigned>(Vector::Fence), message_for(*vector)));
    bench.device.enable_interrupts(InterruptStatus::Fence::mask);
    for (unsigned round = 1; round <= 5; ++round) {
        REQUIRE_EQ(
            bench.channel.submit(fill(bench.system(0), 8 * page_size, pattern_of(static_cast<std::uint8_t>(round)))),
            Error::None);
        EXPECT_EQ(bench.channel.finish(true), Error::None);
        EXPECT(wait_until(1000, [&] { return count == round; }));
        EXPECT_EQ(bench.buffer[8 * page_size - 1], round);
        EXPECT_EQ(bench.device.take_interrupts(), InterruptStatus::Fence::mask);
    }
    table.mask(static_cast<unsigned>(Vector::Fence));
    unregister_interrupt(*vector);
}

TEST(a_ring_is_used_round_and_round) {
    Bench bench;
    for (unsigned i = 0; i < 1000; ++i) {
        REQUIRE_EQ(bench.channel.submit(fill(bench.system(i * 4), 4, i)), Error::None);
    }
    REQUIRE_EQ(bench.channel.finish(), Error::None);
    bool right = true;
    for (unsigned i = 0; i < 1000; ++i)
        right = right && bench.buffer[i * 4] == (i & 0xff) && bench.buffer[i * 4 + 1] == i >> 8;
    EXPECT(right);
}

TEST(packets_that_make_no_sense_are_reported_and_the_next_ones_run) {
    Bench bench;
    const std::uint64_t vram_bytes = vram_of(bench.function).bytes;
    for (const std::uint16_t opcode : {0, 8, 0x8000, 0xffff}) {
        Packet bad = nop();
        bad.opcode = opcode;
        const std::uint64_t entry = bench.channel.memory().address(bench.channel.ring().tail() * packet_size).value;
        expect_fault(bench, bad, FaultCause::BadOpcode, entry);
    }
    expect_fault(bench, fill(vram(vram_bytes - 4), 8, 0), FaultCause::VramOutOfRange, vram_bytes - 4);
    expect_fault(bench, fill(vram(~0ull), 2, 0), FaultCause::VramOutOfRange, ~0ull);
    expect_fault(bench, copy(vram(0), vram(vram_bytes), 1), FaultCause::VramOutOfRange, vram_bytes);
    const std::uint64_t entry = bench.channel.memory().address(bench.channel.ring().tail() * packet_size).value;
    expect_fault(bench, fill(vram(0), ~0ull, 0), FaultCause::BadPacket, entry);
}

TEST(what_lies_above_its_address_bits_is_out_of_the_parts_reach) {
    Bench bench;
    // No range may go round the end of the 64-bit space either.
    expect_fault(bench, copy(vram(0), system_memory(~0ull - 1), 4), FaultCause::OutOfReach, ~0ull - 1);
    if (bench.identity.address_bits == 64) return;
    const std::uint64_t above = bench.identity.highest_address() + 1;
    expect_fault(bench, fill(system_memory(above), 4, 0), FaultCause::OutOfReach, above);
    expect_fault(bench, fill(system_memory(above - 2), 4, 0), FaultCause::OutOfReach, above - 2);
}

TEST(dma_to_device_registers_is_refused_and_stops_nothing) {
    Bench bench;
    // The GPU's own registers, as a driver's IO space object.
    Allocation window;
    const pci::Bar bar = bench.function.bar(pci_function::register_bar);
    REQUIRE_EQ(window.make(bench.adapter.callbacks(), {.bytes = page_size,
                                                       .type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE,
                                                       .cache = DXGK_MEMORY_CACHING_TYPE_NON_CACHED,
                                                       .io_base = bar.address}),
               STATUS_SUCCESS);
    const std::uint64_t registers = window.address().value;
    expect_fault(bench, fill(system_memory(registers), 4, 0), FaultCause::BusWriteRefused, registers);
    expect_fault(bench, copy(vram(0), system_memory(registers), 4), FaultCause::BusReadRefused, registers);
}

TEST(a_ring_the_gpu_cannot_read_is_reported) {
    Bench bench;
    bench.channel.stop();
    GpuMmio& registers = bench.registers;
    const std::uint64_t nowhere = 0xd000'0000;  // mapped by no ADL, and no memory of a small machine
    registers.write64(RingBase::offset, nowhere);
    registers.write32(RingSize::offset, 4);
    registers.write32(Control::offset, Control::Enable::mask);
    registers.write32(RingTail::offset, 1);
    REQUIRE(wait_until(1000, [&] { return bench.device.state() == Status::State::Halted; }));
    const auto fault = bench.device.read_fault();
    REQUIRE(fault.has_value());
    EXPECT_EQ(fault->cause, FaultCause::RingUnreadable);
    EXPECT_EQ(fault->address, nowhere);
    bench.device.reset();
    drop_faults();
}

TEST(a_tail_beyond_the_ring_is_ignored_and_reported) {
    Bench bench;
    bench.registers.write32(RingTail::offset, 64);
    EXPECT((bench.registers.read32(InterruptStatus::offset) & InterruptStatus::RingError::mask) != 0);
    bench.device.take_interrupts();
    EXPECT_EQ(bench.channel.run(nop()), Error::None);
}

TEST(registers_survive_any_value) {
    Bench bench;
    bench.channel.stop();
    std::uint64_t value = 0x123456789abcdef;
    for (unsigned i = 0; i < 4000; ++i) {
        value = value * 6364136223846793005u + 1442695040888963407u;
        const std::uint64_t offset = (value >> 20) % 0x200 & ~std::uint64_t{3};
        bench.registers.write32(offset, static_cast<std::uint32_t>(value >> 32));
        (void)bench.registers.read32(offset);
    }
    bench.device.reset();
    bench.device.stop_scanout();
    EXPECT(wait_until(1000, [&] { return (bench.registers.read32(Status::offset) & Status::Stopping::mask) == 0; }));
    drop_faults();
    REQUIRE(bench.channel.start(bench.adapter.callbacks()).ok());
    EXPECT_EQ(bench.channel.run(fill(bench.system(0), 4, 0x01020304)), Error::None);
    EXPECT_EQ(bench.buffer[0], 4);
}

TEST(a_reset_in_the_middle_of_work_leaves_a_part_that_works) {
    Bench bench;
    submit_long_work(bench);
    bench.channel.ring().ring_doorbell();
    bench.device.reset();
    bench.channel.stop();
    REQUIRE(bench.channel.start(bench.adapter.callbacks()).ok());
    EXPECT_EQ(bench.channel.run(fill(bench.system(0), 4, 0x01020304)), Error::None);
    EXPECT_EQ(bench.buffer[3], 1);
}

TEST(a_scan_out_that_does_not_lie_in_vram_is_not_shown) {
    Bench bench;
    EXPECT_EQ(bench.device.set_scanout({.offset = 0, .width = 64, .height = 64, .stride = 256}), Error::None);
    const std::uint64_t vram_bytes = vram_of(bench.function).bytes;
    EXPECT_EQ(bench.device.set_scanout({.offset = vram_bytes - 4, .width = 64, .height = 64, .stride = 256}),
              Error::Refused);
    EXPECT_EQ(bench.device.set_scanout({.offset = 0, .width = 64, .height = 64, .stride = 255}), Error::Refused);
    EXPECT_EQ(bench.device.set_scanout({.offset = 0, .width = 16384, .height = 16384, .stride = ~3u}), Error::Refused);
    bench.device.stop_scanout();
}
