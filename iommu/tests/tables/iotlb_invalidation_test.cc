// SPDX-License-Identifier: MIT
// IOTLB and PASID-based IOTLB invalidation: which granularity takes out which translations and which tables, and what it
// leaves (VT-d sections 6.5.1.2, 6.5.2.3 and 6.5.2.4).
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

namespace remap::test {
namespace {

// Something that is cached: how memory changes, and a request that tells by its answer whether it still is.
struct Cached {
    char letter;
    std::uint64_t at, word;      // the change
    int pasid;                   // of the request; -1 for none
    std::uint64_t address, now;  // and the answer by memory
};

const Cached cached[] = {
    // Second stage of domain 7: two pages, a page of 2 MiB and one of 1 GiB; and the table of 4 KiB leaves, by a page that
    // was not asked for. `q` is the first page once more, for requests with PASID 0.
    {'a', 0x33000, 0x166003, -1, 0x0, 0x166000},
    {'b', 0x33008, 0x167003, -1, 0x1000, 0x167000},
    {'c', 0x32008, 0xa00083, -1, 0x200000, 0xa00000},
    {'d', 0x31008, 0x80000083, -1, 0x40000000, 0x80000000},
    {'T', 0x32000, 0x34003, -1, 0x5000, 0x177000},
    {'q', 0x33000, 0x166003, 0, 0x0, 0x166000},
    // First stage of PASID 1 in domain 8: two pages, 2 MiB, 1 GiB, the upper half, the table.
    {'e', 0x43000, 0x266007, 1, 0x0, 0x266000},
    {'f', 0x43008, 0x267007, 1, 0x1000, 0x267000},
    {'g', 0x42008, 0xa00087, 1, 0x200000, 0xa00000},
    {'h', 0x41008, 0x80000087, 1, 0x40000000, 0x80000000},
    {'i', 0x43000, 0x266007, 1, 0xffffff8000000000, 0x266000},
    {'U', 0x42000, 0x44007, 1, 0x5000, 0x277000},
    // Nested, PASID 2 in domain 9: changes in the first stage and in the second; the tables of both.
    {'l', 0x73000, 0x11007, 2, 0x0, 0x356000},
    {'m', 0x53080, 0x366003, 2, 0x0, 0x366000},
    {'V', 0x72000, 0x7007, 2, 0x5000, 0x356000},
    {'W', 0x52000, 0x54003, 2, 0x5000, 0x377000},
};

void warm(ScalableMachine& machine) {
    machine.ram.set(0x34028, 0x177003);  // other tables, in which page 5 leads elsewhere
    machine.ram.set(0x44028, 0x277007);
    machine.ram.set(0x53038, 0x77003);   // guest-physical page 7
    machine.ram.set(0x77028, 0x11007);
    machine.ram.set(0x73028, 0x15007);
    machine.ram.set(0x530a8, 0x35a003);  // guest-physical page 0x15
    for (std::uint64_t at = 0; at < 0x1000; at += 8) machine.ram.set(0x54000 + at, machine.ram.get(0x53000 + at));
    machine.ram.set(0x540a8, 0x377003);
    machine.ram.set(0x33028, 0x15a003);
    machine.ram.set(0x43028, 0x25a007);
    for (const Cached& one : cached) {
        if (one.letter >= 'a') machine.at(one.pasid < 0 ? std::nullopt : std::optional<std::uint32_t>(one.pasid), one.address);
    }
}

struct Row {
    const char* name;
    std::uint64_t low, high;
    const char* gone;

    friend void PrintTo(const Row& row, std::ostream* to) { *to << row.name; }
};

class IotlbInvalidation : public testing::TestWithParam<Row> {};

TEST_P(IotlbInvalidation, TakesOutThisAndLeavesThat) {
    std::string gone;
    for (const Cached& one : cached) {
        ScalableMachine machine;
        warm(machine);
        machine.ram.set(one.at, one.word);
        EXPECT_EQ(machine.command(GetParam().low, GetParam().high), 0u);
        const auto pasid = one.pasid < 0 ? std::nullopt : std::optional<std::uint32_t>(one.pasid);
        if (machine.at(pasid, one.address) == one.now) gone += one.letter;
    }
    EXPECT_EQ(gone, GetParam().gone);
}

const Row rows[] = {
    {"Global", 0x12, 0, "abcdTqefghiUlmVW"},
    {"Domain_OfSecondStage", 0x00070022, 0, "abcdTq"},
    {"Domain_OfFirstStage", 0x00080022, 0, "efghiU"},
    {"Domain_OfNested", 0x00090022, 0, "lmVW"},
    {"Domain_OfNobody", 0x000b0022, 0, ""},
    {"Domain_IgnoresAddress", 0x00070022, 0x40000040, "abcdTq"},
    {"Domain_WithDrains", 0x000700e2, 0, "abcdTq"},
    {"Page_OfSecondStage", 0x00070032, 0x0, "aTq"},
    {"Page_LeavesOnly", 0x00070032, 0x0040, "aq"},
    {"Page_AnyOfTheTable", 0x00070032, 0x9000, "T"},
    {"Page_Mask1", 0x00070032, 0x0001, "abTq"},
    {"Page_MaskedAddressBitsAreIgnored", 0x00070032, 0x1001, "abTq"},
    {"Page_OfHugePage2M", 0x00070032, 0x345000, "c"},
    {"Page_OfHugePage1G", 0x00070032, 0x7ffff000, "d"},
    {"Page_Mask9", 0x00070032, 0x1ff009, "abTq"},
    {"Page_Mask18", 0x00070032, 0x12, "abcTq"},
    {"Page_BeyondTheWidthIsCutOff", 0x00070032, 0xffff000000001000, "bT"},
    {"Page_OfAnotherDomain", 0x00060032, 0x12, ""},
    {"Page_TakesAllWithAFirstStage", 0x00080032, 0x7f000000, "efghiU"},
    {"Page_TakesAllThatIsNestedAndLeavesTheSecondStagesTables", 0x00090032, 0x7f000000, "lmV"},
    {"Page_OfTheNestedSecondStage", 0x00090032, 0x15000, "lmVW"},
    {"Page_OfTheNestedSecondStageLeavesOnly", 0x00090032, 0x15040, "lmV"},
    {"Pasid_OfFirstStage", 0x0000000100080026, 0, "efghiU"},
    {"Pasid_OfNested", 0x0000000200090026, 0, "lmV"},
    {"Pasid_OfRidPasidTakesItsTranslationsAndLeavesTheTables", 0x0000000000070026, 0, "abcdq"},
    {"Pasid_InAnotherDomain", 0x0000000100090026, 0, ""},
    {"Pasid_Another", 0x0000000300080026, 0, ""},
    {"Pasid_IgnoresAddress", 0x0000000100080026, 0xfffffffffffff07f, "efghiU"},
    {"PasidPage_OfFirstStage", 0x0000000100080036, 0x0, "eU"},
    {"PasidPage_LeavesOnly", 0x0000000100080036, 0x0040, "e"},
    {"PasidPage_Mask1", 0x0000000100080036, 0x1041, "ef"},
    {"PasidPage_OfHugePage2M", 0x0000000100080036, 0x3ff000, "g"},
    {"PasidPage_OfHugePage1G", 0x0000000100080036, 0x40000000, "h"},
    {"PasidPage_Mask18", 0x0000000100080036, 0x12, "efgU"},
    {"PasidPage_Mask36IsAllOfALowerHalf", 0x0000000100080036, 0x64, "efgh"},
    {"PasidPage_UpperHalf", 0x0000000100080036, 0xffffff8000000000, "i"},
    {"PasidPage_Mask63IsAll", 0x0000000100080036, 0x3f, "efghiU"},
    {"PasidPage_OfNested", 0x0000000200090036, 0x0, "lmV"},
    {"PasidPage_OfNestedLeavesOnly", 0x0000000200090036, 0x40, "lm"},
    {"PasidPage_OfNestedAnother", 0x0000000200090036, 0x9040, ""},
    {"PasidPage_LeavesSecondStages", 0x0000000000070036, 0x3f, ""},
    {"PasidPage_InAnotherDomain", 0x0000000100070036, 0x3f, ""},
    {"Context_GlobalLeavesAll", 0x11, 0, ""},
    {"PasidCache_GlobalLeavesAll", 0x37, 0, ""},
};

INSTANTIATE_TEST_SUITE_P(Section6_5_2, IotlbInvalidation, testing::ValuesIn(rows),
                         [](const auto& info) { return std::string(info.param.name); });

// The same by IOTLB_REG and IVA_REG, in legacy mode.
struct RegisterRow {
    const char* name;
    std::uint64_t iva, command, done;
    const char* gone;  // a: page 0, b: page 1, c: 2 MiB, d: 1 GiB, T: table of page 0

    friend void PrintTo(const RegisterRow& row, std::ostream* to) { *to << row.name; }
};

class IotlbRegister : public testing::TestWithParam<RegisterRow> {};

TEST_P(IotlbRegister, TakesOutThisAndLeavesThat) {
    const Cached lines[] = {{'a', 0x14000, 0x66003, -1, 0x0, 0x66000},
                            {'b', 0x14008, 0x67003, -1, 0x1000, 0x67000},
                            {'c', 0x13008, 0xa00083, -1, 0x200000, 0xa00000},
                            {'d', 0x12008, 0x80000083, -1, 0x40000000, 0x80000000},
                            {'T', 0x13000, 0x15003, -1, 0x5000, 0x77000}};
    std::string gone;
    for (const Cached& one : lines) {
        Machine machine;
        machine.start();
        machine.ram.set(0x15028, 0x77003);
        for (const std::uint64_t address : {0x0, 0x1000, 0x200000, 0x40000000}) machine.access(0x10, address);
        machine.ram.set(one.at, one.word);
        machine.write64(0xf0, GetParam().iva);
        machine.write64(0xf8, GetParam().command);
        EXPECT_EQ(machine.read64(0xf8), GetParam().done);
        EXPECT_EQ(machine.read64(0xf0), 0u) << "IVA_REG is write only";
        if (machine.access(0x10, one.address).address.value == one.now) gone += one.letter;
    }
    EXPECT_EQ(gone, GetParam().gone);
}

const RegisterRow registers[] = {
    {"Global", 0, 0x9000000000000000, 0x1200000000000000, "abcdT"},
    {"GlobalWithDrains", 0, 0x9003000000000000, 0x1203000000000000, "abcdT"},
    {"Domain", 0, 0xa000000700000000, 0x2400000700000000, "abcdT"},
    {"DomainOther", 0, 0xa000000800000000, 0x2400000800000000, ""},
    {"Page", 0x0, 0xb000000700000000, 0x3600000700000000, "aT"},
    {"PageLeavesOnly", 0x40, 0xb000000700000000, 0x3600000700000000, "a"},
    {"PageMask9", 0x9, 0xb000000700000000, 0x3600000700000000, "abT"},
    {"PageMask18", 0x12, 0xb000000700000000, 0x3600000700000000, "abcT"},
    {"PageMask19IsRefused", 0x13, 0xb000000700000000, 0x3000000700000000, ""},
    {"PageOtherDomain", 0x12, 0xb000000800000000, 0x3600000800000000, ""},
    {"Granularity0", 0x0, 0x8000000700000000, 0x0000000700000000, ""},
    {"NotSubmitted", 0x0, 0x3000000700000000, 0x3000000700000000, ""},
};

INSTANTIATE_TEST_SUITE_P(Section11_4_6, IotlbRegister, testing::ValuesIn(registers),
                         [](const auto& info) { return std::string(info.param.name); });

// Every mask takes out the pages that differ below it and no other: pages 0 and 2^k, of one table that all entries above
// lead to.
TEST(AddressMasks, FromNoneToAll) {
    for (const bool first_stage : {false, true}) {
        const unsigned most = first_stage ? 63 : 18;
        for (unsigned mask = 0; mask <= most; ++mask) {
            ScalableMachine machine;
            const std::uint64_t tables = first_stage ? 0x40000 : 0x30000;
            const std::uint64_t rights = first_stage ? 7 : 3;
            for (std::uint64_t i = 0; i < 512; ++i) {
                for (std::uint64_t level = 0; level < 3; ++level)
                    machine.ram.set(tables + level * 0x1000 + 8 * i, (tables + level * 0x1000 + 0x1000) | rights);
                machine.ram.set(tables + 0x3000 + 8 * i, 0x100000 | rights);
            }
            const unsigned bits = first_stage ? 35 : 36;  // the lower half of 48 bits, or all of them
            const std::optional<std::uint32_t> pasid = first_stage ? std::optional<std::uint32_t>(1) : std::nullopt;
            const auto page = [](unsigned k) { return k == 0 ? 0ull : 0x1000ull << (k - 1); };
            for (unsigned k = 0; k <= bits; ++k) machine.ask(pasid, page(k));
            for (std::uint64_t i = 0; i < 512; ++i) machine.ram.set(tables + 0x3000 + 8 * i, 0x200000 | rights);
            const std::uint64_t low = first_stage ? 0x0000000100080036 : 0x00070032;
            EXPECT_EQ(machine.command(low, mask | 0x40), 0u);
            for (unsigned k = 0; k <= bits; ++k)
                EXPECT_EQ(machine.at(pasid, page(k)), k <= mask ? 0x200000u : 0x100000u) << k << " with mask " << mask;
        }
    }
}

// PASIDs that share a domain: what names one of them leaves the other's translations and tables.
TEST(PasidsOfOneDomain, AreInvalidatedOneByOne) {
    ScalableMachine machine;
    machine.set_pasid(4, 0x41, 0x800008, 0x90001);  // first stage at 0x90000, domain 8 as PASID 1
    machine.ram.set(0x90000, 0x91007);
    machine.ram.set(0x91000, 0x92007);
    machine.ram.set(0x92000, 0x93007);
    machine.ram.set(0x93000, 0x455007);
    machine.ram.set(0x93028, 0x45a007);
    EXPECT_EQ(machine.at(1, 0x0), 0x255000u);
    EXPECT_EQ(machine.at(4, 0x0), 0x455000u);

    machine.ram.set(0x43000, 0x266007);
    machine.ram.set(0x93000, 0x466007);
    machine.ram.set(0x92000, 0x94007);  // another table of leaves
    machine.ram.set(0x94000, 0x477007);
    EXPECT_EQ(machine.command(0x0000000100080036, 0x0), 0u);  // the page
    EXPECT_EQ(machine.at(1, 0x0), 0x266000u);
    EXPECT_EQ(machine.at(4, 0x0), 0x455000u);
    EXPECT_EQ(machine.command(0x0000000100080026), 0u);  // all of the PASID
    EXPECT_EQ(machine.at(4, 0x0), 0x455000u);
    EXPECT_EQ(machine.at(4, 0x5000), 0x45a000u) << "by the table that was cached";
    EXPECT_EQ(machine.command(0x0000000400080036, 0x0), 0u);
    EXPECT_EQ(machine.at(4, 0x0), 0x477000u);
}

}  // namespace
}  // namespace remap::test
