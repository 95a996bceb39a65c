// SPDX-License-Identifier: MIT
#include "callbacks/miniport/paging.h"

namespace remap::miniport {

namespace {

constexpr unsigned most_buffers = 1000;
constexpr UINT buffer_bytes = 1024;
constexpr UINT private_bytes = 256;

Outcome misbehaved(const char* words) {
    Outcome outcome = failure(STATUS_INVALID_DEVICE_STATE, "DxgkDdiBuildPagingBuffer ");
    outcome.why.add(words);
    return outcome;
}

bool lies_in(const void* pointer, const unsigned char* buffer, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(buffer) <= bytes;
}

// The commands in a buffer are for a real part; nobody runs them here, and one buffer does for all passes.
Outcome build(LogicalAdapter& adapter, unsigned index, DXGKARG_BUILDPAGINGBUFFER& arguments) {
    if (!adapter.started() || index >= adapter.physical_adapters()) return misbehaved("needs a started adapter");
    alignas(16) unsigned char commands[buffer_bytes];
    alignas(16) unsigned char private_data[private_bytes] = {};
    for (unsigned buffers = 0; buffers < most_buffers; ++buffers) {
        const UINT progress = arguments.MultipassOffset;
        arguments.pDmaBuffer = commands;
        arguments.DmaSize = buffer_bytes;
        arguments.pDmaBufferPrivateData = private_data;
        arguments.DmaBufferPrivateDataSize = private_bytes;
        Outcome outcome = adapter.calls().call("DxgkDdiBuildPagingBuffer", adapter.ddis().DxgkDdiBuildPagingBuffer,
                                               adapter.context(index), &arguments);
        if (!lies_in(arguments.pDmaBuffer, commands, buffer_bytes) ||
            !lies_in(arguments.pDmaBufferPrivateData, private_data, private_bytes))
            return misbehaved("moved a pointer out of its buffer");
        if (outcome.status != STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER) return outcome;
        if (arguments.MultipassOffset == progress) return misbehaved("asked for another buffer and had not got on");
    }
    return misbehaved("asked for too many buffers");
}

}  // namespace

Outcome map_aperture(LogicalAdapter& adapter, unsigned index, const ApertureMapping& mapping) {
    if (!adapter.caps().map_aperture2)
        return failure(STATUS_NOT_SUPPORTED, "the driver's caps are without MapAperture2Supported");
    if (mapping.adl == nullptr || mapping.pages == 0 || mapping.adl_offset > mapping.adl->PageCount ||
        mapping.pages > mapping.adl->PageCount - mapping.adl_offset)
        return failure(STATUS_INVALID_PARAMETER, "the mapping is not inside its address descriptor list");
    DXGKARG_BUILDPAGINGBUFFER arguments{};
    arguments.Operation = DXGK_OPERATION_MAP_APERTURE_SEGMENT2;
    auto& map = arguments.MapApertureSegment2;
    map.hAllocation = mapping.allocation;
    map.SegmentId = mapping.segment;
    map.OffsetInPages = mapping.offset_pages;
    map.NumberOfPages = mapping.pages;
    map.Adl = *mapping.adl;
    map.Flags.CacheCoherent = 1;
    map.AdlOffset = mapping.adl_offset;
    map.CpuVisibleAddress = mapping.cpu_visible;
    return build(adapter, index, arguments);
}

Outcome unmap_aperture(LogicalAdapter& adapter, unsigned index, const ApertureRange& range) {
    if (range.pages == 0) return failure(STATUS_INVALID_PARAMETER, "no pages are to be unmapped");
    DXGKARG_BUILDPAGINGBUFFER arguments{};
    arguments.Operation = DXGK_OPERATION_UNMAP_APERTURE_SEGMENT;
    auto& unmap = arguments.UnmapApertureSegment;
    unmap.hAllocation = range.allocation;
    unmap.SegmentId = range.segment;
    unmap.OffsetInPages = range.offset_pages;
    unmap.NumberOfPages = range.pages;
    unmap.DummyPage.QuadPart = static_cast<LONGLONG>(range.dummy.value);
    return build(adapter, index, arguments);
}

}  // namespace remap::miniport
