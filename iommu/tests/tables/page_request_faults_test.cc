// SPDX-License-Identifier: MIT
// VT-d section 7.1.3, the conditions under which a page request is blocked: RTA, SRT and SCT, of which RTA.3 and SCT.8
// are of page requests only. What lies below the context entry is not looked at: that is for software to judge.
#include "iommu/tests/device_bench.h"

#include <ostream>
#include <string>
#include <utility>

namespace remap::test {
namespace {

using iommu::PageRequest;
using iommu::Pasid;

constexpr std::uint64_t hole = 0x3f0000000000;  // below the host address width, and no memory there

struct Row {
    const char* condition;  // the manual's code, and which case of it
    std::uint64_t at;       // a word of the tables, and what it is to be
    std::uint64_t word;
    PageRequest request;
    std::uint64_t high;  // of the fault record: F, T2, FR, SID and what the request's PASID adds
    bool qualified = true;

    friend void PrintTo(const Row& row, std::ostream* to) { *to << row.condition; }
};

constexpr std::uint64_t page = 0x12345000;

constexpr PageRequest from(std::uint16_t source) {
    return {.source = {source}, .address = {page}, .write = true, .group = 9};
}
constexpr PageRequest with_pasid(std::uint32_t pasid, std::uint16_t source = 0x10) {
    PageRequest request = from(source);
    request.pasid = Pasid{pasid};
    return request;
}

class PageRequestFault : public DeviceBench, public testing::WithParamInterface<Row> {
protected:
    // Asked twice: what the caches have kept of the first time changes nothing.
    void expect(bool recorded) {
        const Row& row = GetParam();
        for (unsigned time = 1; time <= 2; ++time) {
            unit.request_page(row.request);
            ASSERT_EQ(devices.answers.size(), time);
            EXPECT_EQ(devices.answers.back().code, vtd::PageResponse::InvalidRequest);
            EXPECT_EQ(devices.answers.back().group, 9);
            EXPECT_EQ(devices.answers.back().pasid, row.request.pasid);
        }
        EXPECT_EQ(read32(0x34), recorded ? 0x2u : 0x0u);
        EXPECT_EQ(read64(0x220), recorded ? page : 0u);
        EXPECT_EQ(read64(0x228), recorded ? row.high : 0u);
        EXPECT_EQ(read64(0x238), 0u) << "one record";
        EXPECT_EQ(read64(0xc8), 0u) << "nothing in the queue";
    }
    void forget_everything() {
        put(0x11, 0);
        put(0x37, 0);
        put(0x12, 0);
        put_wait(1);
        submit();
        ASSERT_EQ(waited(), 1u);
    }
};

TEST_P(PageRequestFault, IsRecordedWordByWordAndAnsweredByTheUnit) {
    ram.set(GetParam().at, GetParam().word);
    forget_everything();
    expect(true);
}

TEST_P(PageRequestFault, IsSilencedByFpdIfTheTableSaysSo) {
    ram.set(GetParam().at, GetParam().word);
    for (const std::uint64_t entry : {0x11100, 0x11200, 0x11300, 0x11400}) ram.set(entry, ram.get(entry) | 2);
    forget_everything();
    expect(!GetParam().qualified);
}

constexpr std::uint64_t anywhere = 0x50000;

const Row rows[] = {
    {"SCT_1", 0x10000, hole | 1, from(0x10), 0x8000004010000010, false},
    {"SRT_2", anywhere, 0, from(0x110), 0x8000003910000110, false},
    {"SRT_3", 0x10000, 0x11003, from(0x10), 0x8000003a10000010, false},
    {"SCT_2", anywhere, 0, from(0x08), 0x8000004110000008},
    {"SCT_3", 0x11200, 0x1203d, with_pasid(5), 0x8000054290000010},
    {"SCT_4_RID_PASID_beyond_the_directory", 0x11208, 0x2000, from(0x10), 0x8000004310000010},
    {"SCT_6", 0x11200, 0x12015, with_pasid(5), 0x8000054590000010},
    {"SCT_7", anywhere, 0, with_pasid(0x2000), 0x8020004690000010},
    {"SCT_8", 0x11200, 0x1200d, from(0x10), 0x8000004710000010},
    {"SCT_8_with_a_PASID", 0x11200, 0x1200d, with_pasid(5), 0x8000054790000010},
};

std::string name_of(const testing::TestParamInfo<Row>& info) { return info.param.condition; }

INSTANTIATE_TEST_SUITE_P(Section7_1_3, PageRequestFault, testing::ValuesIn(rows), name_of);

class PageRequestMode : public DeviceBench {
protected:
    void expect_record(std::uint64_t high) {
        unit.request_page(from(0x10));
        EXPECT_EQ(read64(0x220), page);
        EXPECT_EQ(read64(0x228), high);
        ASSERT_EQ(devices.answers.size(), 1u);
        EXPECT_EQ(devices.answers[0].code, vtd::PageResponse::InvalidRequest);
    }
    void set_root(std::uint64_t value) {
        write64(0x20, value);
        write32(0x18, 0xc4000000);
    }
};

TEST_F(PageRequestMode, Rta1ReservedMode) {
    set_root(0x10800);
    expect_record(0x8000003010000010);
}

TEST_F(PageRequestMode, Rta3LegacyMode) {
    set_root(0x10000);
    expect_record(0x8000003210000010);
}

TEST_F(PageRequestMode, Srt1RootTableUnreadable) {
    set_root(hole | 0x400);
    expect_record(0x8000003810000010);
}

// PASID directory and table, and the stages: the device asks because something is missing there.
TEST_F(PageRequestMode, WhatIsBelowTheContextEntryIsNoFault) {
    for (const auto& [at, word] : {std::pair{0x12000, 0}, {0x13140, 0}, {0x13150, 0}, {0x18000, 0}}) {
        ram.set(static_cast<std::uint64_t>(at), static_cast<std::uint64_t>(word));
        unit.request_page(with_pasid(5));
    }
    EXPECT_EQ(read64(0xc8), 4 * 32u);
    EXPECT_EQ(read32(0x34), 0u);
    EXPECT_TRUE(devices.answers.empty());
}

}  // namespace
}  // namespace remap::test
