// SPDX-License-Identifier: MIT
// VT-d section 7.1.3, the conditions of scalable mode that tables of devices and PASIDs make: RTA, SRT, SCT, SPD, SPT.
#include "iommu/tests/scalable_machine.h"
#include "iommu/tests/tables/fault_rows.h"

namespace remap::test {
namespace {

using Row = FaultRow<ScalableMachine>;

class ScalableFault : public testing::TestWithParam<Row> {};

TEST_P(ScalableFault, IsRecordedWordByWord) {
    ScalableMachine machine;
    GetParam().arrange(machine);
    expect_fault(machine, GetParam(), true);
}

TEST_P(ScalableFault, IsSilencedByFpdIfTheTableSaysSo) {
    ScalableMachine machine;
    GetParam().arrange(machine);
    for (const std::uint64_t entry : {0x11200, 0x12200, 0x20000, 0x21000, 0x21040, 0x21080, 0x210c0})
        machine.ram.set(entry, machine.ram.get(entry) | 2);
    expect_fault(machine, GetParam(), !GetParam().qualified);
}

Row word(const char* condition, std::uint64_t address, std::uint64_t value, const iommu::Request& request,
         std::uint64_t high, bool qualified = true) {
    const std::uint64_t page = request.address.value & ~0xfffull;
    return {condition, [=](ScalableMachine& m) { m.ram.set(address, value); }, request, page, high, qualified};
}

constexpr auto nothing = [](ScalableMachine&) {};

iommu::Request of_type(iommu::RequestType type) {
    iommu::Request request = with_pasid(1, 0);
    request.type = type;
    return request;
}
iommu::Request privileged() {
    iommu::Request request = with_pasid(1, 0);
    request.privileged = true;
    return request;
}
iommu::Request executing() {
    iommu::Request request = with_pasid(1, 0);
    request.execute = true;
    return request;
}
constexpr iommu::Request upper{.source = {0x90}, .address = {}};

const Row rows[] = {
    {"RTA_1_reserved_mode", [](ScalableMachine& m) { m.set_root(0x10800); }, from_device(0), 0, 0xc000003000000010,
     false},
    {"RTA_1_abort_mode_not_offered", [](ScalableMachine& m) { m.set_root(0x10c00); }, from_device(0), 0,
     0xc000003000000010, false},
    {"RTA_2", [](ScalableMachine& m) { m.set_root(0x10000); }, with_pasid(0xabcde, 0x1000, write), 0x1000,
     0x8abcde3180000010, false},
    {"SRT_1", [](ScalableMachine& m) { m.set_root(hole | 0x400); }, with_pasid(1, 0), 0, 0xc000013880000010, false},
    word("SRT_2_lower", 0x10000, 0x11000, from_device(0), 0xc000003900000010, false),
    word("SRT_2_upper", 0x10008, 0x12000, upper, 0xc000003900000090, false),
    word("SRT_3_lower", 0x10000, 0x11003, from_device(0), 0xc000003a00000010, false),
    word("SRT_3_upper", 0x10008, 0x400000012001, upper, 0xc000003a00000090, false),
    word("SCT_1", 0x10000, hole | 1, from_device(0), 0xc000004000000010, false),
    word("SCT_2", 0x11200, 0x20008, with_pasid(1, 0x7000), 0xc000014180000010),
    {"SCT_2_upper", nothing, upper, 0, 0xc000004100000090},
    word("SCT_3", 0x11200, 0x20029, from_device(0), 0xc000004200000010),
    word("SCT_3_DTE_not_offered", 0x11200, 0x2000d, from_device(0), 0xc000004200000010),
    word("SCT_3_PRE_not_offered", 0x11200, 0x20019, from_device(0), 0xc000004200000010),
    word("SCT_4_RID_PASID_beyond_the_directory", 0x11208, 0x2000, from_device(0), 0xc000004300000010),
    {"SCT_5_translated", nothing, of_type(iommu::RequestType::Translated), 0, 0xc000014480000010},
    {"SCT_5_translation", nothing, of_type(iommu::RequestType::Translation), 0, 0xc000014480000010},
    word("SCT_6", 0x11200, 0x20001, with_pasid(1, 0), 0xc000014580000010),
    {"SCT_7", nothing, with_pasid(0x2000, 0x1000), 0x1000, 0xc020004680000010},
    {"SCT_7_largest", nothing, with_pasid(0xfffff, 0x1000), 0x1000, 0xcfffff4680000010},
    word("SPD_1", 0x11200, hole | 9, with_pasid(1, 0), 0xc000015080000010, false),
    word("SPD_2", 0x20000, 0x21000, with_pasid(1, 0), 0xc000015180000010),
    {"SPD_2_beyond_the_first_table", nothing, with_pasid(0x40, 0), 0, 0xc000405180000010},
    word("SPD_3", 0x20000, 0x21005, with_pasid(1, 0), 0xc000015280000010),
    word("SPT_1", 0x20000, hole | 1, with_pasid(1, 0), 0xc000015880000010, false),
    word("SPT_2", 0x21040, 0x40, with_pasid(1, 0), 0xc000015980000010),
    word("SPT_3", 0x21040, 0x61, with_pasid(1, 0), 0xc000015a80000010),
    word("SPT_3_last_word", 0x21078, 0x1, with_pasid(1, 0), 0xc000015a80000010),
    word("SPT_4_type_0", 0x21040, 0x1, with_pasid(1, 0), 0xc000015b80000010),
    word("SPT_4_type_5", 0x21040, 0x141, with_pasid(1, 0), 0xc000015b80000010),
    word("SPT_4_type_6", 0x21040, 0x181, with_pasid(1, 0), 0xc000015b80000010),
    word("SPT_4_type_7", 0x21040, 0x1c1, with_pasid(1, 0), 0xc000015b80000010),
    word("SPT_4_width_57_not_offered", 0x21000, 0x3008d, from_device(0), 0xc000005b00000010),
    word("SPT_4_width_0_nested", 0x21080, 0x500c1, with_pasid(2, 0), 0xc000025b80000010),
    word("SPT_4_five_levels_not_offered", 0x21050, 0x40005, with_pasid(1, 0), 0xc000015b80000010),
    word("SPT_4_paging_mode_2", 0x21050, 0x40009, with_pasid(1, 0), 0xc000015b80000010),
    {"SPT_5", nothing, executing(), 0, 0xc000015cc0000010},
    {"SPT_6", [](ScalableMachine& m) { m.ram.set(0x21050, 0x40000); }, privileged(), 0, 0xc000015da0000010},
};

INSTANTIATE_TEST_SUITE_P(Section7_1_3, ScalableFault, testing::ValuesIn(rows), name_of_row<ScalableMachine>);

// FPD counts wherever a request comes by: in the context entry, the directory entry and the PASID table entry.
TEST(ScalableFaultDisable, AtEachLevelAlone) {
    for (const std::uint64_t entry : {0x11200, 0x20000, 0x21040}) {
        ScalableMachine machine;
        machine.ram.set(entry, machine.ram.get(entry) | 2);
        EXPECT_EQ(machine.ask(1, 0x4000).fault_reason, 0x71u);
        EXPECT_EQ(machine.read32(0x34), 0u) << std::hex << entry;
        EXPECT_EQ(machine.ask({}, 0x3000).fault_reason, 0x79u);
        EXPECT_EQ(machine.read32(0x34), entry == 0x21040 ? 2u : 0u) << "another PASID, " << std::hex << entry;
    }
}

// What is found in a table entry does not silence what came before it.
TEST(ScalableFaultDisable, NotOfWhatWasNotRead) {
    ScalableMachine machine;
    machine.ram.set(0x21040, 0x43);
    machine.ram.set(0x20000, 0x21000);
    EXPECT_EQ(machine.ask(1, 0).fault_reason, 0x51u);
    EXPECT_EQ(machine.read32(0x34), 2u);
}

TEST(ScalableFaultDisable, CountsInACachedTranslationToo) {
    ScalableMachine machine;
    machine.ram.set(0x21042 & ~7ull, 0x43);
    EXPECT_TRUE(machine.ask(1, 0x1000).allowed);
    EXPECT_EQ(machine.ask(1, 0x1000, write).fault_reason, 0x85u);
    EXPECT_EQ(machine.read32(0x34), 0u);
}

}  // namespace
}  // namespace remap::test
