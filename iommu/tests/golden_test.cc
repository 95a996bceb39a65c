// SPDX-License-Identifier: MIT
// Numbers from the manual's tables, written out: no accessor of the project stands on the expected side.
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::Machine;

TEST(Golden, CapabilityRegistersSayWhatIsThere) {
    Machine wide;
    EXPECT_EQ(wide.read32(0x00), 0x10u);
    // DRD, DWD, MAMV 18, NFR 7, PSI, SLLPS 2M and 1G, FRO 0x22, MGAW 47, SAGAW 39 and 48, ND 6
    EXPECT_EQ(wide.read64(0x08), 3ull << 54 | 18ull << 48 | 7ull << 40 | 1ull << 39 | 3ull << 34 | 0x22ull << 24 |
                                     47ull << 16 | 6ull << 8 | 6ull);
    // IRO 0x0f, PT, QI, C
    EXPECT_EQ(wide.read64(0x10), 0xf43u);

    Machine narrow({.address_width = 39, .huge_pages = false});
    EXPECT_EQ(narrow.read64(0x08),
              3ull << 54 | 18ull << 48 | 7ull << 40 | 1ull << 39 | 0x22ull << 24 | 38ull << 16 | 2ull << 8 | 6ull);
}

TEST(Golden, ResetValues) {
    Machine machine;
    machine.start();
    machine.write32(0x38, 0);
    machine.unit.reset();
    for (std::uint64_t offset = 0x18; offset < 0x1000; offset += 4) {
        const bool event_control = offset == 0x38 || offset == 0xa0;
        EXPECT_EQ(machine.read32(offset), event_control ? 0x80000000u : 0u) << std::hex << offset;
    }
    EXPECT_TRUE(machine.access(0x10, 0x123456789000).allowed) << "translation is off";
}

TEST(Golden, ThreeLevelTablesTranslate) {
    Machine machine;
    machine.start();
    EXPECT_EQ(machine.read32(0x1c), 0xc0000000u);

    const Translation small = machine.access(0x10, 0xabc);
    EXPECT_TRUE(small.allowed);
    EXPECT_EQ(small.address.value, 0x55abcu);
    EXPECT_EQ(small.granule, 0x1000u);
    EXPECT_TRUE(small.readable && small.writable);

    EXPECT_EQ(machine.access(0x10, 0x21f123).address.value, 0x61f123u);
    EXPECT_EQ(machine.access(0x10, 0x21f123).granule, 0x200000u);
    EXPECT_EQ(machine.access(0x10, 0x41234567).address.value, 0x41234567u);
    EXPECT_EQ(machine.access(0x10, 0x41234567).granule, 0x40000000u);
    EXPECT_FALSE(machine.access(0x10, 0x1000).writable);
}

TEST(Golden, FourLevelTablesTranslate) {
    Machine machine;
    machine.start();
    machine.ram.set(0x11108, 0x702);    // width 2: 48 bits
    machine.ram.set(0x11100, 0x15001);  // a table of level 4 at 0x15000
    machine.ram.set(0x15ff8, 0x12003);  // its entry 511
    machine.invalidate_all();
    EXPECT_EQ(machine.access(0x10, 0xff8000000abc).address.value, 0x55abcu);
    EXPECT_EQ(machine.reason(0x10, 0xabc), 6u);
}

TEST(Golden, PassThroughLeavesTheAddressAlone) {
    Machine machine;
    machine.start();
    machine.ram.set(0x11180, 0x9);    // devfn 0x18: type 2, present
    machine.ram.set(0x11188, 0x902);  // domain 9, width 2
    const Translation same = machine.access(0x18, 0x3fffffff0000);
    EXPECT_TRUE(same.allowed && same.readable && same.writable);
    EXPECT_EQ(same.address.value, 0x3fffffff0000u);
    EXPECT_EQ(machine.reason(0x18, 0x400000000000), 4u) << "host address width 46";
}

TEST(Golden, AFaultIsRecordedAsTheManualDrawsIt) {
    Machine machine;
    machine.start();
    EXPECT_EQ(machine.reason(0x10, 0x1abc, Access::Write), 5u);
    EXPECT_EQ(machine.read32(0x34), 0x2u);
    EXPECT_EQ(machine.read64(0x220), 0x1000u);
    EXPECT_EQ(machine.read64(0x228), 0x8000000500000010u);  // F, a write, reason 5, source 0x10
    EXPECT_EQ(machine.reason(0x10, 0x2abc), 6u);
    EXPECT_EQ(machine.read64(0x230), 0x2000u);
    EXPECT_EQ(machine.read64(0x238), 0xc000000600000010u);  // F, a read, reason 6
    machine.write32(0x22c, 0x80000000);
    EXPECT_EQ(machine.read64(0x228), 0x0000000500000010u);
    EXPECT_EQ(machine.read32(0x34), 0x2u);
    machine.write32(0x23c, 0x80000000);
    EXPECT_EQ(machine.read32(0x34), 0u);
}

TEST(Golden, QueueDescriptorsAsHex) {
    Machine machine;
    machine.start();
    machine.write64(0x88, 0);
    machine.write64(0x90, 0x20000);     // one page of descriptors
    machine.write32(0x18, 0x84000000);  // QIE, TE
    EXPECT_EQ(machine.read32(0x1c), 0xc4000000u);
    machine.access(0x10, 0);
    machine.ram.set(0x14000, 0x66003);
    machine.ram.set(0x20000, 0x1000070031);  // context cache, domain 7, device selective: 0x10
    machine.ram.set(0x20008, 0);
    machine.ram.set(0x20010, 0x70032);             // IOTLB, page selective in domain 7
    machine.ram.set(0x20018, 0x0);                 // address 0, mask 0
    machine.ram.set(0x20020, 0xcafe123400000025);  // wait: write 0xcafe1234
    machine.ram.set(0x20028, 0x30004);             // to 0x30004
    machine.write64(0x88, 0x30);
    EXPECT_EQ(machine.read64(0x80), 0x30u);
    EXPECT_EQ(machine.ram.get(0x30000), 0xcafe123400000000u);
    EXPECT_EQ(machine.read32(0x34), 0u);
    EXPECT_EQ(machine.access(0x10, 0).address.value, 0x66000u);
}

TEST(Golden, HalvesOfWideRegisters) {
    Machine machine;
    machine.write32(0x24, 0x12);
    machine.write32(0x20, 0x34567fff);
    EXPECT_EQ(machine.read64(0x20), 0x1234567c00u) << "bits 9:0 are not there";
    EXPECT_EQ(machine.read32(0x24), 0x12u);
    EXPECT_EQ(machine.read32(0x0c), machine.read64(0x08) >> 32);
    machine.write64(0x24, ~0ull);
    EXPECT_EQ(machine.read64(0x20), 0x1234567c00u) << "a misaligned write does nothing";
    EXPECT_EQ(machine.unit.read(0x20, 2), 0u);
    EXPECT_EQ(machine.unit.read(0x1000, 4), 0u);
}

TEST(Golden, TheInterruptRangeIsNotTranslated) {
    Machine machine;
    machine.start();
    const Translation message = machine.access(0x99, 0xfeefffff, Access::Write);
    EXPECT_TRUE(message.allowed && message.writable);
    EXPECT_FALSE(message.readable);
    EXPECT_EQ(message.address.value, 0xfeefffffu);
    EXPECT_EQ(message.granule, 0x100000u);
    EXPECT_FALSE(machine.access(0x99, 0xfee00000).allowed);
}

}  // namespace
}  // namespace remap::iommu
