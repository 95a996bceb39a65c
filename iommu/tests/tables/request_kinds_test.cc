// SPDX-License-Identifier: MIT
// What each kind of request meets with each translation type (VT-d sections 3.4, 3.15, 9.3, 9.4 and 9.6).
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace remap::test {
namespace {

constexpr std::uint64_t refused = 1ull << 63;  // with the reason
constexpr auto read = iommu::Access::Read;
constexpr auto write = iommu::Access::Write;
constexpr auto untranslated = iommu::RequestType::Untranslated;
constexpr auto translation = iommu::RequestType::Translation;
constexpr auto translated = iommu::RequestType::Translated;
constexpr std::uint32_t none = ~0u;  // no PASID

struct Row {
    const char* name;
    std::uint64_t entry;  // legacy mode: the context entry's low word
    std::uint32_t pasid;
    iommu::RequestType type;
    iommu::Access access;
    std::uint64_t address;
    std::uint64_t expected;
    bool privileged = false;
    bool execute = false;

    friend void PrintTo(const Row& row, std::ostream* to) { *to << row.name; }
    iommu::Request request() const {
        iommu::Request made{.source = {0x10}, .address = {address}, .access = access, .type = type};
        if (pasid != none) made.pasid = iommu::Pasid{pasid};
        made.privileged = privileged;
        made.execute = execute;
        return made;
    }
};

void expect(iommu::Iommu& unit, const Row& row) {
    for (int time = 0; time < 2; ++time) {
        const iommu::Translation result = unit.translate(row.request());
        EXPECT_EQ(result.allowed ? result.address.value : refused | result.fault_reason, row.expected);
        EXPECT_EQ(unit.probe(row.request()).allowed, result.allowed);
    }
}
std::string name_of(const testing::TestParamInfo<Row>& info) { return info.param.name; }

class LegacyRequest : public testing::TestWithParam<Row> {};

TEST_P(LegacyRequest, MeetsItsTranslationType) {
    Machine machine;
    machine.start();
    machine.ram.set(0x11100, GetParam().entry);
    machine.invalidate_all();
    expect(machine.unit, GetParam());
}

const Row legacy[] = {
    {"Type0_Untranslated", 0x12001, none, untranslated, read, 0x123, 0x55123},
    {"Type0_Write", 0x12001, none, untranslated, write, 0x123, 0x55123},
    {"Type0_Translation", 0x12001, none, translation, read, 0x0, refused | 0xd},
    {"Type0_Translated", 0x12001, none, translated, read, 0x0, refused | 0xd},
    {"Type0_WithPasid", 0x12001, 1, untranslated, read, 0x0, refused | 0x31},
    {"Type0_PrivilegeCountsWithAPasidOnly", 0x12001, none, untranslated, write, 0x123, 0x55123, true},
    {"Type1_NotOffered", 0x12005, none, untranslated, read, 0x0, refused | 0x3},
    {"Type1_TranslatedNotOffered", 0x12005, none, translated, read, 0x0, refused | 0x3},
    {"Type2_Untranslated", 0x12009, none, untranslated, write, 0x123456789a, 0x123456789a},
    {"Type2_RootIsIgnored", 0xffffffff00000009, none, untranslated, read, 0x5000, 0x5000},
    {"Type2_Translation", 0x12009, none, translation, read, 0x0, refused | 0xd},
    {"Type2_Translated", 0x12009, none, translated, read, 0x0, refused | 0xd},
    {"Type2_InterruptRead", 0x12009, none, untranslated, read, 0xfee00000, refused | 0x6},
    {"Type3", 0x1200d, none, untranslated, read, 0x0, refused | 0x3},
    {"AbsentEntry_InterruptWrite", 0x0, none, untranslated, write, 0xfee01234, 0xfee01234},
    {"AbsentEntry_BelowInterrupts", 0x0, none, untranslated, write, 0xfedffffc, refused | 0x2},
    {"AbsentEntry_AboveInterrupts", 0x0, none, untranslated, write, 0xfef00000, refused | 0x2},
    {"Type0_InterruptRead", 0x12001, none, untranslated, read, 0xfeefffff, refused | 0x6},
};

INSTANTIATE_TEST_SUITE_P(Section9_3, LegacyRequest, testing::ValuesIn(legacy), name_of);

class ScalableRequest : public testing::TestWithParam<Row> {};

TEST_P(ScalableRequest, MeetsItsTranslationType) {
    ScalableMachine machine;
    if (GetParam().entry != 0) machine.ram.set(0x11208, GetParam().entry);  // RID_PASID
    expect(machine.unit, GetParam());
}

const Row scalable[] = {
    {"SecondStage_WithoutPasid", 0, none, untranslated, write, 0x123, 0x155123},
    {"SecondStage_WithPasid", 0, 0, untranslated, write, 0x123, 0x155123},
    {"SecondStage_Privileged", 0, 0, untranslated, write, 0x123, 0x155123, true},
    {"SecondStage_PrivilegeWithoutPasid", 0, none, untranslated, write, 0x1000, refused | 0x85, true},
    {"SecondStage_PrivilegedIsNoRight", 0, 0, untranslated, write, 0x1000, refused | 0x85, true},
    {"SecondStage_Execute", 0, 0, untranslated, read, 0x0, refused | 0x5c, false, true},
    {"SecondStage_ExecuteWithoutPasid", 0, none, untranslated, read, 0x0, 0x155000, false, true},
    {"FirstStage_AsRidPasid", 0x1, none, untranslated, read, 0x123, 0x255123},
    {"FirstStage_AsRidPasidPrivilegeDoesNotCount", 0x1, none, untranslated, read, 0x2000, refused | 0x81, true},
    {"FirstStage_User", 0, 1, untranslated, read, 0x2000, refused | 0x81},
    {"FirstStage_Supervisor", 0, 1, untranslated, read, 0x2000, 0x257000, true},
    {"FirstStage_UserPageForSupervisor", 0, 1, untranslated, read, 0x0, 0x255000, true},
    {"FirstStage_Execute", 0, 1, untranslated, read, 0x0, refused | 0x5c, false, true},
    {"Nested_AsRidPasid", 0x2, none, untranslated, read, 0x123, 0x355123},
    {"Nested_User", 0, 2, untranslated, read, 0x123, 0x355123},
    {"Nested_Supervisor", 0, 2, untranslated, write, 0x4000, 0x355000, true},
    {"PassThrough_AsRidPasid", 0x3, none, untranslated, write, 0x123456789a, 0x123456789a},
    {"PassThrough_WithPasid", 0, 3, untranslated, write, 0x123456789a, 0x123456789a},
    {"PassThrough_Privileged", 0, 3, untranslated, write, 0x123456789a, 0x123456789a, true},
    {"Translation_WithoutDte", 0, none, translation, read, 0x0, refused | 0x44},
    {"Translated_WithoutDte", 0, 3, translated, read, 0x0, refused | 0x44},
    {"Interrupt_WriteWithoutPasid", 0x3fff, none, untranslated, write, 0xfee00000, 0xfee00000},
    {"Interrupt_ReadWithoutPasid", 0, none, untranslated, read, 0xfee00000, refused | 0x86},
    {"Interrupt_RangeWithPasidIsMemory", 0, 1, untranslated, write, 0xfee00000, refused | 0x71},
    {"Interrupt_RangeWithPasidPassesNot", 0, 3, untranslated, read, 0xfeefffff, refused | 0x87},
};

INSTANTIATE_TEST_SUITE_P(Section9_6, ScalableRequest, testing::ValuesIn(scalable), name_of);

TEST(TranslationOff, EverythingPasses) {
    Machine machine;
    machine.write_tables();
    machine.set_root();
    for (const std::uint64_t address : {0x0ull, 0x1000ull, 0xfee00000ull, 0x123456789abcull}) {
        for (const iommu::Access access : {read, write})
            EXPECT_EQ(machine.access(0x10, address, access).address.value, address);
    }
}

// The answer says how far it reaches: to the end of the page, of the huge page, or of what is not interrupts.
TEST(Granules, OfEachAnswer) {
    ScalableMachine machine;
    EXPECT_EQ(machine.ask({}, 0x123).granule, 0x1000u);
    EXPECT_EQ(machine.ask({}, 0x200123).granule, 0x200000u);
    EXPECT_EQ(machine.ask({}, 0x40000123).granule, 0x40000000u);
    EXPECT_EQ(machine.ask(3, 0x123).granule, 0x100000u);
    EXPECT_EQ(machine.ask({}, 0xfee00000, write).granule, 0x100000u);
    machine.ram.set(0x31018, 0xc0000083);
    EXPECT_EQ(machine.ask({}, 0xc0000000).granule, 0x100000u) << "interrupts lie in it";
    EXPECT_EQ(machine.ask({}, 0xfed00000, write).granule, 0x100000u);
    EXPECT_EQ(machine.ask(0, 0xfee00000).fault_reason, 0x87u);
}

}  // namespace
}  // namespace remap::test
