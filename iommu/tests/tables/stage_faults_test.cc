// SPDX-License-Identifier: MIT
// VT-d section 7.1.3, the conditions of scalable mode that paging entries and addresses make: SFS, SSS, SGN.
#include "iommu/tests/scalable_machine.h"
#include "iommu/tests/tables/fault_rows.h"

namespace remap::test {
namespace {

using Row = FaultRow<ScalableMachine>;

class StageFault : public testing::TestWithParam<Row> {};

TEST_P(StageFault, IsRecordedWordByWord) {
    ScalableMachine machine;
    GetParam().arrange(machine);
    expect_fault(machine, GetParam(), true);
}

// All of these are qualified.
TEST_P(StageFault, IsSilencedByFpd) {
    ScalableMachine machine;
    GetParam().arrange(machine);
    for (const std::uint64_t entry : {0x21000, 0x21040, 0x21080, 0x210c0})
        machine.ram.set(entry, machine.ram.get(entry) | 2);
    expect_fault(machine, GetParam(), false);
}

Row word(const char* condition, std::uint64_t address, std::uint64_t value, const iommu::Request& request,
         std::uint64_t high) {
    const std::uint64_t page = request.address.value & ~0xfffull;
    return {condition, [=](ScalableMachine& m) { m.ram.set(address, value); }, request, page, high};
}

constexpr auto nothing = [](ScalableMachine&) {};

iommu::Request privileged(std::uint32_t pasid, std::uint64_t address, iommu::Access access) {
    iommu::Request request = with_pasid(pasid, address, access);
    request.privileged = true;
    return request;
}

void set_read_only(ScalableMachine& machine, std::uint64_t page) { machine.ram.read_only = PhysicalPage{page}; }

// PASID 2's second stage has three levels, and its first stage lies beyond them.
void narrow_second_stage(ScalableMachine& machine) {
    machine.ram.set(0x21080, 0x510c5);
    machine.ram.set(0x21090, 0x8000002001);
}

const Row rows[] = {
    word("SFS_1_level_3", 0x40000, hole | 7, with_pasid(1, 0), 0xc000017080000010),
    word("SFS_1_level_1", 0x42000, hole | 7, with_pasid(1, 0), 0xc000017080000010),
    word("SFS_2_level_4", 0x40000, 0x41006, with_pasid(1, 0), 0xc000017180000010),
    word("SFS_2_level_1", 0x43000, 0x0, with_pasid(1, 0x123, write), 0x8000017180000010),
    word("SFS_3_level_1", 0x43000, 0x400000255007, with_pasid(1, 0), 0xc000017280000010),
    word("SFS_3_level_4", 0x40000, 0x41087, with_pasid(1, 0), 0xc000017280000010),
    word("SFS_4", 0x21050, hole | 1, with_pasid(1, 0), 0xc000017380000010),
    {"SFS_5", narrow_second_stage, with_pasid(2, 0), 0, 0xc000027480000010},
    word("SFS_6", 0x53010, 0x70002, with_pasid(2, 0), 0xc000027580000010),
    word("SFS_7_level_3", 0x53018, 0x71002, with_pasid(2, 0), 0xc000027680000010),
    word("SFS_7_level_1", 0x53028, 0x73002, with_pasid(2, 0), 0xc000027680000010),
    word("SFS_8_level_4", 0x53010, 0x70001, with_pasid(2, 0), 0xc000027780000010),
    word("SFS_8_level_1", 0x53028, 0x73001, with_pasid(2, 0), 0xc000027780000010),
    word("SFS_9", 0x21048, 0x8, with_pasid(1, 0), 0xc000019080000010),
    {"SFS_10", [](ScalableMachine& m) { set_read_only(m, 0x43); }, with_pasid(1, 0), 0, 0xc000019180000010},
    {"SFS_10_nested", [](ScalableMachine& m) { set_read_only(m, 0x73); }, with_pasid(2, 0), 0, 0xc000029180000010},
    word("SSS_1_level_3", 0x30000, hole | 3, from_device(0), 0xc000007800000010),
    word("SSS_1_level_1", 0x32000, hole | 3, from_device(0), 0xc000007800000010),
    word("SSS_2_level_4", 0x30000, 0x31000, from_device(0), 0xc000007900000010),
    word("SSS_2_level_1", 0x33000, 0x155004, from_device(0, write), 0x8000007900000010),
    {"SSS_2_no_right_is_left", [](ScalableMachine& m) { m.ram.set(0x32000, 0x33001); }, from_device(0x2000), 0x2000,
     0xc000007900000010},
    word("SSS_2_of_a_nested_entry", 0x53028, 0x0, with_pasid(2, 0), 0xc000027980000010),
    word("SSS_3_level_1", 0x33000, 0x400000155003, from_device(0), 0xc000007a00000010),
    word("SSS_3_level_4", 0x30000, 0x31083, from_device(0), 0xc000007a00000010),
    word("SSS_4", 0x21000, hole | 0x89, from_device(0), 0xc000007b00000010),
    word("SSS_4_nested", 0x21080, hole | 0xc9, with_pasid(2, 0), 0xc000027b80000010),
    {"SSS_5",
     [](ScalableMachine& m) { m.set_pasid(0, 0x30289, 0x7, 0); }, from_device(0), 0, 0xc000007c00000010},
    {"SSS_6",
     [](ScalableMachine& m) {
         m.ram.set(0x21000, 0x30289);
         set_read_only(m, 0x33);
     },
     from_device(0), 0, 0xc000007d00000010},
    {"SSS_6_of_a_nested_entry",
     [](ScalableMachine& m) {
         m.ram.set(0x21080, 0x502c9);
         set_read_only(m, 0x53);
     },
     with_pasid(2, 0), 0, 0xc000027d80000010},
    {"SGN_1", nothing, with_pasid(1, 0x800000000000), 0x800000000000, 0xc000018080000010},
    {"SGN_1_last", nothing, with_pasid(1, 0xffff7fffffffffff, write), 0xffff7ffffffff000, 0x8000018080000010},
    {"SGN_2_read", nothing, with_pasid(1, 0x2000), 0x2000, 0xc000018180000010},
    {"SGN_2_write", nothing, with_pasid(1, 0x2000, write), 0x2000, 0x8000018180000010},
    {"SGN_2_nested", nothing, with_pasid(2, 0x4000), 0x4000, 0xc000028180000010},
    {"SGN_4", nothing, with_pasid(3, 0x400000000000), 0x400000000000, 0xc000038380000010},
    {"SGN_5", nothing, from_device(0x1000000000000), 0x1000000000000, 0xc000008400000010},
    word("SGN_5_by_the_domain", 0x21000, 0x31085, from_device(0x8000000000), 0xc000008400000010),
    word("SGN_5_nested", 0x73000, 0x8000001000007, with_pasid(2, 0), 0xc000028480000010),
    {"SGN_6_first_stage", nothing, with_pasid(1, 0x1000, write), 0x1000, 0x8000018580000010},
    {"SGN_6_second_stage", nothing, from_device(0x1000, write), 0x1000, 0x8000008500000010},
    {"SGN_6_nested_by_the_first", nothing, with_pasid(2, 0x3000, write), 0x3000, 0x8000028580000010},
    {"SGN_6_nested_by_the_second", nothing, with_pasid(2, 0x1000, write), 0x1000, 0x8000028580000010},
    {"SGN_6_supervisor_with_WPE", [](ScalableMachine& m) { m.ram.set(0x21050, 0x40011); },
     privileged(1, 0x3000, write), 0x3000, 0x80000185a0000010},
    {"SGN_7_second_stage", nothing, from_device(0x2000), 0x2000, 0xc000008600000010},
    {"SGN_7_nested", nothing, with_pasid(2, 0x2000), 0x2000, 0xc000028680000010},
    word("SGN_8_first_stage", 0x43000, 0xfee00007, with_pasid(1, 0), 0xc000018780000010),
    word("SGN_8_second_stage", 0x33000, 0xfeeff003, from_device(0, write), 0x8000008700000010),
    word("SGN_8_nested", 0x53080, 0xfee01003, with_pasid(2, 0), 0xc000028780000010),
    {"SGN_8_pass_through", nothing, with_pasid(3, 0xfee00000, write), 0xfee00000, 0x8000038780000010},
};

INSTANTIATE_TEST_SUITE_P(Section7_1_3, StageFault, testing::ValuesIn(rows), name_of_row<ScalableMachine>);

// A refused write leaves no page dirty, whatever refused it.
TEST(StageFaultMarks, NothingIsDirtyAfterARefusedWrite) {
    ScalableMachine machine;
    machine.ram.set(0x21000, 0x30289);
    machine.ram.set(0x33018, 0xfee00003);
    machine.ram.set(0x43020, 0xfee00007);
    EXPECT_EQ(machine.ask({}, 0x1000, write).fault_reason, 0x85u);
    EXPECT_EQ(machine.ask({}, 0x3000, write).fault_reason, 0x87u);
    EXPECT_EQ(machine.ask(1, 0x1000, write).fault_reason, 0x85u);
    EXPECT_EQ(machine.ask(1, 0x2000, write).fault_reason, 0x81u);
    EXPECT_EQ(machine.ask(1, 0x4000, write).fault_reason, 0x87u);
    EXPECT_EQ(machine.ram.get(0x33008), 0x156001u);
    EXPECT_EQ(machine.ram.get(0x33018), 0xfee00003u);
    EXPECT_EQ(machine.ram.get(0x43008), 0x256005u);
    EXPECT_EQ(machine.ram.get(0x43010), 0x257003u);
    EXPECT_EQ(machine.ram.get(0x43020), 0xfee00007u);
    EXPECT_EQ(machine.ram.get(0x40000), 0x41007u);
}

// What lies below an entry without any right is not looked at.
TEST(StageFaultOrder, NoRightLeftBeforeWhatIsWrongBelow) {
    ScalableMachine machine;
    machine.ram.set(0x31000, 0x32001);
    machine.ram.set(0x32000, hole | 2);
    EXPECT_EQ(machine.ask({}, 0).fault_reason, 0x79u);
}

// Other entries come before the right, which is judged when the leaf is known: the same with cold and warm caches.
TEST(StageFaultOrder, WhatIsWrongBelowBeforeAMissingRight) {
    ScalableMachine machine;
    machine.ram.set(0x31000, 0x32001);
    machine.ram.set(0x33018, 0x400000158003);
    EXPECT_EQ(machine.ask({}, 0x3000, write).fault_reason, 0x7au);
    EXPECT_TRUE(machine.ask({}, 0x0).allowed);
    EXPECT_EQ(machine.ask({}, 0x3000, write).fault_reason, 0x7au);
    EXPECT_EQ(machine.ask({}, 0x4000, write).fault_reason, 0x79u);
}

}  // namespace
}  // namespace remap::test
