// SPDX-License-Identifier: MIT
// The stale-use detector says nothing of software that does what it must: what needs no invalidation, what is
// invalidated in time, and what the unit does by itself.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::Clock;
using test::Machine;
using test::ScalableMachine;

constexpr Options detecting{.detect_stale_uses = true, .stale_grace = 100};

class NoStaleUse : public testing::Test {
protected:
    NoStaleUse() : machine(detecting, &clock) {}
    ~NoStaleUse() override {
        clock.now += 1000;
        const Statistics found = machine.unit.statistics();
        EXPECT_EQ(found.stale_uses, 0u);
        EXPECT_EQ(found.late_invalidations, late);
        EXPECT_EQ(found.undecided_uses, 0u);
        EXPECT_TRUE(machine.unit.stale_uses().empty());
    }
    void use(std::optional<std::uint32_t> pasid, std::uint64_t address, Access access = Access::Read) {
        machine.ask(pasid, address, access);
    }

    Clock clock;
    ScalableMachine machine;
    std::uint64_t late = 0;
};

TEST_F(NoStaleUse, WhatWasNotPresentIsMapped) {
    for (const std::optional<std::uint32_t> pasid : {std::optional<std::uint32_t>{}, {1}}) {
        use(pasid, 0);  // so that context, PASID entry and tables are cached
        use(pasid, 0x7000);
        use(pasid, 0x400000);
    }
    machine.ram.set(0x33038, 0x177003);
    machine.ram.set(0x43038, 0x277007);
    machine.ram.set(0x32010, 0x800083);
    machine.ram.set(0x42010, 0x800087);
    machine.set_pasid(4, 0x41, 0x800008, 0x40001);
    for (const std::optional<std::uint32_t> pasid : {std::optional<std::uint32_t>{}, {1}}) {
        use(pasid, 0x7000);
        use(pasid, 0x400000);
    }
    use(4, 0);
}

// The page is mapped just after the walk has read its entry: the tables say something else already when the detector
// looks at them.
TEST_F(NoStaleUse, WhatIsMappedWhileTheUnitWalks) {
    use({}, 0);
    for (const int reads : {1, 2, 3, 4}) {
        machine.ram.set(0x33038, 0);
        int left = reads;
        machine.ram.before_read = [&](std::uint64_t at) {
            if (at == 0x33038 && left-- == 0) machine.ram.set(0x33038, 0x177003);
        };
        use({}, 0x7000);
        machine.ram.before_read = nullptr;
        machine.command(0x00070032, 0x7000);
    }
}

TEST_F(NoStaleUse, ARightThatIsGivenAndNotUsed) {
    use({}, 0x1000);
    use(1, 0x1000);
    machine.ram.set(0x33008, 0x156003);
    machine.ram.set(0x43008, 0x256027);
    use({}, 0x1000);
    use(1, 0x1000);
}

TEST_F(NoStaleUse, AccessedAndDirtyBits) {
    machine.ram.set(0x21000, 0x30289);
    machine.ram.set(0x21080, 0x502c9);
    for (const std::optional<std::uint32_t> pasid : {std::optional<std::uint32_t>{}, {1}, {2}}) {
        for (const Access access : {Access::Read, Access::Write, Access::Read, Access::Write}) {
            use(pasid, 0, access);
            use(pasid, 0x200000, access);
        }
    }
    machine.ram.set(0x43000, 0x255007);  // software collects what was accessed, and need not invalidate
    machine.ram.set(0x33000, 0x155003);
    for (const Access access : {Access::Read, Access::Write}) {
        use({}, 0, access);
        use(1, 0, access);
    }
}

TEST_F(NoStaleUse, IgnoredBits) {
    use({}, 0);
    use(1, 0);
    machine.ram.set(0x33000, 0xbff0000000155003);
    machine.ram.set(0x43000, 0x7ff0000000255027);
    machine.ram.set(0x11200, 0x2000b);  // FPD changes faults only
    use({}, 0);
    use(1, 0);
}

TEST_F(NoStaleUse, AHugePageIsSplitIntoTheSamePages) {
    use({}, 0x234000);
    for (std::uint64_t page = 0; page < 512; ++page) machine.ram.set(0x34000 + 8 * page, (0x600 + page) << 12 | 3);
    machine.ram.set(0x32008, 0x34003);
    use({}, 0x234000);
    use({}, 0x235000);
}

TEST_F(NoStaleUse, TheRootTableMovesToACopy) {
    use({}, 0);
    use(1, 0);
    machine.ram.set(0x80000, 0x11001);
    machine.set_root(0x80400);
    use({}, 0);
    use(1, 0);
}

TEST_F(NoStaleUse, TranslationIsSwitchedOffAndOn) {
    use({}, 0);
    machine.write32(0x18, 0x04000000);
    use({}, 0);
    machine.ram.set(0x33000, 0x166003);
    use({}, 0);
    machine.command(0x12);
    machine.write32(0x18, 0x84000000);
    use({}, 0);
}

// A page goes and comes back before anybody invalidates: what was cached is right again, and was wrong in between.
TEST_F(NoStaleUse, APageThatComesBackBeforeTheInvalidation) {
    use({}, 0);
    machine.ram.set(0x33000, 0x0);
    use({}, 0);
    machine.ram.set(0x33000, 0x155003);
    use({}, 0);
    machine.command(0x00070032, 0x0);
    late = 1;
}

// Each step of taking a device away is followed by its invalidation (section 6.5.3.3), with uses all along.
TEST_F(NoStaleUse, ADeviceIsTakenAwayAndGivenToAnotherDomain) {
    const auto uses = [&] {
        use({}, 0);
        use({}, 0x200000, Access::Write);
    };
    uses();
    machine.ram.set(0x21000, 0x30088);
    uses();
    machine.command(0x0000000000070017);
    uses();
    machine.command(0x00070022);
    uses();
    machine.set_pasid(0, 0x50089, 0x800033, 0x1);
    uses();
    late = 4;
}

// Entries that had to make way take their staleness along.
TEST(NoStaleUseOfSmallCaches, ManyPagesChangeInTurn) {
    Clock clock;
    Machine machine({.caches = {.contexts = {2, 1}, .pasids = {2, 1}, .tables = {4, 2}, .iotlb = {8, 2}},
                     .detect_stale_uses = true,
                     .stale_grace = 100000},
                    &clock);
    machine.start();
    for (std::uint64_t page = 0; page < 512; ++page) machine.ram.set(0x14000 + 8 * page, (0x100 + page) << 12 | 3);
    machine.invalidate_all();
    for (std::uint64_t round = 1; round < 60; ++round) {
        for (std::uint64_t page = 0; page < 40; ++page) machine.access(0x10, page << 12);
        const std::uint64_t changed = round * 7 % 40;
        machine.ram.set(0x14000 + 8 * changed, (0x200 + round) << 12 | 3);
        for (std::uint64_t page = 0; page < 40; ++page) machine.access(0x10, page << 12);
        machine.write64(0xf0, changed << 12 | 0x40);
        machine.write64(0xf8, 0xb000000700000000);
    }
    clock.now += 1000000;
    EXPECT_EQ(machine.unit.statistics().stale_uses, 0u);
}

TEST(NoStaleUseInCachingMode, MappingsAreInvalidatedToo) {
    Clock clock;
    Options options = detecting;
    options.caching_mode = true;
    Machine machine(options, &clock);
    machine.start();
    machine.access(0x10, 0x7000);
    machine.ram.set(0x14038, 0x77003);
    machine.access(0x10, 0x7000);
    machine.write64(0xf0, 0x7000);
    machine.write64(0xf8, 0xb000000700000000);
    EXPECT_TRUE(machine.access(0x10, 0x7000).allowed);
    clock.now += 1000;
    EXPECT_EQ(machine.unit.statistics().stale_uses, 0u);
    EXPECT_EQ(machine.unit.statistics().late_invalidations, 1u);
    machine.access(0x10, 0x8000);
    machine.ram.set(0x14040, 0x78003);
    machine.access(0x10, 0x8000);
    clock.now += 1000;
    EXPECT_EQ(machine.unit.statistics().stale_uses, 1u) << "and are caught where they are not";
}

}  // namespace
}  // namespace remap::iommu
