// SPDX-License-Identifier: MIT
// VT-d section 7.1.3, the conditions of legacy mode: LRT, LCT, LGN and LSS.
#include "iommu/tests/tables/fault_rows.h"

namespace remap::test {
namespace {

using Row = FaultRow<Machine>;

class LegacyFault : public testing::TestWithParam<Row> {
protected:
    static void start(Machine& machine) {
        machine.start();
        machine.ram.set(0x11000, 0x9);  // devfn 0: pass-through, domain 5, 48 bits
        machine.ram.set(0x11008, 0x502);
        GetParam().arrange(machine);
        machine.invalidate_all();
    }
};

TEST_P(LegacyFault, IsRecordedWordByWord) {
    Machine machine;
    start(machine);
    expect_fault(machine, GetParam(), true);
}

TEST_P(LegacyFault, IsSilencedByFpdIfTheTableSaysSo) {
    Machine machine;
    start(machine);
    machine.ram.set(0x11100, machine.ram.get(0x11100) | 2);
    machine.ram.set(0x11000, machine.ram.get(0x11000) | 2);
    machine.invalidate_all();
    expect_fault(machine, GetParam(), !GetParam().qualified);
}

Row word(const char* condition, std::uint64_t address, std::uint64_t value, const iommu::Request& request,
         std::uint64_t low, std::uint64_t high, bool qualified = true) {
    return {condition, [=](Machine& machine) { machine.ram.set(address, value); }, request, low, high, qualified};
}

constexpr auto nothing = [](Machine&) {};

iommu::Request of_type(iommu::RequestType type) {
    iommu::Request request = from_device(0);
    request.type = type;
    return request;
}

const Row rows[] = {
    {"LRT_1", [](Machine& m) { m.set_root(hole); }, from_device(0), 0, 0xc000000800000010, false},
    word("LRT_2", 0x10000, 0x11000, from_device(0), 0, 0xc000000100000010, false),
    word("LRT_3_low", 0x10000, 0x11003, from_device(0), 0, 0xc000000a00000010, false),
    word("LRT_3_high", 0x10008, 0x1, from_device(0), 0, 0xc000000a00000010, false),
    word("LCT_1", 0x10000, hole | 1, from_device(0), 0, 0xc000000900000010, false),
    word("LCT_2", 0x11100, 0x12000, from_device(0x5123), 0x5000, 0xc000000200000010),
    word("LCT_3_low", 0x11100, 0x12011, from_device(0), 0, 0xc000000b00000010),
    word("LCT_3_high", 0x11108, 0x1000701, from_device(0), 0, 0xc000000b00000010),
    word("LCT_4_1_width_57", 0x11108, 0x703, from_device(0), 0, 0xc000000300000010),
    word("LCT_4_1_width_30", 0x11108, 0x700, from_device(0), 0, 0xc000000300000010),
    word("LCT_4_2_type_1_without_device_TLBs", 0x11100, 0x12005, from_device(0), 0, 0xc000000300000010),
    word("LCT_4_2_type_3", 0x11100, 0x1200d, from_device(0), 0, 0xc000000300000010),
    word("LCT_4_3", 0x11100, hole | 1, from_device(0), 0, 0xc000000300000010),
    {"LCT_5_translated", nothing, of_type(iommu::RequestType::Translated), 0, 0xc000000d00000010},
    {"LCT_5_translation", nothing, of_type(iommu::RequestType::Translation), 0, 0xc000000d00000010},
    {"LGN_1_1", [](Machine& m) { m.ram.set(0x11108, 0x702); }, from_device(0x1000000000000), 0x1000000000000,
     0xc000000400000010},
    {"LGN_1_2", nothing, from_device(0x8000000000, write), 0x8000000000, 0x8000000400000010},
    {"LGN_1_3", nothing, {.source = {0x00}, .address = {0x400000000000}}, 0x400000000000, 0xc000000400000000},
    {"LGN_2", nothing, from_device(0x1fff, write), 0x1000, 0x8000000500000010},
    word("LGN_2_by_an_entry_above", 0x13000, 0x14001, from_device(0x0, write), 0x0, 0x8000000500000010),
    {"LGN_2_nothing_there", nothing, from_device(0x3000, write), 0x3000, 0x8000000500000010},
    {"LGN_3", nothing, from_device(0x2000), 0x2000, 0xc000000600000010},
    word("LGN_3_by_an_entry_above", 0x13000, 0x14002, from_device(0x0), 0x0, 0xc000000600000010),
    {"LGN_3_nothing_there", nothing, from_device(0x3000), 0x3000, 0xc000000600000010},
    word("LGN_4", 0x14000, 0xfee00003, from_device(0), 0, 0xc000000e00000010),
    word("LGN_4_last_page", 0x14000, 0xfeeff003, from_device(0), 0, 0xc000000e00000010),
    word("LSS_1_level_2", 0x12000, hole | 3, from_device(0), 0, 0xc000000700000010),
    word("LSS_1_level_1", 0x13000, hole | 3, from_device(0), 0, 0xc000000700000010),
    word("LSS_2_level_1", 0x14000, 0x400000055003, from_device(0), 0, 0xc000000c00000010),
    word("LSS_2_level_2", 0x13000, 0x14803, from_device(0), 0, 0xc000000c00000010),
    word("LSS_2_level_3", 0x12000, 0x400000013003, from_device(0), 0, 0xc000000c00000010),
    {"RTA_1_scalable_not_offered", [](Machine& m) { m.set_root(0x10400); }, from_device(0), 0, 0xc000003000000010,
     false},
    {"RTA_2_no_PASID_in_the_record_either",
     nothing, with_pasid(1, 0), 0, 0xc000003100000010, false},
};

INSTANTIATE_TEST_SUITE_P(Section7_1_3, LegacyFault, testing::ValuesIn(rows), name_of_row<Machine>);

// What decides is what the table's order says comes first.
TEST(LegacyFaultOrder, ReservedBitsBeforeInvalidValues) {
    Machine machine;
    machine.start();
    machine.ram.set(0x11100, 0x1201d);
    machine.invalidate_all();
    EXPECT_EQ(machine.reason(0x10, 0), 0xbu);
}

TEST(LegacyFaultOrder, TheContextEntryBeforeTheTypeOfTheRequest) {
    Machine machine;
    machine.start();
    machine.ram.set(0x11108, 0x703);
    machine.invalidate_all();
    EXPECT_EQ(machine.unit.translate(of_type(iommu::RequestType::Translated)).fault_reason, 0x3u);
}

// What a cached context entry of pass-through would give the device needs no table.
TEST(LegacyFaultOrder, APasidBeforeACachedContextEntry) {
    Machine machine;
    machine.start();
    machine.ram.set(0x11100, 0x9);
    machine.ram.set(0x11108, 0x502);
    machine.invalidate_all();
    EXPECT_TRUE(machine.access(0x10, 0x123000).allowed);
    EXPECT_EQ(machine.unit.translate(with_pasid(1, 0x123000)).fault_reason, 0x31u);
}

}  // namespace
}  // namespace remap::test
