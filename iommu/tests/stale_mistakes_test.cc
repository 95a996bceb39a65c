// SPDX-License-Identifier: MIT
// The stale-use detector (iommu/engine/stale_uses.h): each mistake that software can make with its invalidations is
// caught, and the same steps done right are not.
#include "iommu/engine/stale_report.h"
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <ostream>
#include <string>

namespace remap::iommu {
namespace {

using test::Clock;
using test::Machine;
using test::ScalableMachine;

constexpr Options detecting{.detect_stale_uses = true, .stale_grace = 100};

// A step changes tables or invalidates; `uses` are what the device then does. Before the first step the device has read
// and written at address 0.
struct Mistake {
    const char* name;
    std::function<void(ScalableMachine&)> change;
    std::function<void(ScalableMachine&)> wrong;  // what software does instead of
    std::function<void(ScalableMachine&)> right;
    std::optional<std::uint32_t> pasid = {};
    std::uint64_t address = 0;
    Access access = Access::Read;

    friend void PrintTo(const Mistake& one, std::ostream* to) { *to << one.name; }
};

using Step = std::function<void(ScalableMachine&)>;
const Step nothing = [](ScalableMachine&) {};
Step set(std::uint64_t at, std::uint64_t word) {
    return [=](ScalableMachine& machine) { machine.ram.set(at, word); };
}
Step command(std::uint64_t low, std::uint64_t high = 0) {
    return [=](ScalableMachine& machine) { EXPECT_EQ(machine.command(low, high), 0u); };
}
Step both(const Step& first, const Step& second) {
    return [=](ScalableMachine& machine) {
        first(machine);
        second(machine);
    };
}
const Step everything = [](ScalableMachine& machine) { machine.forget_everything(); };

class Mistakes : public testing::TestWithParam<Mistake> {
protected:
    Mistakes() : machine(detecting, &clock) {
        for (const std::optional<std::uint32_t> pasid : {std::optional<std::uint32_t>{}, {1}, {2}, {3}})
            EXPECT_TRUE(machine.ask(pasid, 0, Access::Write).allowed);
        EXPECT_TRUE(machine.ask(1, 0x1000).allowed);
        EXPECT_EQ(machine.unit.statistics().stale_uses, 0u);
        GetParam().change(machine);
    }
    void use() { machine.ask(GetParam().pasid, GetParam().address, GetParam().access); }
    Statistics later() {
        clock.now += 1000;
        return machine.unit.statistics();
    }

    Clock clock;
    ScalableMachine machine;
};

TEST_P(Mistakes, IsCaught) {
    GetParam().wrong(machine);
    use();
    clock.now += 50;
    EXPECT_EQ(machine.unit.statistics().stale_uses, 0u) << "it could be late only";
    use();
    const Statistics found = later();
    EXPECT_EQ(found.stale_uses, 2u);
    EXPECT_EQ(found.late_invalidations, 0u);
    ASSERT_EQ(machine.unit.stale_uses().size(), 1u);
    EXPECT_EQ(machine.unit.stale_uses()[0].request.address.value, GetParam().address);
    use();
    EXPECT_EQ(later().stale_uses, 3u) << "and every use from then on";
    EXPECT_EQ(machine.unit.stale_uses().at(0).uses, 3u);
}

TEST_P(Mistakes, TheSameDoneRightInTimeIsNot) {
    use();
    clock.now += 50;
    use();
    GetParam().right(machine);
    use();
    const Statistics found = later();
    EXPECT_EQ(found.stale_uses, 0u);
    EXPECT_EQ(found.late_invalidations, 2u);
    EXPECT_EQ(found.undecided_uses, 0u);
}

TEST_P(Mistakes, TheSameDoneRightBeforeAnyUseIsNot) {
    GetParam().right(machine);
    use();
    const Statistics found = later();
    EXPECT_EQ(found.stale_uses, 0u);
    EXPECT_EQ(found.late_invalidations, 0u);
}

// A second root table, in which devfn 0x10 has the second stage of PASID 0 for its requests without a PASID.
void move_root(ScalableMachine& machine) {
    machine.ram.set(0x80000, 0x81001);
    machine.ram.set(0x81200, 0x20009);
    machine.ram.set(0x81208, 0x1);
    machine.set_root(0x80400);
}

const Mistake mistakes[] = {
    {"LeafOfTheSecondStage", set(0x33000, 0x166003), nothing, command(0x00070032, 0x0)},
    {"LeafOfTheFirstStage", set(0x43000, 0x266007), nothing, command(0x0000000100080036, 0x40), 1},
    {"LeafOfANestedFirstStage", set(0x73000, 0x11007), nothing, command(0x0000000200090036, 0x40), 2},
    {"LeafOfANestedSecondStage", set(0x53080, 0x366003), nothing, command(0x00090032, 0x10000), 2},
    {"LeafThatIsUnmapped", set(0x33000, 0x0), nothing, command(0x00070022)},
    {"RightThatIsTaken", set(0x33000, 0x155001), nothing, command(0x00070022), {}, 0x0, Access::Write},
    {"RightThatIsGivenAndUsed", set(0x43008, 0x256007), nothing, command(0x0000000100080036, 0x1000), 1, 0x1000,
     Access::Write},
    {"Table", both(set(0x34028, 0x166003), set(0x32000, 0x34003)), nothing, command(0x00070032, 0x0), {}, 0x5000},
    {"TableOnlyLeavesInvalidated", both(set(0x33028, 0x158003), both(set(0x34028, 0x166003), set(0x32000, 0x34003))),
     command(0x00070032, 0x5040), command(0x00070032, 0x5000), {}, 0x5000},
    {"TableOfANestedFirstStage", both(set(0x74028, 0x11007), both(set(0x53030, 0x74003), set(0x72000, 0x6007))),
     command(0x0000000200090036, 0x5040), command(0x0000000200090036, 0x5000), 2, 0x5000},
    {"ContextEntry", set(0x11208, 0x1), nothing, everything},
    {"ContextEntryButOnlyTheIotlbInvalidated", set(0x11208, 0x1), command(0x12), everything},
    {"ContextEntryOfAnotherDeviceInvalidated", set(0x11208, 0x1), both(command(0x0000001100000031), command(0x12)),
     both(command(0x0000001000000031), command(0x12))},
    {"ContextEntryThatIsRemoved", set(0x11200, 0x0), command(0x12), everything, 1},
    {"PasidEntry", set(0x21000, 0x50089), nothing, both(command(0x0000000000070017), command(0x00070022))},
    {"PasidEntryNewDomain", set(0x21008, 0x800077), nothing, everything},
    {"PasidEntryOfPassThrough", set(0x210c0, 0x30089), nothing, command(0x37), 3},
    {"PasidEntryThatBecomesPassThrough", set(0x21000, 0x101), command(0x12), everything},
    {"PasidEntryOfAnotherDomainInvalidated", set(0x210c0, 0x30089), command(0x0000000300070017),
     command(0x00000003000a0017), 3},
    {"PasidDirectoryEntry", set(0x20000, 0x0), command(0x12), everything, 1},
    {"RootTablePointer", move_root, nothing, everything},
    {"RootTablePointerButOnlyTheIotlbInvalidated", move_root, command(0x12), everything},
    {"WrongDomain", set(0x33000, 0x166003), command(0x00080032, 0x0), command(0x00070032, 0x0)},
    {"WrongPasid", set(0x43000, 0x266007), command(0x0000000200080026), command(0x0000000100080026), 1},
    {"WrongPage", set(0x33000, 0x166003), command(0x00070032, 0x1000), command(0x00070032, 0x0)},
    {"WrongMask", set(0x33000, 0x166003), command(0x00070032, 0x2001), command(0x00070032, 0x2002)},
    {"WrongMaskOfAPasid", set(0x43000, 0x266007), command(0x0000000100080036, 0x8003),
     command(0x0000000100080036, 0x8004), 1},
    {"PasidGranularityForASecondStage", set(0x33000, 0x166003), command(0x0000000000070036, 0x0),
     command(0x0000000000070026)},
};

INSTANTIATE_TEST_SUITE_P(Planted, Mistakes, testing::ValuesIn(mistakes),
                         [](const auto& info) { return std::string(info.param.name); });

// An invalidation forgives what it has taken back, and that alone.
TEST(StaleUse, IsNotForgivenByAnInvalidationOfOthers) {
    Clock clock;
    ScalableMachine machine(detecting, &clock);
    machine.ask({}, 0);
    machine.ram.set(0x33000, 0x166003);
    machine.ask({}, 0);
    machine.command(0x00080032, 0x0);  // another domain
    machine.command(0x00070032, 0x1000);  // another page
    machine.command(0x0000000100080036, 0x0);  // another PASID
    machine.command(0x0000001100000031);  // the context entry of another device
    clock.now += 1000;
    EXPECT_EQ(machine.unit.statistics().stale_uses, 1u);
    EXPECT_EQ(machine.unit.statistics().late_invalidations, 0u);
}

TEST(StaleReport, SaysWhoWhatAndWhy) {
    Clock clock;
    Machine machine(detecting, &clock);
    machine.start();
    clock.now = 2000;
    machine.access(0x10, 0x123);
    machine.ram.set(0x14000, 0x66003);
    clock.now = 3000;
    machine.access(0x10, 0x456);
    clock.now = 4000;
    machine.access(0x10, 0x456, Access::Write);
    const auto found = machine.unit.stale_uses();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(text_of(found[0]),
              "device 00:02.0, read at 0x456: served 0x55456 of domain 7, cached at 2000; memory says 0x66456 of domain "
              "7, by the entry at 0x14000: 0x66003; first used at 3001, 2 uses");
}

TEST(StaleReport, NamesTheEntryOfEachKind) {
    const auto report = [](const std::function<void(ScalableMachine&)>& change, std::optional<std::uint32_t> pasid) {
        ScalableMachine machine({.detect_stale_uses = true});
        machine.ask(pasid, 0);
        change(machine);
        machine.ask(pasid, 0);
        const auto found = machine.unit.stale_uses();
        if (found.size() != 1) return std::string("no report, or several");
        const std::string text = text_of(found[0]);
        return text.substr(text.find("memory says"), text.find("; first") - text.find("memory says"));
    };
    EXPECT_EQ(report(set(0x11200, 0x0), 3), "memory says scalable context entry not present, by the entry at 0x11200: 0x0");
    EXPECT_EQ(report(set(0x20000, 0x0), 1), "memory says PASID directory entry not present, by the entry at 0x20000: 0x0");
    EXPECT_EQ(report(set(0x21040, 0x40), 1), "memory says PASID entry not present, by the entry at 0x21040: 0x40");
    EXPECT_EQ(report(set(0x10000, 0x0), 3), "memory says scalable root entry not present, by the entry at 0x10000: 0x0");
    EXPECT_EQ(report(set(0x43000, 0x0), 1), "memory says first-stage entry not present, by the entry at 0x43000: 0x0");
    EXPECT_EQ(report(set(0x210c0, 0x30089), 3),
              "memory says 0x155000 of domain 10, by the entry at 0x33000: 0x155003");
}

TEST(StaleReport, KeepsTheLatest) {
    Machine machine({.detect_stale_uses = true});
    machine.start();
    for (std::uint64_t page = 0; page < 200; ++page) machine.ram.set(0x14000 + 8 * page, (0x100 + page) << 12 | 3);
    for (std::uint64_t page = 0; page < 200; ++page) machine.access(0x10, page << 12);
    for (std::uint64_t page = 0; page < 200; ++page) machine.ram.set(0x14000 + 8 * page, 0);
    for (std::uint64_t page = 0; page < 200; ++page) machine.access(0x10, page << 12);
    const auto found = machine.unit.stale_uses();
    ASSERT_EQ(found.size(), 64u);
    for (std::uint64_t i = 0; i < 64; ++i) EXPECT_EQ(found[i].request.address.value, (136 + i) << 12);
    EXPECT_EQ(machine.unit.statistics().stale_uses, 200u);
}

// More cases than there is room for: the uses are counted, if not decided.
TEST(StaleReport, CrowdedCasesAreCounted) {
    Clock clock;
    Machine machine({.detect_stale_uses = true, .stale_grace = 10000}, &clock);
    machine.start();
    for (std::uint64_t page = 0; page < 100; ++page) machine.ram.set(0x14000 + 8 * page, (0x100 + page) << 12 | 3);
    for (std::uint64_t page = 0; page < 100; ++page) machine.access(0x10, page << 12);
    for (std::uint64_t page = 0; page < 100; ++page) machine.ram.set(0x14000 + 8 * page, 0);
    for (std::uint64_t page = 0; page < 100; ++page) machine.access(0x10, page << 12);
    EXPECT_EQ(machine.unit.statistics().undecided_uses, 36u);
    clock.now += 20000;
    EXPECT_EQ(machine.unit.statistics().stale_uses, 64u);
}

TEST(StaleReport, IsEmptyAfterResetAndStaysOn) {
    Machine machine({.detect_stale_uses = true});
    for (int time = 0; time < 2; ++time) {
        machine.start();
        machine.access(0x10, 0);
        machine.ram.set(0x14000, 0x66003);
        machine.access(0x10, 0);
        EXPECT_EQ(machine.unit.statistics().stale_uses, 1u);
        machine.unit.reset();
        EXPECT_EQ(machine.unit.statistics().stale_uses, 0u);
        EXPECT_TRUE(machine.unit.stale_uses().empty());
    }
}

}  // namespace
}  // namespace remap::iommu
