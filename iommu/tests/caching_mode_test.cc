// SPDX-License-Identifier: MIT
// CAP.CM = 1 (VT-d section 6.1): what is not present is cached as well, so that software has to invalidate when it
// maps.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::Machine;
using test::ScalableMachine;
constexpr std::uint64_t fault = 1ull << 63;

class CachingMode : public testing::Test {
protected:
    CachingMode() : machine({.caching_mode = true}) { machine.start(); }
    void invalidate(std::uint64_t command, std::uint64_t iva = 0) {
        machine.write64(0xf0, iva);
        machine.write64(0xf8, command);
    }
    Machine machine;
};

TEST_F(CachingMode, AMappingIsSeenAfterAnInvalidationOnly) {
    EXPECT_EQ(machine.reason(0x10, 0x3000), 6u);
    machine.ram.set(0x14018, 0x77003);
    EXPECT_EQ(machine.reason(0x10, 0x3000), 6u);
    EXPECT_EQ(machine.reason(0x10, 0x3000, Access::Write), 5u) << "the reason is that of the access at hand";
    EXPECT_EQ(machine.reason(0x10, 0x4000), 6u) << "each page by itself";
    invalidate(0xb000000700000000, 0x4000);
    EXPECT_EQ(machine.reason(0x10, 0x3000), 6u) << "another page was invalidated";
    invalidate(0xb000000700000000, 0x3000);
    EXPECT_EQ(machine.access(0x10, 0x3000).address.value, 0x77000u);
}

TEST_F(CachingMode, RefusalsAreRecordedEachTime) {
    EXPECT_EQ(machine.reason(0x10, 0x3000), 6u);
    machine.write32(0x22c, 0x80000000);
    EXPECT_EQ(machine.reason(0x10, 0x3000), 6u);
    EXPECT_EQ(machine.read64(0x238), 0xc000000600000010u);
    EXPECT_EQ(machine.unit.statistics().translations, 2u);
    EXPECT_EQ(machine.unit.statistics().walks, 1u);
}

// What is refused to the one access and not to the other is no page that is not present.
TEST_F(CachingMode, ARefusedWriteDoesNotSpoilReads) {
    EXPECT_EQ(machine.reason(0x10, 0x1000, Access::Write), 5u);
    EXPECT_EQ(machine.access(0x10, 0x1000).address.value, 0x56000u);
    EXPECT_EQ(machine.reason(0x10, 0x2000), 6u);
    EXPECT_TRUE(machine.access(0x10, 0x2000, Access::Write).allowed);
}

TEST_F(CachingMode, PagesOfHugeHolesAreCachedOneByOne) {
    EXPECT_EQ(machine.reason(0x10, 0x80000000), 6u);
    machine.ram.set(0x12010, 0x80000083);
    EXPECT_EQ(machine.access(0x10, 0x80001000).address.value, 0x80001000u);
    EXPECT_EQ(machine.reason(0x10, 0x80000000), 6u);
    invalidate(0xb000000700000000, 0x80000012);
    EXPECT_EQ(machine.access(0x10, 0x80000000).address.value, 0x80000000u);
}

// Context entries that are not present are cached for domain 0 (section 6.1).
TEST_F(CachingMode, AContextEntryThatIsNotPresent) {
    EXPECT_EQ(machine.reason(0x11, 0), 2u);
    machine.ram.set(0x11118, 0x701);
    machine.ram.set(0x11110, 0x12001);
    EXPECT_EQ(machine.reason(0x11, 0), 2u);
    machine.write64(0x28, 0xe000000000110007);
    EXPECT_EQ(machine.reason(0x11, 0), 2u) << "of domain 7";
    machine.write64(0x28, 0xe000000000110000);
    EXPECT_EQ(machine.access(0x11, 0).address.value, 0x55000u);
}

TEST_F(CachingMode, AContextEntryThatIsPresentBelongsToItsDomain) {
    EXPECT_TRUE(machine.access(0x10, 0).allowed);
    machine.ram.set(0x11100, 0);
    machine.write64(0x28, 0xe000000000100000);
    invalidate(0x9000000000000000);
    EXPECT_EQ(machine.reason(0x10, 0), 0u) << "of domain 0";
    machine.write64(0x28, 0xe000000000100007);
    invalidate(0x9000000000000000);
    EXPECT_EQ(machine.reason(0x10, 0), 2u);
}

TEST(ScalableCachingMode, PasidEntriesAndFirstStages) {
    ScalableMachine machine({.caching_mode = true});
    EXPECT_EQ(machine.at(4, 0), fault | 0x59);
    machine.set_pasid(4, 0x41, 0x800008, 0x40001);
    EXPECT_EQ(machine.at(4, 0), fault | 0x59);
    EXPECT_EQ(machine.command(0x0000000400080017), 0u);
    EXPECT_EQ(machine.at(4, 0), fault | 0x59) << "what is not present belongs to domain 0";
    EXPECT_EQ(machine.command(0x0000000400000017), 0u);
    EXPECT_EQ(machine.at(4, 0), 0x255000u);

    EXPECT_EQ(machine.at(1, 0x7000), fault | 0x71);
    machine.ram.set(0x43038, 0x277007);
    EXPECT_EQ(machine.at(1, 0x7000), fault | 0x71);
    EXPECT_EQ(machine.at(1, 0x7000, Access::Write), fault | 0x71);
    EXPECT_EQ(machine.command(0x0000000100080036, 0x7040), 0u);
    EXPECT_EQ(machine.at(1, 0x7000), 0x277000u);
    EXPECT_EQ(machine.at(1, 0x1000, Access::Write), fault | 0x85);
    EXPECT_EQ(machine.at(1, 0x1000), 0x256000u);
    EXPECT_EQ(machine.at(1, 0x2000), fault | 0x81);
    EXPECT_EQ(machine.at(1, 0x2000, Access::Read, true), 0x257000u) << "refused to users only";
}

// An update that failed once is no property of the page.
TEST(ScalableCachingMode, AFailedUpdateIsNotCached) {
    ScalableMachine machine({.caching_mode = true});
    machine.ram.read_only = PhysicalPage{0x43};
    EXPECT_EQ(machine.at(1, 0), fault | 0x91);
    EXPECT_EQ(machine.at(2, 0), 0x355000u);
    machine.ram.read_only = {};
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
}

TEST(NoCachingMode, NothingThatFaultsIsCached) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(4, 0), fault | 0x59);
    machine.set_pasid(4, 0x41, 0x800008, 0x40001);
    EXPECT_EQ(machine.at(4, 0x7000), fault | 0x71);
    machine.ram.set(0x43038, 0x277007);
    EXPECT_EQ(machine.at(4, 0x7000), 0x277000u);
    EXPECT_EQ(machine.at({}, 0x3000), fault | 0x79);
    machine.ram.set(0x33018, 0x158003);
    EXPECT_EQ(machine.at({}, 0x3000), 0x158000u);
}

}  // namespace
}  // namespace remap::iommu
