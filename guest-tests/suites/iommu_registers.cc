// SPDX-License-Identifier: MIT
// The register window as software may use it (VT-d section 11.2): 64-bit registers as a whole or by halves, and what is
// not a register of this unit. Nothing that is written here sets anything off.
#include "guest-tests/runtime/iommu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/registers.h"

using namespace remap;
using namespace remap::guest;

namespace {

// Of an event that is masked, and stays so.
void expect_event_registers(const vtd::EventRegisters& event) {
    IommuBench bench;
    vtd_driver::RegisterPort& registers = bench.registers;
    const auto masked = static_cast<std::uint32_t>(vtd::event_control::Mask::mask);
    registers.write32(event.control, masked);
    registers.write32(event.data, 0x41);
    registers.write32(event.address, 0xfee0'1000);
    EXPECT_EQ(registers.read32(event.control), masked);
    EXPECT_EQ(registers.read32(event.data), 0x41);
    EXPECT_EQ(registers.read32(event.address), 0xfee0'1000);
}

// Two neighbours of 32 bits in one access of 64.
void expect_event_registers_as_pairs(const vtd::EventRegisters& event) {
    IommuBench bench;
    vtd_driver::RegisterPort& registers = bench.registers;
    const std::uint64_t control_and_data = vtd::event_control::Mask::mask | std::uint64_t{0x42} << 32;
    registers.write64(event.control, control_and_data);
    EXPECT_EQ(registers.read64(event.control), control_and_data);
    EXPECT_EQ(registers.read32(event.data), 0x42);
    registers.write64(event.address, 0xfee0'2000);
    EXPECT_EQ(registers.read64(event.address), 0xfee0'2000);
}

}  // namespace

TEST(a_64_bit_register_can_be_written_and_read_by_halves) {
    IommuBench bench;
    vtd_driver::RegisterPort& registers = bench.registers;
    const std::uint64_t root = registers.read64(vtd::root_table::offset);
    registers.write32(vtd::root_table::offset, 0x1234'5000);
    registers.write32(vtd::root_table::offset + 4, 0x21);
    EXPECT_EQ(registers.read64(vtd::root_table::offset), 0x21'1234'5000);
    EXPECT_EQ(registers.read32(vtd::root_table::offset), 0x1234'5000);
    EXPECT_EQ(registers.read32(vtd::root_table::offset + 4), 0x21);
    registers.write64(vtd::root_table::offset, root);
    EXPECT_EQ(registers.read64(vtd::root_table::offset), root);
}

TEST(the_registers_of_the_fault_event_hold_what_is_written) { expect_event_registers(vtd::fault_event); }

TEST(the_registers_of_the_completion_event_hold_what_is_written) { expect_event_registers(vtd::completion_event); }

TEST(the_registers_of_the_fault_event_can_be_accessed_in_pairs) { expect_event_registers_as_pairs(vtd::fault_event); }

TEST(the_registers_of_the_completion_event_can_be_accessed_in_pairs) {
    expect_event_registers_as_pairs(vtd::completion_event);
}

TEST(a_read_only_register_keeps_its_value) {
    IommuBench bench;
    vtd_driver::RegisterPort& registers = bench.registers;
    for (const std::uint64_t offset : {vtd::capability::offset, vtd::extended_capability::offset,
                                       vtd::queue_head::offset}) {
        const std::uint64_t before = registers.read64(offset);
        registers.write64(offset, ~before);
        EXPECT_EQ(registers.read64(offset), before);
    }
    const std::uint32_t status = registers.read32(vtd::global_command::status_offset);
    registers.write32(vtd::global_command::status_offset, ~status);
    EXPECT_EQ(registers.read32(vtd::global_command::status_offset), status);
}

// Old kernels look behind the registers they know (at 0xe30).
TEST(what_is_no_register_reads_as_zero_and_takes_nothing) {
    IommuBench bench;
    for (const std::uint64_t offset : {std::uint64_t{0x30}, vtd::protected_memory::offset, std::uint64_t{0x400},
                                       std::uint64_t{0xe30}, std::uint64_t{0xffc}}) {
        bench.registers.write32(offset, ~0u);
        EXPECT_EQ(bench.registers.read32(offset), 0);
    }
}
