// SPDX-License-Identifier: MIT
// Behind an IOMMU: scattered frames are one range for the GPU, and what it was not given it does not reach.
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using driver::Allocation;
using gpu_driver::Error;

TEST(a_megabyte_of_scattered_frames_is_one_range_for_the_gpu_when_its_dma_is_remapped) {
    GpuBench bench;
    REQUIRE(bench.adapter.remaps());
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 1 << 20}), STATUS_SUCCESS);
    EXPECT(memory.contiguous());
    EXPECT(memory.page(0).number != 0);
    for (std::uint64_t i = 0; i < (1 << 20); i += 8) memory[i] = static_cast<std::uint8_t>(i >> 9);
    REQUIRE_EQ(bench.channel.run(copy(vram(0), system_memory(memory.address().value), 1 << 20)), Error::None);
    const PhysicalView video(vram_of(bench.function).address, 1 << 20, CacheType::WriteCombined);
    bool right = true;
    for (std::uint64_t i = 0; i < (1 << 20); i += 8) {
        right = right && video.as<volatile std::uint8_t>()[i] == static_cast<std::uint8_t>(i >> 9);
    }
    EXPECT(right);
}

TEST(after_free_adl_the_gpu_reaches_none_of_the_pages) {
    GpuBench bench;
    REQUIRE(bench.adapter.remaps());
    drop_faults();
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 8 * page_size}), STATUS_SUCCESS);
    LogicalAddress pages[8];
    for (std::uint64_t i = 0; i < 8; ++i) pages[i] = memory.address(i * page_size);
    REQUIRE_EQ(bench.channel.run(copy(vram(0), system_memory(pages[0].value), 8 * page_size)), Error::None);
    memory.free_adl();
    for (const LogicalAddress page : pages) {
        EXPECT_EQ(bench.channel.run(fill(system_memory(page.value), page_size, ~0u)), Error::Halted);
        EXPECT_EQ(bench.device.read_fault()->address, page.value);
        EXPECT_EQ(bench.channel.recover(), Error::None);
    }
    for (std::uint64_t i = 0; i < 8 * page_size; ++i) REQUIRE(memory[i] == 0);
    const auto fault = wait_for_fault(1000);
    REQUIRE(fault.has_value());
    EXPECT_EQ(fault->source, bench.function.source());
    EXPECT_EQ(fault->page, pages[0]);
    EXPECT(fault->write);
    drop_faults();
}

TEST(a_gpu_outside_every_domain_is_blocked) {
    REQUIRE(iommu() != nullptr);
    const pci::Function& function = gpu_function();
    REQUIRE_EQ(iommu()->detach(function.source()), vtd_driver::Error::None);
    drop_faults();
    GpuMmio registers(function);
    gpu_driver::Device device(registers);
    device.reset();
    registers.write64(RingBase::offset, 0x10'0000);
    registers.write32(RingSize::offset, 4);
    registers.write32(Control::offset, Control::Enable::mask);
    registers.write32(RingTail::offset, 1);
    REQUIRE(wait_until(1000, [&] { return device.state() == Status::State::Halted; }));
    EXPECT_EQ(device.read_fault()->cause, FaultCause::RingUnreadable);
    const auto fault = wait_for_fault(1000);
    REQUIRE(fault.has_value());
    EXPECT_EQ(fault->source, function.source());
    EXPECT_EQ(fault->reason, 2);  // the present field of the context entry is clear (VT-d, table of fault reasons)
    device.reset();
    drop_faults();
}

TEST(a_fault_interrupts_when_its_event_is_unmasked) {
    GpuBench bench;
    drop_faults();
    volatile unsigned count = 0;
    const auto vector = register_interrupt(
        [](void* context) {
            auto* counter = static_cast<volatile unsigned*>(context);
            *counter = *counter + 1;
        },
        const_cast<unsigned*>(&count));
    REQUIRE(vector.has_value());
    const InterruptMessage message = message_for(*vector);
    // A unit may have an event pending from a fault that was taken while the event was masked (QEMU's intel-iommu
    // does).
    iommu()->enable_fault_event(message.address, message.data);
    wait_until(20, [&] { return count != 0; });
    count = 0;
    EXPECT_EQ(bench.channel.run(fill(system_memory(0x5000'0000), 4, 0)), Error::Halted);
    EXPECT(wait_until(1000, [&] { return count == 1; }));
    EXPECT(wait_for_fault(1000).has_value());
    EXPECT_EQ(bench.channel.recover(), Error::None);
    drop_faults();
    unregister_interrupt(*vector);
}
