// SPDX-License-Identifier: MIT
// Interrupt remapping: registers (VT-d sections 11.4.4 and 11.4.11), requests and what becomes of them (5.1).
#include "iommu/tests/interrupt_bench.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::entry_high;
using test::entry_low;
using test::entry_message;
using test::gpu;
using test::InterruptBench;
using test::Machine;
using test::request;

TEST(InterruptRegisters, AUnitWithoutRemappingHasNone) {
    Machine machine;
    EXPECT_EQ(machine.read64(0x10) & 0xf00018, 0u) << "MHMV, EIM, IR";
    machine.write64(0xb8, ~std::uint64_t{0});
    EXPECT_EQ(machine.read64(0xb8), 0u);
    machine.write32(0x18, 0x03800000);
    EXPECT_EQ(machine.read32(0x1c), 0u);
    EXPECT_EQ(machine.unit.remap_interrupt({gpu}, {0xfee05010, 0x31}).message, (InterruptMessage{0xfee05010, 0x31}));
}

TEST(InterruptRegisters, Capability) {
    Machine plain({.interrupt_remapping = true});
    EXPECT_EQ(plain.read64(0x10), 0xf00f4bu);
    Machine wide({.interrupt_remapping = true, .extended_interrupts = true});
    EXPECT_EQ(wide.read64(0x10), 0xf00f5bu);
    Machine neither({.extended_interrupts = true});
    EXPECT_EQ(neither.read64(0x10), 0xf43u) << "no EIM without IR";
    EXPECT_EQ(plain.read64(0x08) >> 62 & 1, 0u) << "ESIRTPS";
    EXPECT_EQ(plain.read64(0x08) >> 59 & 1, 0u) << "PI";
}

TEST(InterruptRegisters, TheTableAddressHasOnlyItsBits) {
    Machine plain({.interrupt_remapping = true});
    plain.write64(0xb8, ~std::uint64_t{0});
    EXPECT_EQ(plain.read64(0xb8), 0x3fff'ffff'f00fu) << "46 bits of address, S, and no EIME";
    plain.write32(0xb8, 0x12345000);
    EXPECT_EQ(plain.read64(0xb8), 0x3fff'1234'5000u) << "by halves";
    plain.write32(0xbc, 0x1);
    EXPECT_EQ(plain.read64(0xb8), 0x0001'1234'5000u);
    Machine wide({.host_address_width = 40, .interrupt_remapping = true, .extended_interrupts = true});
    wide.write64(0xb8, ~std::uint64_t{0});
    EXPECT_EQ(wide.read64(0xb8), 0xff'ffff'f80fu);
}

TEST(InterruptRegisters, StatusFollowsCommands) {
    Machine machine({.interrupt_remapping = true});
    machine.write32(0x18, 0x02000000);
    EXPECT_EQ(machine.read32(0x1c), 0u) << "without a table there is nothing to remap by";
    machine.write32(0x18, 0x01000000);
    EXPECT_EQ(machine.read32(0x1c), 0x01000000u) << "IRTPS";
    machine.write32(0x18, 0x02000000);
    EXPECT_EQ(machine.read32(0x1c), 0x03000000u) << "IRES";
    machine.write32(0x18, 0x02800000);
    EXPECT_EQ(machine.read32(0x1c), 0x03800000u) << "CFIS";
    machine.write32(0x18, 0);
    EXPECT_EQ(machine.read32(0x1c), 0x01000000u);
    machine.unit.reset();
    EXPECT_EQ(machine.read32(0x1c), 0u);
    EXPECT_EQ(machine.read64(0xb8), 0u);
}

TEST(InterruptRegisters, TheTableIsTheOneThatWasSet) {
    InterruptBench bench;
    bench.write64(0xb8, 0x50007);
    EXPECT_EQ(bench.send(request(5)).message, entry_message) << "written, but not set";
    bench.set_table(0x50007);
    EXPECT_EQ(bench.send(request(6)).fault_reason, 0x22u);
    bench.ram.set(0x50060, 0x0000'0900'0042'0001);
    EXPECT_EQ(bench.send(request(6)).message, (InterruptMessage{0xfee09000, 0x4042}));
}

TEST(InterruptRequests, PassAsTheyAreWhileRemappingIsOff) {
    InterruptBench bench;
    bench.switch_off();
    for (const std::uint64_t address : {request(5), request(0xffff), std::uint64_t{0xfee0'5000}}) {
        const InterruptOutcome outcome = bench.send(address, 0x31);
        EXPECT_TRUE(outcome.allowed);
        EXPECT_EQ(outcome.message, (InterruptMessage{address, 0x31}));
    }
    EXPECT_EQ(bench.read32(0x34), 0u);
}

TEST(InterruptRequests, HandleAndSubhandleMakeTheIndex) {
    InterruptBench bench;
    bench.set(12, 0x0000'0500'0077'0001, entry_high);
    EXPECT_EQ(bench.send(request(12)).message.data, 0x4077u);
    EXPECT_EQ(bench.send(request(9) | 8, 3).message.data, 0x4077u);
    EXPECT_EQ(bench.send(request(12), 3).message.data, 0x4077u) << "no SHV";
    EXPECT_EQ(bench.send(request(12) | 3).message.data, 0x4077u) << "address bits 1:0 count for nothing";
    bench.set_table(0x4000f);  // 65536 entries
    bench.ram.set(0x40000 + 16 * 0x8001, 0x0000'0500'0078'0001);
    EXPECT_EQ(bench.send(request(0x8001)).message.data, 0x4078u) << "HANDLE[15] is address bit 2";
}

TEST(InterruptRequests, EveryFieldOfTheEntryGoesIntoTheMessage) {
    InterruptBench bench;
    struct Case {
        std::uint64_t low;
        InterruptMessage message;
        const char* what;
    };
    const Case cases[] = {
        {0x0000'0500'0031'0001, {0xfee0'5000, 0x4031}, "fixed, edge, physical"},
        {0x0000'ff00'0031'0001, {0xfeef'f000, 0x4031}, "everybody"},
        {0x0000'0500'0031'0005, {0xfee0'5004, 0x4031}, "DM"},
        {0x0000'0500'0031'000d, {0xfee0'500c, 0x4031}, "DM and RH"},
        {0x0000'0500'0031'0011, {0xfee0'5000, 0xc031}, "TM"},
        {0x0000'0500'0031'0021, {0xfee0'5000, 0x4131}, "lowest priority"},
        {0x0000'0500'0000'0041, {0xfee0'5000, 0x4200}, "SMI"},
        {0x0000'0500'0000'0081, {0xfee0'5000, 0x4400}, "NMI"},
        {0x0000'0500'0000'00a1, {0xfee0'5000, 0x4500}, "INIT"},
        {0x0000'0500'0031'00e1, {0xfee0'5000, 0x4731}, "ExtINT"},
        {0x0000'0500'0031'0f03, {0xfee0'5000, 0x4031}, "AVAIL and FPD are not in it"},
    };
    unsigned index = 20;
    for (const Case& one : cases) {
        bench.set(index, one.low, entry_high);
        EXPECT_EQ(bench.send(request(index++)).message, one.message) << one.what;
    }
}

TEST(InterruptRequests, DestinationsOf32BitsInExtendedMode) {
    InterruptBench bench({.extended_interrupts = true});
    bench.set_table(InterruptBench::table | 0x807);
    bench.set(6, 0x0001'2345'0031'0001, entry_high);
    EXPECT_EQ(bench.send(request(6)).message, (InterruptMessage{0x0001'2300'fee4'5000, 0x4031}));
    bench.set(7, 0xffff'ffff'0031'0001, entry_high);
    EXPECT_EQ(bench.send(request(7)).message, (InterruptMessage{0xffff'ff00'feef'f000, 0x4031}));
}

// What a system does that believes in x2APIC without looking at ECAP.EIM: entries are read in the other format, and the
// mistake shows as a wrong processor or as a fault.
TEST(InterruptRequests, ExtendedModeThatIsNotOfferedIsIgnored) {
    InterruptBench bench;
    bench.set_table(InterruptBench::table | 0x807);
    EXPECT_EQ(bench.read64(0xb8), 0x40007u);
    bench.set(6, 0x0000'0100'0031'0001, entry_high);
    EXPECT_EQ(bench.send(request(6)).message, (InterruptMessage{0xfee0'1000, 0x4031})) << "x2APIC id 0x100 is APIC 1";
    bench.set(7, 0x0000'0001'0031'0001, entry_high);
    EXPECT_EQ(bench.send(request(7)).fault_reason, 0x24u) << "bits 39:32 are reserved";
    bench.let_compatibility_pass(true);
    EXPECT_TRUE(bench.send(0xfee05000, 0x31).allowed) << "nor does EIME block other formats";
}

TEST(InterruptRequests, AProbeLeavesNoTrace) {
    InterruptBench bench;
    EXPECT_EQ(bench.unit.probe_interrupt({gpu}, {request(5), 0}).message, entry_message);
    EXPECT_EQ(bench.unit.probe_interrupt({gpu}, {request(4), 0}).fault_reason, 0x22u);
    EXPECT_EQ(bench.read32(0x34), 0u) << "no fault recorded";
    bench.set(5, 0x0000'0600'0031'0001, entry_high);
    EXPECT_EQ(bench.send(request(5)).message, (InterruptMessage{0xfee06000, 0x4031})) << "nothing was cached";
    EXPECT_EQ(bench.unit.statistics().interrupts, 1u);
}

TEST(InterruptRequests, WithoutASourceCheckAnEntryOfAnotherPassesAndIsCounted) {
    InterruptBench bench;
    const std::uint16_t other = gpu + 8;
    EXPECT_EQ(bench.unit.remap_interrupt({other}, {request(5), 0}).fault_reason, 0x26u);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(bench.unit.remap_interrupt({other}, {request(5), 0}, SourceCheck::None).message, entry_message);
    EXPECT_EQ(bench.unit.probe_interrupt({other}, {request(5), 0}, SourceCheck::None).message, entry_message);
    EXPECT_EQ(bench.unit.remap_interrupt({gpu}, {request(5), 0}, SourceCheck::None).message, entry_message);
    EXPECT_EQ(bench.unit.remap_interrupt({other}, {request(4), 0}, SourceCheck::None).fault_reason, 0x22u);
    EXPECT_EQ(bench.unit.statistics().unverified_interrupts, 2u);
}

TEST(InterruptRequests, RemappingDoesNotDependOnTranslation) {
    InterruptBench bench;
    bench.start();
    bench.switch_on();
    EXPECT_EQ(bench.read32(0x1c), 0xc3000000u);
    EXPECT_EQ(bench.send(request(5)).message, entry_message);
    EXPECT_TRUE(bench.access(gpu, request(5), Access::Write).allowed) << "as an access, it passes untranslated";
    EXPECT_EQ(bench.Machine::reason(0x10, 0x3000), 6u) << "accesses fault as before";
}

}  // namespace
}  // namespace remap::iommu
