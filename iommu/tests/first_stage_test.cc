// SPDX-License-Identifier: MIT
// First-stage translation (VT-d section 3.6): canonical addresses, five levels, users and supervisors, PASIDs, and what
// requests without a PASID use.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::ScalableMachine;
constexpr std::uint64_t fault = 1ull << 63;

TEST(FirstStage, TheUpperHalf) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0xffffff8000000123), 0x255123u);
    EXPECT_EQ(machine.at(1, 0xffffff8000200000), 0x600000u);
    EXPECT_EQ(machine.at(1, 0xffffff8000000123), 0x255123u) << "cached";
    EXPECT_EQ(machine.at(1, 0x0000007f80000000), fault | 0x71);
    EXPECT_EQ(machine.at(1, 0x7fffffffffff), fault | 0x71) << "the last address of the lower half";
    EXPECT_EQ(machine.at(1, 0xffff800000000000), fault | 0x71) << "the first one of the upper half";
    EXPECT_EQ(machine.at(1, 0x0000800000000000), fault | 0x80);
    EXPECT_EQ(machine.at(1, 0xffff7fffffffffff), fault | 0x80);
    EXPECT_EQ(machine.at(1, 0x00ffff8000000000), fault | 0x80) << "sign bits that are not all set";
}

TEST(FirstStage, FiveLevelsWhereOffered) {
    ScalableMachine machine({.address_width = 57});
    machine.ram.set(0x21050, 0x44005);  // FSPM 1, root 0x44000
    machine.ram.set(0x44000, 0x40007);
    machine.ram.set(0x44008, 0x40007);
    machine.ram.set(0x44ff8, 0x40007);
    EXPECT_EQ(machine.at(1, 0x0), 0x255000u);
    EXPECT_EQ(machine.at(1, 0x1000000000000), 0x255000u);
    EXPECT_EQ(machine.at(1, 0xffff000000000000), 0x255000u);
    EXPECT_EQ(machine.ram.get(0x44008), 0x40027u) << "accessed, at the fifth level";
    EXPECT_EQ(machine.at(1, 0xfffffffffffff), fault | 0x71);
    EXPECT_EQ(machine.at(1, 0x100000000000000), fault | 0x80);
    EXPECT_EQ(machine.at(1, 0xfeffffffffffffff), fault | 0x80);
    machine.ram.set(0x44010, 0x400a7);
    EXPECT_EQ(machine.at(1, 0x2000000000000), fault | 0x72) << "no leaves at this level";
}

// SRE and ERE are the PASID entry's to say (SPT.5, SPT.6): that a page is cached, with all rights, changes nothing.
TEST(FirstStage, ACachedPageIsNoWayAroundThePasidEntry) {
    ScalableMachine machine;
    machine.ram.set(0x21050, 0x40000);  // of PASID 1: no SRE
    const auto execution = [&] {
        return machine.unit.translate({.source = {0x10}, .address = {0}, .pasid = iommu::Pasid{1}, .execute = true})
            .fault_reason;
    };
    EXPECT_EQ(machine.at(1, 0x0, Access::Read, true), fault | 0x5d);
    EXPECT_EQ(execution(), 0x5c);
    EXPECT_EQ(machine.at(1, 0x0), 0x255000u);
    EXPECT_EQ(machine.at(1, 0x0, Access::Read, true), fault | 0x5d) << "cached";
    EXPECT_EQ(execution(), 0x5c) << "cached";
    EXPECT_EQ(machine.at(1, 0x0), 0x255000u);
}

TEST(SecondStage, FiveLevelsWhereOffered) {
    ScalableMachine machine({.address_width = 57});
    machine.ram.set(0x21000, 0x3408d);  // AW 3
    machine.ram.set(0x34000, 0x30003);
    machine.ram.set(0x34ff8, 0x30003);
    EXPECT_EQ(machine.at({}, 0x1000), 0x156000u);
    EXPECT_EQ(machine.at({}, 0x1ff000000000000), 0x155000u);
    EXPECT_EQ(machine.at({}, 0x200000000000000), fault | 0x84);
    machine.ram.set(0x21000, 0x30089);  // 48 bits in the same unit
    machine.forget_everything();
    EXPECT_EQ(machine.at({}, 0x1000000000000), fault | 0x84);
}

TEST(SecondStage, TheUnitsWidthCountsToo) {
    ScalableMachine machine({.address_width = 39});
    machine.ram.set(0x21000, 0x31085);
    EXPECT_EQ(machine.at({}, 0x1000), 0x156000u);
    EXPECT_EQ(machine.at({}, 0x7fffffffff), fault | 0x79);
    EXPECT_EQ(machine.at({}, 0x8000000000), fault | 0x84);
    machine.ram.set(0x21000, 0x30089);
    machine.forget_everything();
    EXPECT_EQ(machine.at({}, 0x1000), fault | 0x5b) << "four levels are not offered";
}

TEST(FirstStage, SupervisorRequests) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0x2000), fault | 0x81);
    EXPECT_EQ(machine.at(1, 0x2000, Access::Read, true), 0x257000u);
    EXPECT_EQ(machine.at(1, 0x2000, Access::Write, true), 0x257000u);
    EXPECT_EQ(machine.at(1, 0x1000, Access::Write, true), 0x256000u) << "WPE clear: over read-only pages of users";
    EXPECT_EQ(machine.at(1, 0x3000, Access::Write, true), 0x258000u) << "and of supervisors";
    EXPECT_EQ(machine.at(1, 0x1000, Access::Write), fault | 0x85);
    machine.ram.set(0x21050, 0x40011);  // WPE
    machine.forget_everything();
    EXPECT_EQ(machine.at(1, 0x1000, Access::Write, true), fault | 0x85);
    EXPECT_EQ(machine.at(1, 0x3000, Access::Write, true), fault | 0x85);
    EXPECT_EQ(machine.at(1, 0x2000, Access::Write, true), 0x257000u);
}

// The same page, cached by a request of the one kind, answers the other kind as the tables would.
TEST(FirstStage, UsersAndSupervisorsShareCachedTranslations) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0x2000, Access::Write, true), 0x257000u);
    EXPECT_EQ(machine.at(1, 0x2000), fault | 0x81);
    EXPECT_EQ(machine.at(1, 0x2000, Access::Write), fault | 0x81);
    EXPECT_EQ(machine.at(1, 0x3000, Access::Write, true), 0x258000u);
    EXPECT_EQ(machine.at(1, 0x3000, Access::Write), fault | 0x81);
    EXPECT_EQ(machine.at(1, 0x1000), 0x256000u);
    EXPECT_EQ(machine.at(1, 0x1000, Access::Write), fault | 0x85);
    EXPECT_EQ(machine.unit.statistics().walks, 3u);
}

TEST(FirstStage, AUserBitThatOneEntryOnTheWayLacks) {
    ScalableMachine machine;
    machine.ram.set(0x41000, 0x42003);
    EXPECT_EQ(machine.at(1, 0), fault | 0x81);
    EXPECT_EQ(machine.at(1, 0, Access::Read, true), 0x255000u);
    EXPECT_EQ(machine.at(1, 0x200000), fault | 0x81) << "with the upper tables cached";
}

// Rights are cached as addresses are: software that gives more has to invalidate.
TEST(FirstStage, AWriteThroughACachedReadOnlyEntryIsRefusedAndRecorded) {
    ScalableMachine machine;
    EXPECT_EQ(machine.at(1, 0x1000), 0x256000u);
    machine.ram.set(0x43008, 0x256027);
    EXPECT_EQ(machine.at(1, 0x1000, Access::Write), fault | 0x85);
    EXPECT_EQ(machine.read64(0x228), 0x8000018580000010u);
    EXPECT_EQ(machine.command(0x0000000100080036, 0x1000), 0u);
    EXPECT_EQ(machine.at(1, 0x1000, Access::Write), 0x256000u);
}

TEST(RequesterPasid, IsWhatRequestsWithoutOneUse) {
    ScalableMachine machine;
    machine.ram.set(0x11208, 0x1);
    EXPECT_EQ(machine.at({}, 0), 0x255000u);
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    machine.ram.set(0x43000, 0x266007);
    EXPECT_EQ(machine.at({}, 0), 0x255000u);
    EXPECT_EQ(machine.command(0x0000000100080026), 0u);
    EXPECT_EQ(machine.at({}, 0), 0x266000u) << "an invalidation of the PASID is for both";
    EXPECT_EQ(machine.at(1, 0), 0x266000u);
    EXPECT_EQ(machine.ask({}, 0x2000, Access::Read, true).fault_reason, 0x81u) << "privilege comes with a PASID only";
}

// A directory of 1024 entries lies in two pages; PASID 0x8040 is in entry 513, the second of the second page.
TEST(PasidDirectory, OfSeveralPages) {
    ScalableMachine machine;
    machine.ram.set(0x11200, 0x80609);  // PDTS 3
    machine.ram.set(0x80000, 0x21001);
    machine.ram.set(0x81008, 0x22001);
    machine.ram.set(0x22000, 0x41);
    machine.ram.set(0x22008, 0x80000b);
    machine.ram.set(0x22010, 0x40000);
    EXPECT_EQ(machine.at(0x8040, 0), 0x255000u);
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    EXPECT_EQ(machine.at(0xffff, 0), fault | 0x51);
    EXPECT_EQ(machine.at(0x10000, 0), fault | 0x46);
}

TEST(PasidDirectory, EachSizeReachesSoFar) {
    for (unsigned size = 0; size < 8; ++size) {
        ScalableMachine machine;
        machine.ram.set(0x11200, 0x80009 | size << 9);
        const std::uint32_t limit = 0x2000u << size;
        machine.ram.set(0x80000 + (limit - 64) / 64 * 8, 0x21001);
        machine.ram.set(0x21fc0, 0x101);  // the last of a table: pass-through
        EXPECT_EQ(machine.at(limit - 1, 0x5000), 0x5000u) << size;
        if (size == 7) continue;  // there are no more PASIDs
        EXPECT_EQ(machine.at(limit, 0x5000), fault | 0x46) << size;
    }
}

TEST(UpperDevices, HaveAContextTableOfTheirOwn) {
    ScalableMachine machine;
    machine.ram.set(0x12200, 0x20009);
    EXPECT_EQ(machine.unit.translate({.source = {0x90}, .address = {0x1000}}).address.value, 0x156000u);
}

TEST(PassThrough, NeedsNoWidth) {
    ScalableMachine machine;
    for (unsigned width = 0; width < 8; ++width) {
        machine.ram.set(0x210c0, 0x101 | width << 2);
        machine.forget_everything();
        const Translation passed = machine.ask(3, 0x123456789abc, Access::Write);
        EXPECT_TRUE(passed.allowed && passed.writable && passed.readable) << width;
        EXPECT_EQ(passed.address.value, 0x123456789abcu);
    }
    EXPECT_EQ(machine.at(3, 0x3fffffffffff), 0x3fffffffffffu);
}

TEST(Snooping, AsTheTablesSay) {
    ScalableMachine machine({.snoop_control = true});
    EXPECT_FALSE(machine.ask(1, 0).snooped);
    EXPECT_FALSE(machine.ask({}, 0).snooped);
    EXPECT_FALSE(machine.ask(2, 0).snooped);
    EXPECT_FALSE(machine.ask(3, 0).snooped);
    for (unsigned pasid = 1; pasid < 4; ++pasid) machine.ram.set(0x21008 + 0x40 * pasid, 0x1800007 + pasid);  // PGSNP
    machine.ram.set(0x33000, 0x155803);                                                                       // SNP
    machine.forget_everything();
    EXPECT_TRUE(machine.ask(1, 0).snooped);
    EXPECT_TRUE(machine.ask(1, 0).snooped) << "cached";
    EXPECT_TRUE(machine.ask({}, 0).snooped);
    EXPECT_TRUE(machine.ask(2, 0).snooped);
    // The manual's revision at hand does not say what PGSNP means for pass-through; it can do no harm there.
    EXPECT_TRUE(machine.ask(3, 0).snooped);
    EXPECT_TRUE(machine.ask(3, 0).snooped) << "cached";
    machine.ram.set(0x21088, 0x800009);
    machine.ram.set(0x53080, 0x355803);
    machine.forget_everything();
    EXPECT_TRUE(machine.ask(2, 0).snooped) << "by the second stage of two";
    EXPECT_EQ(machine.ask({}, 0x1000).snooped, false) << "a leaf without SNP";
}

}  // namespace
}  // namespace remap::iommu
