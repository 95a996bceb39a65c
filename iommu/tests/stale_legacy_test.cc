// SPDX-License-Identifier: MIT
// The stale-use detector in legacy mode, of software that invalidates by registers: each mistake is caught, and the
// same done right is not.
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace remap::iommu {
namespace {

using test::Clock;
using test::Machine;

using Step = std::function<void(Machine&)>;

struct Mistake {
    const char* name;
    Step change;
    Step wrong;  // what software does instead of
    Step right;
    std::uint64_t address = 0;
    Access access = Access::Read;

    friend void PrintTo(const Mistake& one, std::ostream* to) { *to << one.name; }
};

Step steps(std::initializer_list<Step> all) {
    return [all = std::vector<Step>(all)](Machine& machine) {
        for (const Step& one : all) one(machine);
    };
}
Step set(std::uint64_t at, std::uint64_t word) {
    return [=](Machine& machine) { machine.ram.set(at, word); };
}
Step contexts(std::uint64_t command) {
    return [=](Machine& machine) { machine.write64(0x28, command); };
}
Step iotlb(std::uint64_t command, std::uint64_t iva = 0) {
    return [=](Machine& machine) {
        machine.write64(0xf0, iva);
        machine.write64(0xf8, command);
    };
}
const Step nothing = [](Machine&) {};
const Step all_contexts = contexts(0xa000000000000000);
const Step all_translations = iotlb(0x9000000000000000);
const Step everything = steps({all_contexts, all_translations});
Step domain(std::uint64_t id) { return iotlb(0xa000000000000000 | id << 32); }
Step page(std::uint64_t iva) { return iotlb(0xb000000700000000, iva); }  // of domain 7

// Other tables of three levels, which lead address 0 to 0x66000; another root, by which devfn 0x10 has them.
const Step other_tables = steps({set(0x16000, 0x17003), set(0x17000, 0x18003), set(0x18000, 0x66003)});
const Step new_leaf = set(0x14000, 0x66003);
const Step new_table = steps({set(0x18000, 0x66003), set(0x13000, 0x18003)});
const Step new_context = steps({other_tables, set(0x11100, 0x16001)});
const Step new_domain = set(0x11108, 0x801);
const Step new_root = steps({other_tables, set(0x80000, 0x81001), set(0x81100, 0x16001), set(0x81108, 0x701),
                             [](Machine& machine) { machine.set_root(0x80000); }});

class LegacyMistakes : public testing::TestWithParam<Mistake> {
protected:
    LegacyMistakes() : machine({.detect_stale_uses = true, .stale_grace = 100}, &clock) {
        machine.start();
        EXPECT_TRUE(machine.access(0x10, 0, Access::Write).allowed);
        EXPECT_TRUE(machine.access(0x10, 0x200000).allowed);
        GetParam().change(machine);
    }
    Statistics after_use() {
        machine.access(0x10, GetParam().address, GetParam().access);
        clock.now += 1000;
        return machine.unit.statistics();
    }

    Clock clock;
    Machine machine;
};

TEST_P(LegacyMistakes, IsCaught) {
    GetParam().wrong(machine);
    EXPECT_EQ(after_use().stale_uses, 1u);
    const auto found = machine.unit.stale_uses();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].request.source.value, 0x10u);
    EXPECT_EQ(found[0].request.address.value, GetParam().address);
}

TEST_P(LegacyMistakes, TheSameDoneRightIsNot) {
    GetParam().right(machine);
    EXPECT_EQ(after_use().stale_uses, 0u);
    EXPECT_EQ(machine.unit.statistics().late_invalidations, 0u);
}

const Mistake mistakes[] = {
    {"Leaf", new_leaf, nothing, page(0)},
    {"LeafThatIsUnmapped", set(0x14000, 0), nothing, domain(7)},
    {"LeafOf2MiB", set(0x13008, 0x800083), page(0x400000), page(0x3ff000), 0x200000},
    {"RightThatIsTaken", set(0x14000, 0x55001), nothing, page(0), 0, Access::Write},
    {"Table", new_table, nothing, page(0)},
    {"TableOnlyLeavesInvalidated", new_table, page(0x40), page(0)},
    {"ContextEntry", new_context, nothing, everything},
    {"ContextEntryOnlyTheContextCache", new_context, all_contexts, everything},
    {"ContextEntryOnlyTheIotlb", new_context, all_translations, everything},
    {"ContextEntryAnotherDevice", new_context, steps({contexts(0xe000000000110007), all_translations}),
     steps({contexts(0xe000000000100007), all_translations})},
    {"ContextEntryItsNewDomain", new_domain, steps({contexts(0xc000000000000008), all_translations}),
     steps({contexts(0xc000000000000007), all_translations})},
    {"ContextEntryThatIsRemoved", set(0x11100, 0), all_translations, everything},
    {"RootTablePointer", new_root, nothing, everything},
    {"RootTablePointerOnlyTheContextCache", new_root, all_contexts, everything},
    {"RootTablePointerOnlyTheIotlb", new_root, all_translations, everything},
    {"WrongDomain", new_leaf, domain(8), domain(7)},
    {"WrongGranularity", new_leaf, iotlb(0x8000000700000000), domain(7)},
    {"WrongPage", new_leaf, page(0x1000), page(0)},
    {"WrongMask", new_leaf, page(0x2001), page(0x2002)},
};

INSTANTIATE_TEST_SUITE_P(Planted, LegacyMistakes, testing::ValuesIn(mistakes),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace remap::iommu
