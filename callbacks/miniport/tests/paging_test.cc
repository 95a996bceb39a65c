// SPDX-License-Identifier: MIT
// Paging buffers with address descriptor lists, and drivers that build them badly.
#include "callbacks/miniport/paging.h"

#include "callbacks/miniport/tests/fake_driver.h"

#include <gtest/gtest.h>

namespace remap::miniport {
namespace {

struct PagingBench : AdapterBench {
    PagingBench() { EXPECT_TRUE(start(1).ok()); }
    Outcome map(ULONG adl_offset = 3, SIZE_T pages = 5) {
        return map_aperture(adapter, 0,
                            {.segment = 2,
                             .offset_pages = 16,
                             .pages = pages,
                             .adl = &adl,
                             .adl_offset = adl_offset,
                             .cpu_visible = &adl});
    }
    const DXGK_PAGE_NUMBER numbers[8] = {11, 12, 13, 14, 15, 16, 17, 18};
    DXGK_ADL adl{.PageCount = 8, .Flags = {}, .Pages = numbers};
};

TEST(MiniportPaging, ADriverGetsTheListAndTheOffsetIntoIt) {
    PagingBench bench;
    bench.fake.on_paging = [&](DXGKARG_BUILDPAGINGBUFFER& build) {
        EXPECT_EQ(build.Operation, 17);
        EXPECT_EQ(build.MultipassOffset, 0u);
        EXPECT_EQ(build.MapApertureSegment2.SegmentId, 2u);
        EXPECT_EQ(build.MapApertureSegment2.OffsetInPages, 16u);
        EXPECT_EQ(build.MapApertureSegment2.NumberOfPages, 5u);
        EXPECT_EQ(build.MapApertureSegment2.AdlOffset, 3u);
        EXPECT_EQ(build.MapApertureSegment2.Adl.PageCount, 8u);
        EXPECT_EQ(build.MapApertureSegment2.Adl.Pages, bench.numbers);
        EXPECT_EQ(build.MapApertureSegment2.CpuVisibleAddress, &bench.adl);
        build.pDmaBuffer = static_cast<char*>(build.pDmaBuffer) + build.DmaSize;
        return STATUS_SUCCESS;
    };
    EXPECT_TRUE(bench.map().ok());
}

TEST(MiniportPaging, UnmappingNamesTheDummyPage) {
    PagingBench bench;
    bench.fake.on_paging = [](DXGKARG_BUILDPAGINGBUFFER& build) {
        EXPECT_EQ(build.Operation, 6);
        EXPECT_EQ(build.UnmapApertureSegment.SegmentId, 2u);
        EXPECT_EQ(build.UnmapApertureSegment.OffsetInPages, 16u);
        EXPECT_EQ(build.UnmapApertureSegment.NumberOfPages, 5u);
        EXPECT_EQ(build.UnmapApertureSegment.DummyPage.QuadPart, 0x123000);
        return STATUS_SUCCESS;
    };
    const ApertureRange range{.segment = 2, .offset_pages = 16, .pages = 5, .dummy = {0x123000}};
    EXPECT_TRUE(unmap_aperture(bench.adapter, 0, range).ok());
    EXPECT_EQ(unmap_aperture(bench.adapter, 0, {}).status, STATUS_INVALID_PARAMETER);
}

TEST(MiniportPaging, PagesBehindTheListAreRefusedBeforeTheDriverSeesThem) {
    PagingBench bench;
    bench.fake.on_paging = [](DXGKARG_BUILDPAGINGBUFFER&) -> NTSTATUS {
        ADD_FAILURE();
        return STATUS_SUCCESS;
    };
    EXPECT_EQ(bench.map(4, 5).status, STATUS_INVALID_PARAMETER);
    EXPECT_EQ(bench.map(9, 1).status, STATUS_INVALID_PARAMETER);
    EXPECT_EQ(bench.map(0, 0).status, STATUS_INVALID_PARAMETER);
    EXPECT_EQ(bench.map(1, ~SIZE_T{0}).status, STATUS_INVALID_PARAMETER);
}

TEST(MiniportPaging, ADriverThatNeedsMoreBuffersIsCalledAgainFromWhereItStopped) {
    PagingBench bench;
    unsigned passes = 0;
    bench.fake.on_paging = [&](DXGKARG_BUILDPAGINGBUFFER& build) {
        EXPECT_EQ(build.MultipassOffset, passes);
        build.MultipassOffset = ++passes;
        return passes < 5 ? STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER : STATUS_SUCCESS;
    };
    EXPECT_TRUE(bench.map().ok());
    EXPECT_EQ(passes, 5u);
}

TEST(MiniportPaging, ADriverThatDoesNotGetOnIsStopped) {
    PagingBench bench;
    bench.fake.on_paging = [](DXGKARG_BUILDPAGINGBUFFER&) { return STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER; };
    EXPECT_STREQ(bench.map().why.c_str(), "DxgkDdiBuildPagingBuffer asked for another buffer and had not got on");
    bench.fake.on_paging = [](DXGKARG_BUILDPAGINGBUFFER& build) {
        ++build.MultipassOffset;
        return STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER;
    };
    EXPECT_STREQ(bench.map().why.c_str(), "DxgkDdiBuildPagingBuffer asked for too many buffers");
}

TEST(MiniportPaging, ADriverThatMovesAPointerOutOfItsBufferIsFoundOut) {
    PagingBench bench;
    bench.fake.on_paging = [](DXGKARG_BUILDPAGINGBUFFER& build) {
        build.pDmaBuffer = static_cast<char*>(build.pDmaBuffer) + build.DmaSize + 1;
        return STATUS_SUCCESS;
    };
    EXPECT_STREQ(bench.map().why.c_str(), "DxgkDdiBuildPagingBuffer moved a pointer out of its buffer");
    bench.fake.on_paging = [](DXGKARG_BUILDPAGINGBUFFER& build) {
        build.pDmaBufferPrivateData = nullptr;
        return STATUS_SUCCESS;
    };
    EXPECT_EQ(bench.map().status, STATUS_INVALID_DEVICE_STATE);
}

TEST(MiniportPaging, WithoutTheCapabilityNoListIsHandedOut) {
    AdapterBench bench;
    bench.fake.on_query = [](unsigned adapter, const DXGKARG_QUERYADAPTERINFO& query) {
        const NTSTATUS status = good_answer(adapter, query);
        if (query.Type == DXGKQAITYPE_DRIVERCAPS) answer<DXGK_DRIVERCAPS>(query).MemoryManagementCaps.Value = 0;
        return status;
    };
    ASSERT_TRUE(bench.start(1).ok());
    DXGK_ADL adl{.PageCount = 1, .Flags = {}, .BasePageNumber = 5};
    EXPECT_EQ(map_aperture(bench.adapter, 0, {.pages = 1, .adl = &adl}).status, STATUS_NOT_SUPPORTED);
}

}  // namespace
}  // namespace remap::miniport
