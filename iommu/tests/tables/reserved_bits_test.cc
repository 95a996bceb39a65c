// SPDX-License-Identifier: MIT
// Reserved bits of each structure (VT-d sections 9.1 to 9.8), one bit at a time: those in the mask are a fault with this
// reason, and no other bit ever is. The masks are for a host address width of 46 bits. Bit 7 (PS) of a table's entry is
// among them: the entry is taken for a leaf, and the table's address has bits that are reserved in that.
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace remap::test {
namespace {

struct Row {
    const char* name;
    std::uint64_t at;       // of the word
    std::uint64_t mask;     // of its reserved bits
    std::uint64_t reason;
    std::uint64_t address;  // of a request that comes by this word
    int pasid = -1;         // of that request; -1 for none

    friend void PrintTo(const Row& row, std::ostream* to) { *to << row.name; }
};

constexpr std::uint64_t above = 0xffffc00000000000;  // bits 63:46
constexpr std::uint64_t above52 = 0x000fc00000000000;  // bits 51:46
constexpr std::uint64_t all = ~0ull;

class LegacyReserved : public testing::TestWithParam<Row> {};

TEST_P(LegacyReserved, EachBitOfTheWord) {
    const Row& row = GetParam();
    Machine machine;
    machine.start();
    const std::uint64_t word = machine.ram.get(row.at);
    for (unsigned bit = 0; bit < 64; ++bit) {
        machine.ram.set(row.at, word | 1ull << bit);
        machine.invalidate_all();
        const bool changed = (word >> bit & 1) == 0;
        EXPECT_EQ(machine.reason(0x10, row.address) == row.reason, changed && (row.mask >> bit & 1) != 0) << "bit " << bit;
    }
}

const Row legacy[] = {
    {"Root_Low", 0x10000, above | 0xffe, 0xa, 0x0},
    {"Root_High", 0x10008, all, 0xa, 0x0},
    {"Context_Low", 0x11100, above | 0xff0, 0xb, 0x0},
    {"Context_High", 0x11108, 0xffffffffff000080, 0xb, 0x0},
    {"SecondStage_Level3", 0x12000, above52 | 0x4000000000000880, 0xc, 0x0},
    {"SecondStage_Level2", 0x13000, above52 | 0x4000000000000880, 0xc, 0x0},
    {"SecondStage_Level1", 0x14000, above52 | 0x4000000000000800, 0xc, 0x0},
    {"SecondStage_Leaf2M", 0x13008, above52 | 0x40000000001ff800, 0xc, 0x200000},
    {"SecondStage_Leaf1G", 0x12008, above52 | 0x400000003ffff800, 0xc, 0x40000000},
};

INSTANTIATE_TEST_SUITE_P(Section9, LegacyReserved, testing::ValuesIn(legacy),
                         [](const auto& info) { return std::string(info.param.name); });

class ScalableReserved : public testing::TestWithParam<Row> {};

TEST_P(ScalableReserved, EachBitOfTheWord) {
    const Row& row = GetParam();
    ScalableMachine machine;
    const std::uint64_t word = machine.ram.get(row.at);
    iommu::Request request{.source = {0x10}, .address = {row.address}};
    if (row.pasid >= 0) request.pasid = iommu::Pasid{static_cast<std::uint32_t>(row.pasid)};
    for (unsigned bit = 0; bit < 64; ++bit) {
        machine.write_scalable_tables();
        machine.ram.set(row.at, word | 1ull << bit);
        machine.forget_everything();
        const bool changed = (word >> bit & 1) == 0;
        EXPECT_EQ(machine.unit.translate(request).fault_reason == row.reason, changed && (row.mask >> bit & 1) != 0)
            << "bit " << bit;
    }
}

const Row scalable[] = {
    {"Root_Lower", 0x10000, above | 0xffe, 0x3a, 0x0},
    {"Root_UpperIsAnotherDevices", 0x10008, 0, 0x3a, 0x0},
    {"Context_Word0", 0x11200, above | 0x1f4, 0x42, 0x0},  // with DTE and PRE, which are not offered
    {"Context_Word1", 0x11208, 0xfffffffffff00000, 0x42, 0x0},  // with RID_PRIV
    {"Context_Word2", 0x11210, all, 0x42, 0x0},
    {"Context_Word3", 0x11218, all, 0x42, 0x0},
    {"Directory", 0x20000, above | 0xffc, 0x52, 0x0},
    {"Pasid_Word0", 0x21000, above | 0xc20, 0x5a, 0x0},
    {"Pasid_Word1", 0x21008, 0xffffffffff7f0000, 0x5a, 0x0},  // with PGSNP, CD, EMTE and PAT, which are not offered
    {"Pasid_Word2", 0x21010, above | 0xf02, 0x5a, 0x0},       // with ERE
    {"Pasid_Word3", 0x21018, all, 0x5a, 0x0},
    {"Pasid_Word4", 0x21020, all, 0x5a, 0x0},
    {"Pasid_Word5", 0x21028, all, 0x5a, 0x0},
    {"Pasid_Word6", 0x21030, all, 0x5a, 0x0},
    {"Pasid_Word7", 0x21038, all, 0x5a, 0x0},
    {"Pasid_OfPassThrough", 0x210c0, above | 0xc20, 0x5a, 0x0, 3},
    {"Pasid_Word2OfPassThrough", 0x210d0, above | 0xf02, 0x5a, 0x0, 3},
    {"SecondStage_Level4", 0x30000, above52 | 0x4000000000000880, 0x7a, 0x0},
    {"SecondStage_Level3", 0x31000, above52 | 0x4000000000000880, 0x7a, 0x0},
    {"SecondStage_Level1", 0x33000, above52 | 0x4000000000000800, 0x7a, 0x0},
    {"SecondStage_Leaf2M", 0x32008, above52 | 0x40000000001ff800, 0x7a, 0x200000},
    {"SecondStage_Leaf1G", 0x31008, above52 | 0x400000003ffff800, 0x7a, 0x40000000},
    {"FirstStage_Level4", 0x40000, above52 | 0x80, 0x72, 0x0, 1},
    {"FirstStage_Level3", 0x41000, above52 | 0x80, 0x72, 0x0, 1},
    {"FirstStage_Level2", 0x42000, above52 | 0x80, 0x72, 0x0, 1},
    {"FirstStage_Level1", 0x43000, above52, 0x72, 0x0, 1},
    {"FirstStage_Leaf2M", 0x42008, above52 | 0x1fe000, 0x72, 0x200000, 1},    // bit 12 is PAT
    {"FirstStage_Leaf1G", 0x41008, above52 | 0x3fffe000, 0x72, 0x40000000, 1},
    // Nested, an entry's address is guest-physical: what the second stage reaches decides, not the host's width.
    {"NestedFirstStage_Level1", 0x73000, 0, 0x72, 0x0, 2},
    {"NestedFirstStage_Leaf2M", 0x72008, 0x1fe000, 0x72, 0x200000, 2},
};

INSTANTIATE_TEST_SUITE_P(Section9, ScalableReserved, testing::ValuesIn(scalable),
                         [](const auto& info) { return std::string(info.param.name); });

// What an option brings is no reserved bit any more.
TEST(Reserved, NotWhereOffered) {
    ScalableMachine machine({.snoop_control = true});
    machine.ram.set(0x33000, 0x155803);
    machine.ram.set(0x21048, 0x1800008);
    EXPECT_EQ(machine.at({}, 0), 0x155000u);
    EXPECT_EQ(machine.at(1, 0), 0x255000u);
    machine.ram.set(0x32000, 0x33803);
    machine.forget_everything();
    EXPECT_EQ(machine.ask({}, 0).fault_reason, 0x7au) << "SNP is of leaves only";
}

// An entry that is not present has no reserved bits, and nothing in it counts but FPD.
TEST(Reserved, NothingInWhatIsNotPresent) {
    struct Case {
        std::uint64_t at;
        unsigned words, reason;
    };
    for (const Case& one : {Case{0x10000, 1, 0x39}, Case{0x11200, 4, 0x41}, Case{0x20000, 1, 0x51}, Case{0x21040, 8, 0x59},
                            Case{0x40000, 1, 0x71}, Case{0x43000, 1, 0x71}}) {
        ScalableMachine machine;
        for (unsigned i = 0; i < one.words; ++i) machine.ram.set(one.at + 8 * i, i == 0 ? ~1ull : ~0ull);
        EXPECT_EQ(machine.ask(1, 0).fault_reason, one.reason) << std::hex << one.at;
    }
    ScalableMachine machine;
    machine.ram.set(0x33000, ~3ull);
    EXPECT_EQ(machine.ask({}, 0).fault_reason, 0x79u);
}

}  // namespace
}  // namespace remap::test
