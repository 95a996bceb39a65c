// SPDX-License-Identifier: MIT
// A unit that other software has left on, started anew in the other mode: nothing of what ran before is left.
#include "iommu/driver/interrupts.h"
#include "iommu/driver/scalable_unit.h"
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

namespace remap::vtd_driver {
namespace {

constexpr std::uint16_t device = 0x10;

class TakeOver : public testing::Test {
protected:
    // A fault that nobody took, and an invalidation queue that has stopped at what is no descriptor.
    void leave_errors(unsigned descriptor_bytes) {
        EXPECT_NE(machine.reason(device, 0), 0u);
        const std::uint64_t tail = machine.read64(0x88);
        machine.ram.set((machine.read64(0x90) & ~0xfffull) + tail, 0xf);
        machine.write64(0x88, tail + descriptor_bytes);
        ASSERT_EQ(machine.read32(0x34) & 0x12, 0x12u) << "IQE, PPF";
    }

    test::Machine machine{iommu::Options{.scalable = true, .interrupt_remapping = true}};
    test::Window window{machine.unit};
    Unit legacy{window, machine.ram};
    ScalableUnit scalable{window, machine.ram};
};

TEST_F(TakeOver, ScalableModeAfterLegacyMode) {
    ASSERT_EQ(legacy.start({.interrupts = Interrupts::Remapped}), Error::None);
    ASSERT_EQ(machine.read32(0x1c), 0xc7000000u) << "TE, RTPS, QIE, IRES, IRTPS";
    ASSERT_EQ(machine.unit.remap_interrupt({device}, {0xfee00000, 0x31}).fault_reason, 0x25u);
    leave_errors(16);

    ASSERT_EQ(scalable.start(), Error::None);
    EXPECT_EQ(machine.read32(0x1c) & 0xc6000000, 0xc4000000u) << "TE, RTPS, QIE; not IRES";
    EXPECT_EQ(machine.read32(0x34), 0u);
    EXPECT_FALSE(scalable.take_fault());
    EXPECT_TRUE(machine.unit.remap_interrupt({device}, {0xfee00000, 0x31}).allowed);
    ASSERT_EQ(scalable.attach(device, {}), Error::None);
    EXPECT_EQ(machine.access(device, 0x1234).address.value, 0x1234u);
}

TEST_F(TakeOver, LegacyModeAfterScalableMode) {
    ASSERT_EQ(scalable.start(), Error::None);
    leave_errors(32);

    ASSERT_EQ(legacy.start({}), Error::None);
    EXPECT_EQ(machine.read32(0x1c) & 0xc6000000, 0xc4000000u) << "TE, RTPS, QIE";
    EXPECT_EQ(machine.read32(0x34), 0u);
    EXPECT_FALSE(legacy.take_fault());
    ASSERT_EQ(legacy.attach_pass_through(device), Error::None);
    EXPECT_EQ(machine.access(device, 0x1234).address.value, 0x1234u);
}

}  // namespace
}  // namespace remap::vtd_driver
