// SPDX-License-Identifier: MIT
// VER_REG, CAP_REG and ECAP_REG word by word, for each option (VT-d sections 11.4.1 to 11.4.3).
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace remap::test {
namespace {

struct Row {
    const char* name;
    iommu::Options options;
    std::uint64_t version, capability, extended;

    friend void PrintTo(const Row& row, std::ostream* to) { *to << row.name; }
};

class Capabilities : public testing::TestWithParam<Row> {};

TEST_P(Capabilities, AreTheseWords) {
    Machine machine(GetParam().options);
    EXPECT_EQ(machine.read64(0x00), GetParam().version);
    EXPECT_EQ(machine.read64(0x08), GetParam().capability);
    EXPECT_EQ(machine.read64(0x10), GetParam().extended);
    for (const std::uint64_t offset : {0x00, 0x08, 0x10}) machine.write64(offset, ~0ull);
    EXPECT_EQ(machine.read64(0x00), GetParam().version);
    EXPECT_EQ(machine.read64(0x08), GetParam().capability) << "read only";
    EXPECT_EQ(machine.read64(0x10), GetParam().extended);
}

const Row rows[] = {
    // DRD, DWD, MAMV 18, NFR 7, PSI, SLLPS 3, FRO 0x22, MGAW 47, SAGAW 39 and 48, ND 6; IRO 0xf, PT, QI, C
    {"Default", {}, 0x10, 0x00d2078c222f0606, 0xf43},
    {"Width39", {.address_width = 39}, 0x10, 0x00d2078c22260206, 0xf43},
    {"Width57", {.address_width = 57}, 0x10, 0x00d2078c22380e06, 0xf43},
    {"SmallPagesOnly", {.huge_pages = false}, 0x10, 0x00d20780222f0606, 0xf43},
    {"SnoopControl", {.snoop_control = true}, 0x10, 0x00d2078c222f0606, 0xfc3},
    {"CachingMode", {.caching_mode = true}, 0x10, 0x00d2078c222f0686, 0xf43},
    // IR, MHMV 15; EIM
    {"InterruptRemapping", {.interrupt_remapping = true}, 0x10, 0x00d2078c222f0606, 0xf00f4b},
    {"ExtendedInterrupts", {.interrupt_remapping = true, .extended_interrupts = true}, 0x10, 0x00d2078c222f0606,
     0xf00f5b},
    {"ExtendedInterruptsAlone", {.extended_interrupts = true}, 0x10, 0x00d2078c222f0606, 0xf43},
    // Version 4; FS1GP; RPS, SMPWCS, FSTS, SSTS, SSADS, SMTS, PASID, PSS 19, EAFS, SRS, NEST
    {"Scalable", {.scalable = true}, 0x40, 0x01d2078c222f0606, 0x3e99c84000f43},
    {"Scalable57", {.address_width = 57, .scalable = true}, 0x40, 0x11d2078c22380e06, 0x3e99c84000f43},
    {"Scalable39", {.address_width = 39, .scalable = true}, 0x40, 0x01d2078c22260206, 0x3e99c84000f43},
    {"ScalableSmallPagesOnly", {.huge_pages = false, .scalable = true}, 0x40, 0x00d20780222f0606, 0x3e99c84000f43},
    {"ScalableWithAll",
     {.scalable = true, .snoop_control = true, .caching_mode = true, .interrupt_remapping = true,
      .extended_interrupts = true},
     0x40, 0x01d2078c222f0686, 0x3e99c84f00fdb},
    {"HostWidthIsNotIn", {.host_address_width = 39}, 0x10, 0x00d2078c222f0606, 0xf43},
};

INSTANTIATE_TEST_SUITE_P(Section11_4_2, Capabilities, testing::ValuesIn(rows),
                         [](const auto& info) { return std::string(info.param.name); });

// What the words promise is there, and what they do not promise is not: each capability by one look at what it does.
TEST(CapabilitiesHold, HugePagesOfTheFirstStage) {
    for (const bool huge : {true, false}) {
        Machine machine({.huge_pages = huge});
        machine.start();
        EXPECT_EQ(machine.reason(0x10, 0x40000000), huge ? 0u : 0xcu);
        EXPECT_EQ(machine.reason(0x10, 0x200000), huge ? 0u : 0xcu);
    }
}

TEST(CapabilitiesHold, TheHostWidthIsWhatTablesMayUse) {
    for (const unsigned width : {32u, 39u, 46u, 52u}) {
        Machine machine({.host_address_width = width});
        machine.start();
        machine.ram.set(0x14000, 1ull << (width - 1) | 3);
        EXPECT_EQ(machine.access(0x10, 0).address.value, 1ull << (width - 1)) << width;
        machine.ram.set(0x14008, 1ull << width | 3);
        EXPECT_EQ(machine.reason(0x10, 0x1000), width == 52 ? 0u : 0xcu) << width << ": bits from 52 on are software's";
    }
}

TEST(CapabilitiesHold, EightFaultRecordsWhereFroSays) {
    Machine machine;
    machine.start();
    for (std::uint64_t i = 0; i < 9; ++i) machine.access(0x10, 0x3000 + i * 0x1000);
    for (std::uint64_t i = 0; i < 8; ++i) EXPECT_NE(machine.read64(0x228 + 16 * i), 0u);
    EXPECT_EQ(machine.read64(0x2a0), 0u);
    EXPECT_EQ(machine.read64(0x2a8), 0u);
    EXPECT_EQ(machine.read32(0x34), 3u);
}

}  // namespace
}  // namespace remap::test
