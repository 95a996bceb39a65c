// SPDX-License-Identifier: MIT
// What a driver answers before its adapter starts, true and untrue.
#include "callbacks/miniport/tests/fake_driver.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include <cstring>

namespace remap::miniport {
namespace {

using Query = DXGKARG_QUERYADAPTERINFO;

TEST(MiniportCaps, AreAskedInTheDocumentedOrderOfEachPhysicalAdapter) {
    AdapterBench bench;
    ASSERT_TRUE(bench.add(2).ok());
    bench.fake.take_log();
    const Outcome outcome = bench.adapter.query();
    ASSERT_TRUE(outcome.ok()) << outcome.why.c_str();
    // DRIVERCAPS 1, PHYSICAL_MEMORY_CAPS 34, IOMMU_CAPS 35, FRAMEBUFFERSAVESIZE 21, HARDWARERESERVEDRANGES 22
    EXPECT_EQ(bench.fake.take_log(),
              "query1.0 query1.1 query34.0 query34.1 query35.0 query35.1 query21.0 query21.1 query22.0 query22.0");
    const Caps& caps = bench.adapter.caps();
    EXPECT_EQ(caps.interface_version, 0xF003u);
    EXPECT_EQ(caps.wddm_version, 0x3000);
    EXPECT_EQ(caps.iommu.Value, 5u);
    EXPECT_TRUE(caps.map_aperture2);
    EXPECT_EQ(caps.physical_adapters, 2u);
    EXPECT_EQ(caps.highest_visible[1], 0xffffffffffu);
    EXPECT_EQ(caps.frame_buffer_save[1], 0x4000u);
    ASSERT_EQ(caps.reserved_count, 2u);
    EXPECT_EQ(caps.reserved[1].BaseAddress.QuadPart, 0x80010000);
    EXPECT_EQ(caps.reserved[1].NumberOfBytes.QuadPart, 0x1000);
}

TEST(MiniportCaps, AQueryCarriesItsSizesAndTheIndexOfThePhysicalAdapter) {
    AdapterBench bench;
    bench.fake.on_query = [](unsigned adapter, const Query& query) {
        EXPECT_EQ(query.InputDataSize, 4u);
        EXPECT_EQ(*static_cast<const UINT*>(query.pInputData), adapter);
        const std::map<int, UINT> sizes{{1, 0x250}, {34, 8}, {35, 4}, {21, 8}, {22, 16}};
        EXPECT_EQ(query.OutputDataSize, sizes.at(query.Type));
        for (UINT i = 0; query.Type != DXGKQAITYPE_HARDWARERESERVEDRANGES && i < query.OutputDataSize; ++i)
            EXPECT_EQ(static_cast<const char*>(query.pOutputData)[i], 0);
        return good_answer(adapter, query);
    };
    ASSERT_TRUE(bench.add(3).ok());
    EXPECT_TRUE(bench.adapter.query().ok());
}

TEST(MiniportCaps, BeforeWddm29OneNumberAndOneBitSayIt) {
    FakeDriver fake;
    fake.ddis.Version = DXGKDDI_INTERFACE_VERSION_WDDM2_4;
    ASSERT_TRUE(fake.start().ok());
    fake.on_query = [](unsigned adapter, const Query& query) {
        EXPECT_TRUE(query.Type != 34 && query.Type != 35);
        if (query.Type == DXGKQAITYPE_DRIVERCAPS) {
            EXPECT_EQ(query.OutputDataSize, 0x248u);
            answer<DXGK_DRIVERCAPS>(query).MemoryManagementCaps.IoMmuSecureModeSupported = 1;
        }
        return good_answer(adapter, query);
    };
    Calls calls;
    Caps caps;
    const PVOID contexts[] = {reinterpret_cast<PVOID>(0x1000)};
    ASSERT_TRUE(query_caps(calls, fake.driver.ddis(), contexts, caps).ok());
    EXPECT_EQ(caps.highest_visible[0], 0xffffffffu);
    EXPECT_EQ(caps.iommu.Value, 1u);
    EXPECT_EQ(caps.frame_buffer_save[0], 0x4000u);
}

TEST(MiniportCaps, WithoutIsolationAndRemappingNothingMoreIsAsked) {
    AdapterBench bench;
    bench.fake.on_query = [](unsigned adapter, const Query& query) {
        return query.Type == DXGKQAITYPE_IOMMU_CAPS ? STATUS_SUCCESS : good_answer(adapter, query);
    };
    ASSERT_TRUE(bench.add(1).ok());
    bench.fake.take_log();
    ASSERT_TRUE(bench.adapter.query().ok());
    EXPECT_EQ(bench.fake.take_log(), "query1.0 query34.0 query35.0");
}

struct Untruth {
    const char* name;
    DXGK_QUERYADAPTERINFOTYPE type;
    void (*tell)(unsigned adapter, const Query& query);
    const char* why;
};

void set_ranges(const Query& query, std::uint64_t base, std::uint64_t bytes) {
    auto& ranges = answer<DXGK_HARDWARERESERVEDRANGES>(query);
    if (ranges.pPhysicalRanges == nullptr) return;
    ranges.pPhysicalRanges[1].BaseAddress.QuadPart = static_cast<LONGLONG>(base);
    ranges.pPhysicalRanges[1].NumberOfBytes.QuadPart = static_cast<LONGLONG>(bytes);
}

const Untruth untruths[] = {
    {"a byte behind DRIVERCAPS", DXGKQAITYPE_DRIVERCAPS,
     [](unsigned, const Query& q) { static_cast<char*>(q.pOutputData)[0x250] = 0; },
     "physical adapter 0: DxgkDdiQueryAdapterInfo(DRIVERCAPS): the driver wrote more than OutputDataSize"},
    {"64 bytes behind IOMMU_CAPS", DXGKQAITYPE_IOMMU_CAPS,
     [](unsigned, const Query& q) { std::memset(q.pOutputData, 0, 4 + 64); },
     "physical adapter 0: DxgkDdiQueryAdapterInfo(IOMMU_CAPS): the driver wrote more than OutputDataSize"},
    {"no WDDMVersion", DXGKQAITYPE_DRIVERCAPS,
     [](unsigned, const Query& q) { answer<DXGK_DRIVERCAPS>(q).WDDMVersion = DXGK_WDDMVERSION{0}; },
     "physical adapter 0: DRIVERCAPS names no WDDMVersion"},
    {"adapters of different caps", DXGKQAITYPE_DRIVERCAPS,
     [](unsigned n, const Query& q) { answer<DXGK_DRIVERCAPS>(q).MemoryManagementCaps.MapAperture2Supported = n == 0; },
     "physical adapter 1: DRIVERCAPS differs from the lead adapter's"},
    {"nothing visible", DXGKQAITYPE_PHYSICAL_MEMORY_CAPS,
     [](unsigned, const Query& q) { answer<DXGK_PHYSICAL_MEMORY_CAPS>(q).HighestVisibleAddress.QuadPart = 0; },
     "physical adapter 0: the highest visible address is 0"},
    {"reserved bits", DXGKQAITYPE_IOMMU_CAPS, [](unsigned, const Query& q) { answer<DXGK_IOMMU_CAPS>(q).Value |= 32; },
     "physical adapter 0: IOMMU_CAPS has reserved bits set"},
    {"required and not supported", DXGKQAITYPE_IOMMU_CAPS,
     [](unsigned, const Query& q) { answer<DXGK_IOMMU_CAPS>(q).Value = 2; },
     "physical adapter 0: IOMMU_CAPS requires isolation and does not support it"},
    {"adapters of different support", DXGKQAITYPE_IOMMU_CAPS,
     [](unsigned n, const Query& q) { answer<DXGK_IOMMU_CAPS>(q).Value = n == 1 ? 1 : 5; },
     "physical adapter 1: IOMMU_CAPS differs from the lead adapter's"},
    {"half a page to save", DXGKQAITYPE_FRAMEBUFFERSAVESIZE,
     [](unsigned, const Query& q) { answer<DXGK_FRAMEBUFFERSAVEAREA>(q).MaximumSize = 0x800; },
     "physical adapter 0: FRAMEBUFFERSAVESIZE is no multiple of PAGE_SIZE"},
    {"17 ranges", DXGKQAITYPE_HARDWARERESERVEDRANGES,
     [](unsigned, const Query& q) { answer<DXGK_HARDWARERESERVEDRANGES>(q).NumRanges = 17; },
     "physical adapter 0: HARDWARERESERVEDRANGES are too many"},
    {"more ranges than announced", DXGKQAITYPE_HARDWARERESERVEDRANGES,
     [](unsigned, const Query& q) {
         auto& ranges = answer<DXGK_HARDWARERESERVEDRANGES>(q);
         if (ranges.pPhysicalRanges != nullptr) ranges.pPhysicalRanges[2].BaseAddress.QuadPart = 0x90000000;
     },
     "physical adapter 0: HARDWARERESERVEDRANGES has more ranges than were announced"},
    {"another number the second time", DXGKQAITYPE_HARDWARERESERVEDRANGES,
     [](unsigned, const Query& q) {
         auto& ranges = answer<DXGK_HARDWARERESERVEDRANGES>(q);
         if (ranges.pPhysicalRanges != nullptr) ranges.NumRanges = 1;
     },
     "physical adapter 0: HARDWARERESERVEDRANGES changed between the two calls"},
    {"ranges of the driver's own", DXGKQAITYPE_HARDWARERESERVEDRANGES,
     [](unsigned, const Query& q) {
         static DXGK_PHYSICAL_MEMORY_RANGE own[2];
         auto& ranges = answer<DXGK_HARDWARERESERVEDRANGES>(q);
         if (ranges.pPhysicalRanges != nullptr) ranges.pPhysicalRanges = own;
     },
     "physical adapter 0: HARDWARERESERVEDRANGES changed between the two calls"},
    {"an empty range", DXGKQAITYPE_HARDWARERESERVEDRANGES,
     [](unsigned, const Query& q) { set_ranges(q, 0x90000000, 0); },
     "physical adapter 0: a range of HARDWARERESERVEDRANGES is empty or not of whole pages"},
    {"half a page", DXGKQAITYPE_HARDWARERESERVEDRANGES,
     [](unsigned, const Query& q) { set_ranges(q, 0x90000800, 0x1000); },
     "physical adapter 0: a range of HARDWARERESERVEDRANGES is empty or not of whole pages"},
    {"a range that wraps", DXGKQAITYPE_HARDWARERESERVEDRANGES,
     [](unsigned, const Query& q) { set_ranges(q, 0xfffffffffffff000, 0x2000); },
     "physical adapter 0: a range of HARDWARERESERVEDRANGES wraps around"},
    {"ranges that overlap", DXGKQAITYPE_HARDWARERESERVEDRANGES,
     [](unsigned, const Query& q) { set_ranges(q, 0x8000f000, 0x2000); },
     "physical adapter 0: ranges of HARDWARERESERVEDRANGES overlap"},
};

class UntrueCaps : public testing::TestWithParam<Untruth> {};
INSTANTIATE_TEST_SUITE_P(Miniport, UntrueCaps, testing::ValuesIn(untruths));

TEST_P(UntrueCaps, AreRefusedWithTheirReason) {
    AdapterBench bench;
    const Untruth& untruth = GetParam();
    bench.fake.on_query = [&](unsigned adapter, const Query& query) {
        const NTSTATUS status = good_answer(adapter, query);
        if (query.Type == untruth.type) untruth.tell(adapter, query);
        return status;
    };
    ASSERT_TRUE(bench.add(2).ok());
    const Outcome outcome = bench.adapter.query();
    EXPECT_EQ(outcome.status, STATUS_DEVICE_CONFIGURATION_ERROR);
    EXPECT_STREQ(outcome.why.c_str(), untruth.why);
    EXPECT_FALSE(bench.adapter.start().ok());
}

TEST(MiniportCaps, ACapabilityNeedsItsDdi) {
    const struct {
        void (*drop)(DRIVER_INITIALIZATION_DATA&);
        const char* why;
    } cases[] = {
        {[](DRIVER_INITIALIZATION_DATA& ddis) { ddis.DxgkDdiBeginExclusiveAccess = nullptr; },
         "physical adapter 0: IOMMU_CAPS needs DxgkDdiBeginExclusiveAccess, and the driver registered none"},
        {[](DRIVER_INITIALIZATION_DATA& ddis) { ddis.DxgkDdiEndExclusiveAccess = nullptr; },
         "physical adapter 0: IOMMU_CAPS needs DxgkDdiEndExclusiveAccess, and the driver registered none"},
        {[](DRIVER_INITIALIZATION_DATA& ddis) { ddis.DxgkDdiBuildPagingBuffer = nullptr; },
         "physical adapter 0: MapAperture2Supported needs DxgkDdiBuildPagingBuffer, and the driver registered none"},
    };
    for (const auto& [drop, why] : cases) {
        FakeDriver fake;
        drop(fake.ddis);
        ASSERT_TRUE(fake.start().ok());
        FakeCore core;
        FakeDevices devices;
        LogicalAdapter adapter(fake.driver, core, devices);
        const DeviceDescription description;
        ASSERT_TRUE(adapter.add({&description, 1}).ok());
        const Outcome outcome = adapter.query();
        EXPECT_EQ(outcome.status, STATUS_DEVICE_CONFIGURATION_ERROR);
        EXPECT_STREQ(outcome.why.c_str(), why);
        fake.on_query = [](unsigned index, const Query& query) {
            const NTSTATUS status = good_answer(index, query);
            if (query.Type == DXGKQAITYPE_IOMMU_CAPS) answer<DXGK_IOMMU_CAPS>(query).Value = 0;
            if (query.Type == DXGKQAITYPE_DRIVERCAPS) answer<DXGK_DRIVERCAPS>(query).MemoryManagementCaps.Value = 0;
            return status;
        };
        EXPECT_TRUE(adapter.query().ok());
    }
}

TEST(MiniportCaps, AFailedQueryIsNamedWithItsStatus) {
    const std::map<int, const char*> names{{1, "DRIVERCAPS"},
                                           {34, "PHYSICAL_MEMORY_CAPS"},
                                           {35, "IOMMU_CAPS"},
                                           {21, "FRAMEBUFFERSAVESIZE"},
                                           {22, "HARDWARERESERVEDRANGES"}};
    for (const auto& [type, name] : names) {
        AdapterBench bench;
        bench.fake.on_query = [type = type](unsigned adapter, const Query& query) {
            return query.Type == type ? STATUS_INVALID_PARAMETER : good_answer(adapter, query);
        };
        ASSERT_TRUE(bench.add(1).ok());
        const Outcome outcome = bench.adapter.query();
        EXPECT_EQ(outcome.status, STATUS_INVALID_PARAMETER);
        EXPECT_EQ(outcome.why.c_str(),
                  std::string("DxgkDdiQueryAdapterInfo(") + name + ") failed: NTSTATUS 0xc000000d");
    }
}

}  // namespace
}  // namespace remap::miniport
