// SPDX-License-Identifier: MIT
// Snapshots of a unit: one that was loaded goes on as the one that was saved, caches and unfinished invalidations
// included.
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <random>

namespace remap::iommu {
namespace {

using test::Machine;
using test::Work;

std::vector<std::byte> saved(Iommu& unit) {
    std::vector<std::byte> bytes(unit.save({}));
    EXPECT_EQ(unit.save(bytes), bytes.size());
    return bytes;
}

std::vector<std::uint64_t> registers(Machine& machine) {
    std::vector<std::uint64_t> values;
    for (std::uint64_t offset = 0; offset < Iommu::window_size; offset += 8) values.push_back(machine.read64(offset));
    return values;
}

// Two units over memory with the same content.
class Snapshots : public testing::Test {
protected:
    Snapshots() {
        for (Machine* machine : {&from, &to}) machine->write_tables();
    }

    // The registers and caches of a unit in use: two translations cached, a fault recorded, events set up.
    void use(Machine& machine) {
        machine.set_root();
        machine.write64(0x28, 0xa000000000000000);
        while (machine.unit.work()) {
        }
        machine.enable();
        machine.write64(0x3c, 0xfee0000000004041);
        EXPECT_EQ(machine.access(0x10, 0).address.value, 0x55000u);
        EXPECT_EQ(machine.access(0x10, 0x200000).address.value, 0x600000u);
        EXPECT_EQ(machine.reason(0x10, 0x3000), 6u);
    }

    Work work;
    Machine from{{}, &work};
    Machine to{{}, &work};
};

TEST_F(Snapshots, RegistersAreThoseThatWereSaved) {
    use(from);
    ASSERT_FALSE(to.unit.load(saved(from.unit)));
    EXPECT_EQ(registers(to), registers(from));
    EXPECT_EQ(to.read64(0x228), 0xc000000600000010u) << "the fault is in the log";
    EXPECT_EQ(to.unit.statistics().walks, from.unit.statistics().walks);
}

TEST_F(Snapshots, CachedEntriesAreServedAndInvalidatedAfterwards) {
    use(from);
    ASSERT_FALSE(to.unit.load(saved(from.unit)));
    to.ram.set(0x11100, 0);  // no context entry any more
    to.ram.set(0x14000, 0x66003);
    EXPECT_EQ(to.access(0x10, 0).address.value, 0x55000u) << "from the IOTLB";
    to.write64(0xf8, 0x9000000000000000);
    while (to.unit.work()) {
    }
    EXPECT_EQ(to.access(0x10, 0).address.value, 0x66000u) << "from the cached context entry";
    to.write64(0x28, 0xa000000000000000);
    to.write64(0xf8, 0x9000000000000000);
    while (to.unit.work()) {
    }
    EXPECT_EQ(to.reason(0x10, 0), 2u);
}

TEST_F(Snapshots, AUnitThatHasForgottenMuchTakesYoungEntries) {
    use(from);
    for (int i = 0; i < 100; ++i) {
        to.write64(0xf8, 0x9000000000000000);  // global, and of domain 7
        to.unit.work();
        to.write64(0xf8, 0xa000000700000000);
        to.unit.work();
        to.unit.reset();
    }
    ASSERT_FALSE(to.unit.load(saved(from.unit)));
    to.ram.set(0x10000, 0);
    EXPECT_EQ(to.access(0x10, 0).address.value, 0x55000u);
    EXPECT_EQ(to.access(0x10, 0x200000).address.value, 0x600000u);
}

TEST_F(Snapshots, PagingStructuresAreCachedAfterwards) {
    use(from);
    ASSERT_FALSE(to.unit.load(saved(from.unit)));
    to.ram.set(0x13000, 0);  // no table of level 1 any more
    EXPECT_EQ(to.access(0x10, 0x1000).address.value, 0x56000u);
}

TEST_F(Snapshots, AForgottenTranslationStaysForgotten) {
    use(from);
    from.write64(0xf8, 0xa000000700000000);  // domain 7
    while (from.unit.work()) {
    }
    ASSERT_FALSE(to.unit.load(saved(from.unit)));
    to.ram.set(0x14000, 0x66003);
    EXPECT_EQ(to.access(0x10, 0).address.value, 0x66000u);
}

TEST_F(Snapshots, AnInvalidationThatWasAskedForIsDoneByTheUnitThatWasLoaded) {
    use(from);
    from.write64(0xf8, 0x9000000000000000);
    ASSERT_EQ(from.read64(0xf8) >> 63, 1u) << "not done yet";
    const int kicks = work.kicks;
    ASSERT_FALSE(to.unit.load(saved(from.unit)));
    EXPECT_EQ(work.kicks, kicks + 1);
    EXPECT_EQ(to.read64(0xf8) >> 63, 1u);
    to.ram.set(0x14000, 0x66003);
    EXPECT_EQ(to.access(0x10, 0).address.value, 0x55000u);
    while (to.unit.work()) {
    }
    EXPECT_EQ(to.read64(0xf8) >> 63, 0u);
    EXPECT_EQ(to.access(0x10, 0).address.value, 0x66000u);
}

TEST_F(Snapshots, DescriptorsInTheQueueAreDoneByTheUnitThatWasLoaded) {
    use(from);
    from.write64(0x90, 0x20000);
    from.write32(0x18, 0x84000000);
    for (Machine* machine : {&from, &to}) {
        machine->ram.set(0x20000, 0x12);                // IOTLB, global
        machine->ram.set(0x20010, 0x0000002a00000025);  // wait: status write of 0x2a
        machine->ram.set(0x20018, 0x30000);
    }
    from.write64(0x88, 0x20);
    ASSERT_FALSE(to.unit.load(saved(from.unit)));
    EXPECT_EQ(to.read64(0x80), 0u);
    while (to.unit.work()) {
    }
    EXPECT_EQ(to.read64(0x80), 0x20u);
    EXPECT_EQ(to.ram.get(0x30000), 0x2au);
}

TEST_F(Snapshots, AUnitWithOtherCapabilitiesRefusesTheState) {
    use(from);
    Machine other({.scalable = true});
    const ArchiveError error = other.unit.load(saved(from.unit));
    ASSERT_TRUE(error);
    EXPECT_STREQ(error.field, "CAP");
}

TEST_F(Snapshots, ACacheThatIsTooSmallRefusesTheState) {
    use(from);
    Machine small({.caches = {.iotlb = {1, 1}}});
    EXPECT_TRUE(small.unit.load(saved(from.unit))) << "two translations, one place";
}

TEST_F(Snapshots, ADamagedStateIsRefusedAndChangesNothing) {
    use(from);
    use(to);
    const std::vector<std::uint64_t> before = registers(to);
    const std::vector<std::byte> whole = saved(from.unit);
    for (std::size_t bytes = 0; bytes < whole.size(); bytes += 7)
        EXPECT_TRUE(to.unit.load(std::span(whole).first(bytes)));
    EXPECT_EQ(registers(to), before);
    EXPECT_EQ(to.access(0x10, 0).address.value, 0x55000u);
}

void seal(std::vector<std::byte>& state) {
    const std::uint32_t sum = crc32(crc32(0, std::span(state).first(12)), std::span(state).subspan(16));
    std::memcpy(state.data() + 12, &sum, sizeof sum);
}

// Any two neighbours among the bytes of a unit after power-on, set.
TEST_F(Snapshots, NoStateMakesAUnitTranslateWithoutARootTable) {
    const std::vector<std::byte> whole = saved(from.unit);
    unsigned taken = 0;
    for (std::size_t at = 16; at + 1 < whole.size(); ++at) {
        std::vector<std::byte> forged = whole;
        forged[at] = forged[at + 1] = std::byte{1};
        seal(forged);
        if (to.unit.load(forged)) continue;
        ++taken;
        EXPECT_NE(to.read32(0x1c) & 0xc0000000, 0x80000000) << "TES without RTPS, byte " << at;
    }
    EXPECT_GT(taken, 0u);
}

// A stream with a right checksum and wrong content: refused, or a unit that works on without harm. Each load makes a
// whole unit to judge the stream by, so there are no more rounds than it takes to meet every field several times.
TEST_F(Snapshots, AForgedStateDoesNoHarm) {
    use(from);
    const std::vector<std::byte> whole = saved(from.unit);
    ASSERT_LT(whole.size(), 1500u);
    std::mt19937_64 random(1);
    unsigned refused = 0;
    for (int round = 0; round < 500; ++round) {
        std::vector<std::byte> forged = whole;
        for (int i = 0; i < 3; ++i) forged[16 + random() % (forged.size() - 16)] = static_cast<std::byte>(random());
        seal(forged);
        refused += to.unit.load(forged) ? 1 : 0;
        for (std::uint64_t address : {0x0ull, 0x200000ull, 0x40000000ull, 0x8000000000ull}) to.access(0x10, address);
        for (int turn = 0; turn < 100 && to.unit.work(); ++turn) {
        }
    }
    EXPECT_GT(refused, 50u);
    EXPECT_LT(refused, 500u);
}

}  // namespace
}  // namespace remap::iommu
