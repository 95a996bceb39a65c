// SPDX-License-Identifier: MIT
// Nested translation (VT-d section 3.8): the first stage's tables and its result are guest-physical addresses, which
// the second stage translates.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::ScalableMachine;
constexpr std::uint64_t fault = 1ull << 63;

TEST(Nested, BothStagesHaveTheirSay) {
    ScalableMachine machine;
    for (int time = 0; time < 2; ++time) {  // from the tables, and from the IOTLB
        EXPECT_EQ(machine.at(2, 0x123), 0x355123u);
        EXPECT_EQ(machine.at(2, 0x123, Access::Write), 0x355123u);
        EXPECT_EQ(machine.at(2, 0x1000), 0x356000u);
        EXPECT_EQ(machine.at(2, 0x1000, Access::Write), fault | 0x85) << "the second stage lets it be read only";
        EXPECT_EQ(machine.at(2, 0x2000), fault | 0x86);
        EXPECT_EQ(machine.at(2, 0x2000, Access::Write), 0x357000u);
        EXPECT_EQ(machine.at(2, 0x3000), 0x355000u);
        EXPECT_EQ(machine.at(2, 0x3000, Access::Write), fault | 0x85) << "the first stage does";
        EXPECT_EQ(machine.at(2, 0x4000), fault | 0x81);
        EXPECT_EQ(machine.at(2, 0x4000, Access::Read, true), 0x355000u);
    }
}

// Reasons do not depend on what is cached: a page that only may be written is not one that users may not have.
TEST(Nested, AReadOfACachedWriteOnlyPage) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(2, 0x2000, Access::Write), 0x357000u);
    EXPECT_EQ(machine.at(2, 0x2000), fault | 0x86);
    EXPECT_EQ(machine.at(2, 0x2000, Access::Read, true), fault | 0x86);
}

// Pages of different sizes in both stages: the smaller one counts.
TEST(Nested, PagesOfEachSizeOnPagesOfEachSize) {
    // Input 0x40000000 + x: first-stage entries at level 3 (HPA 0x71008), level 2 (0x74008) and level 1 (0x75018),
    // which lead to guest-physical 0x80000000 + x; there the second stage has 0x51010, 0x54008 and 0x56018, which lead
    // to 0x140000000 + x.
    for (unsigned first = 1; first <= 3; ++first) {
        for (unsigned second = 1; second <= 3; ++second) {
            ScalableMachine machine;
            machine.ram.set(0x53030, 0x74003);  // guest-physical pages 6 and 7: more first-stage tables
            machine.ram.set(0x53038, 0x75003);
            machine.ram.set(0x71008, first == 3 ? 0x80000087 : 0x6007);
            machine.ram.set(0x74008, first == 2 ? 0x80200087 : 0x7007);
            machine.ram.set(0x75018, 0x80203007);
            machine.ram.set(0x51010, second == 3 ? 0x140000083 : 0x54003);
            machine.ram.set(0x54008, second == 2 ? 0x140200083 : 0x56003);
            machine.ram.set(0x56018, 0x140203003);
            const std::uint64_t granules[] = {0x1000, 0x200000, 0x40000000};
            const std::uint64_t smaller = granules[std::min(first, second) - 1];
            for (int time = 0; time < 2; ++time) {
                const Translation found = machine.ask(2, 0x40203456, Access::Write);
                EXPECT_EQ(found.address.value, 0x140203456u) << first << " on " << second;
                EXPECT_EQ(found.granule, smaller) << first << " on " << second;
            }
            EXPECT_EQ(machine.unit.statistics().walks, 1u);
        }
    }
}

TEST(Nested, FirstStageTablesAreWhereTheSecondStageSays) {
    ScalableMachine machine;
    machine.ram.set(0x77000, 0x11007);  // another page of leaves
    machine.ram.set(0x53028, 0x77003);  // guest-physical page 5 moves there
    EXPECT_EQ(machine.at(2, 0), 0x356000u);
}

TEST(Nested, FiveLevelsOnThree) {
    ScalableMachine machine({.address_width = 57});
    machine.ram.set(0x21080, 0x510c5);  // second stage: three levels from 0x51000
    machine.ram.set(0x21090, 0x8005);   // first stage: five, root guest-physical page 8
    machine.ram.set(0x53040, 0x78003);
    machine.ram.set(0x78008, 0x2007);
    EXPECT_EQ(machine.at(2, 0x1000000000000), 0x355000u);
    EXPECT_EQ(machine.at(2, 0x1000000200000), 0x800000u);
}

// Section 6.5.2.3: second-stage invalidations of the domain take out all that is nested in it, wherever its pages lie;
// what the first stage's cached tables say goes with it.
TEST(Nested, PageSelectiveInvalidationOfTheSecondStage) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(2, 0), 0x355000u);
    EXPECT_EQ(machine.at(2, 0x200000), 0x800000u);
    machine.ram.set(0x53080, 0x366003);
    machine.ram.set(0x52008, 0xa00083);
    EXPECT_EQ(machine.at(2, 0), 0x355000u);
    EXPECT_EQ(machine.command(0x00080032, 0x10000), 0u);
    EXPECT_EQ(machine.at(2, 0), 0x355000u) << "another domain";
    EXPECT_EQ(machine.command(0x00090032, 0x10000), 0u);
    EXPECT_EQ(machine.at(2, 0), 0x366000u);
    EXPECT_EQ(machine.at(2, 0x200000), 0xa00000u);
}

TEST(Nested, PasidSelectiveInvalidationTakesTheFirstStageWithIt) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(2, 0), 0x355000u);
    machine.ram.set(0x73000, 0x11007);
    EXPECT_EQ(machine.command(0x0000000100090026), 0u);
    EXPECT_EQ(machine.at(2, 0), 0x355000u) << "another PASID";
    EXPECT_EQ(machine.command(0x0000000200080026), 0u);
    EXPECT_EQ(machine.at(2, 0), 0x355000u) << "another domain";
    EXPECT_EQ(machine.command(0x0000000200090026), 0u);
    EXPECT_EQ(machine.at(2, 0), 0x356000u);
}

TEST(Nested, PageSelectiveInvalidationOfTheFirstStage) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(2, 0), 0x355000u);
    EXPECT_EQ(machine.at(2, 0x3000), 0x355000u);
    machine.ram.set(0x73000, 0x11007);
    machine.ram.set(0x73018, 0x11007);
    EXPECT_EQ(machine.command(0x0000000200090036, 0x3040), 0u);
    EXPECT_EQ(machine.at(2, 0), 0x355000u) << "another page";
    EXPECT_EQ(machine.at(2, 0x3000), 0x356000u);
    EXPECT_EQ(machine.command(0x0000000200090036, 0x0040), 0u);
    EXPECT_EQ(machine.at(2, 0), 0x356000u);
}

}  // namespace
}  // namespace remap::iommu
