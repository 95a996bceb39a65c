// SPDX-License-Identifier: MIT
// How an adapter starts: from what its driver reports, what is installed, and what the system would have.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

using callbacks::DmaMode;

namespace {

constexpr PhysicalAddress one_mib_less_one{(1 << 20) - 1};

DXGK_IOMMU_CAPS caps(unsigned value) {
    DXGK_IOMMU_CAPS result{};
    result.Value = value;
    return result;
}
// The bits as the WDK has them.
constexpr unsigned isolation_supported = 1, isolation_required = 2, remapping_supported = 4;

PhysicalAddress last_installed(Bench& bench) {
    return bench.machine().ports().frames.highest_installed().address() + (page_size - 1);
}

// A GPU that does not see all that is installed.
AdapterWish near_sighted(Bench& bench, unsigned capabilities) {
    AdapterWish wish = bench.wish();
    wish.caps = caps(capabilities);
    wish.highest_visible = {&one_mib_less_one, 1};
    return wish;
}

std::optional<DmaMode> mode_of(Bench& bench, const AdapterWish& wish) {
    std::optional<DmaMode> mode;
    EXPECT_EQ(bench.try_start(wish, &mode), STATUS_SUCCESS);
    return mode;
}

}  // namespace

RULE(a_gpu_that_sees_too_little_is_remapped,
     "Linear remapping is used when the GPU's highest visible address is below the highest installed one.",
     "IOMMU DMA remapping") {
    AdapterWish wish = near_sighted(bench, remapping_supported | isolation_supported);
    for (const DmaMode preferred : {DmaMode::Physical, DmaMode::Isolation, DmaMode::Remapping}) {
        wish.preferred = preferred;
        EXPECT(mode_of(bench, wish) == DmaMode::Remapping);
    }
}

RULE(the_last_byte_counts, "A GPU that sees the last byte of memory sees all of it; one byte less is too little.",
     "DXGK_PHYSICAL_MEMORY_CAPS") {
    AdapterWish wish = bench.wish(DmaMode::Physical);
    const PhysicalAddress last = last_installed(bench);
    const PhysicalAddress before = last - 1;
    wish.highest_visible = {&last, 1};
    EXPECT(mode_of(bench, wish) == DmaMode::Physical);
    wish.highest_visible = {&before, 1};
    EXPECT_EQ(bench.try_start(wish), STATUS_DEVICE_CONFIGURATION_ERROR);
}

RULE(without_dma_remapping_supported_such_a_gpu_does_not_start,
     "An adapter that cannot reach all memory and whose driver lacks DmaRemappingSupported fails to start.",
     "IOMMU DMA remapping") {
    EXPECT_EQ(bench.try_start(near_sighted(bench, 0)), STATUS_DEVICE_CONFIGURATION_ERROR);
    EXPECT_EQ(bench.try_start(near_sighted(bench, isolation_supported)), STATUS_DEVICE_CONFIGURATION_ERROR);
}

RULE(without_map_aperture2_such_a_gpu_does_not_start,
     "Remapping requires MapAperture2Supported: without it an adapter that cannot reach all memory fails to start.",
     "IOMMU DMA remapping; DXGK_VIDMMCAPS") {
    AdapterWish wish = near_sighted(bench, remapping_supported);
    wish.map_aperture2 = false;
    EXPECT_EQ(bench.try_start(wish), STATUS_DEVICE_CONFIGURATION_ERROR);
    wish.map_aperture2 = true;
    EXPECT_EQ(bench.try_start(wish), STATUS_SUCCESS);
}

RULE(without_an_iommu_such_a_gpu_does_not_start,
     "Without an IOMMU an adapter that cannot reach all memory fails to start.", "IOMMU DMA remapping") {
    KeptReports kept;
    const callbacks::Ports ports = bench.machine().ports();
    callbacks::Dxgkrnl plain({ports.frames, ports.views, ports.execution, kept});
    const PhysicalAddress all = last_installed(bench);
    callbacks::AdapterDescription description{
        .highest_visible = {&one_mib_less_one, 1}, .iommu = caps(remapping_supported), .map_aperture2 = true};
    HANDLE handle = nullptr;
    EXPECT_EQ(plain.start_adapter(description, &handle), STATUS_DEVICE_CONFIGURATION_ERROR);
    description.highest_visible = {&all, 1};
    REQUIRE_EQ(plain.start_adapter(description, &handle), STATUS_SUCCESS);
    EXPECT(plain.mode(handle) == DmaMode::Physical);
    plain.stop_adapter(handle);
    description.iommu = caps(isolation_supported | isolation_required);
    EXPECT_EQ(plain.start_adapter(description, &handle), STATUS_DEVICE_CONFIGURATION_ERROR);
}

RULE(required_isolation_is_given, "With IommuIsolationRequired the adapter is behind an IOMMU, whatever is preferred.",
     "DXGK_IOMMU_CAPS") {
    AdapterWish wish = bench.wish(DmaMode::Physical);
    wish.caps = caps(isolation_supported | isolation_required);
    EXPECT(mode_of(bench, wish) == DmaMode::Isolation);
    wish.caps = caps(isolation_supported);
    EXPECT(mode_of(bench, wish) == DmaMode::Physical);
}

RULE(the_system_chooses_among_what_the_driver_supports,
     "An adapter that sees all memory gets the mode the system prefers, if its driver supports it, else none.",
     "IOMMU DMA remapping; IOMMU-based GPU isolation") {
    const struct {
        unsigned capabilities;
        DmaMode preferred;
        DmaMode chosen;
    } cases[] = {
        {0, DmaMode::Remapping, DmaMode::Physical},
        {0, DmaMode::Isolation, DmaMode::Physical},
        {isolation_supported, DmaMode::Isolation, DmaMode::Isolation},
        {isolation_supported, DmaMode::Remapping, DmaMode::Physical},
        {remapping_supported, DmaMode::Remapping, DmaMode::Remapping},
        {remapping_supported, DmaMode::Isolation, DmaMode::Physical},
        {remapping_supported | isolation_supported, DmaMode::Isolation, DmaMode::Isolation},
        {remapping_supported | isolation_supported, DmaMode::Physical, DmaMode::Physical},
    };
    for (const auto& [capabilities, preferred, chosen] : cases) {
        AdapterWish wish = bench.wish(DmaMode::Physical);
        wish.caps = caps(capabilities);
        wish.preferred = preferred;
        EXPECT(mode_of(bench, wish) == chosen);
    }
}

RULE(capabilities_that_contradict_are_refused,
     "IommuIsolationRequired without IommuIsolationSupported, and reserved capabilities, make no sense.",
     "DXGK_IOMMU_CAPS; ours: the status") {
    for (const unsigned capabilities :
         {isolation_required, isolation_required | remapping_supported, 1u << 5, 1u << 31}) {
        AdapterWish wish = bench.wish(DmaMode::Physical);
        wish.caps = caps(capabilities);
        EXPECT_EQ(bench.try_start(wish), STATUS_INVALID_PARAMETER);
    }
}

RULE(an_adapter_that_sees_no_page_is_refused, "HighestVisibleAddress leaves at least one page beside page 0.",
     "ours: page 0 is never handed out") {
    const PhysicalAddress one_page{page_size - 1};
    AdapterWish wish = bench.wish();
    wish.highest_visible = {&one_page, 1};
    EXPECT_EQ(bench.try_start(wish), STATUS_INVALID_PARAMETER);
}

RULE(remapped_pages_stay_in_sight,
     "Logical addresses lie in [0, HighestVisibleAddress], whatever frame is behind them.", "IOMMU DMA remapping") {
    const PhysicalAddress last{(16 << 20) + 99};  // the page of the last byte is not whole
    AdapterWish wish = bench.wish();
    wish.highest_visible = {&last, 1};
    Adapter& adapter = bench.start(wish);
    CreateArgs object = mdl(adapter, 256 * page_size);
    object.Mdl.LowAddress = at(16 << 20);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 256 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 256; ++i) EXPECT(listed[i] + (page_size - 1) <= LogicalAddress{16 << 20});
    EXPECT(adapter.gpu().write(listed[200], 0x66));
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 200)), 0x66);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE(logical_pages_are_none_of_the_interrupt_range,
     "No ADL has pages from 0xFEE00 to 0xFEEFF: a write to them is an interrupt and is not translated.",
     "VT-d, section Interrupt Address Range") {
    const PhysicalAddress last{0xfef0'0fff};
    AdapterWish wish = bench.wish();
    wish.highest_visible = {&last, 1};
    Adapter& adapter = bench.start(wish);
    CreateArgs object = mdl(adapter, 4 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 4 * page_size);
    const Listed more = list(adapter, object.hAdapterMemoryObject, 0, 4 * page_size);
    REQUIRE(NT_SUCCESS(listed.status) && NT_SUCCESS(more.status));
    for (std::uint64_t i = 0; i < 4; ++i) {
        EXPECT(listed[i].page().number < 0xfee00 || listed[i].page().number > 0xfeeff);
        EXPECT(more[i].page().number < 0xfee00 || more[i].page().number > 0xfeeff);
        EXPECT(adapter.gpu().write(listed[i], 0x6f));
    }
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    free(adapter, object.hAdapterMemoryObject, more.adl);
    destroy(adapter, object);
}

RULE(logical_space_that_is_used_up_is_reported_and_comes_back,
     "When no logical addresses are left AllocateAdl returns STATUS_INSUFFICIENT_RESOURCES; freed ones serve again.",
     "ours: no page gives the status") {
    const PhysicalAddress last{64 * page_size - 1};
    AdapterWish wish = bench.wish();
    wish.highest_visible = {&last, 1};
    Adapter& adapter = bench.start(wish);
    CreateArgs object = mdl(adapter, 40 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    for (unsigned round = 0; round < 10; ++round) {
        const Listed first = list(adapter, object.hAdapterMemoryObject, 0, 40 * page_size);
        REQUIRE_EQ(first.status, STATUS_SUCCESS);
        EXPECT_EQ(list(adapter, object.hAdapterMemoryObject, 0, 40 * page_size).status, STATUS_INSUFFICIENT_RESOURCES);
        free(adapter, object.hAdapterMemoryObject, first.adl);
    }
    destroy(adapter, object);
}

RULE(in_isolation_only_mapped_pages_are_reached,
     "Under isolation logical addresses are physical ones, and only pages that are mapped can be reached.",
     "IOMMU-based GPU isolation") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Isolation));
    CreateArgs object = mdl(adapter, 2 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const LogicalAddress first{bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 0).address().value};
    const LogicalAddress second{bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 1).address().value};
    EXPECT(bench.refuses(adapter, first));
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    EXPECT(adapter.gpu().write(first, 0x12));
    EXPECT(bench.refuses(adapter, second));
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE(without_an_iommu_mode_the_gpu_reaches_all_memory,
     "In physical mode the GPU reaches all of memory, with physical addresses.", "IOMMU DMA remapping") {
    Adapter& adapter = bench.start(bench.wish(DmaMode::Physical));
    CreateArgs object = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const PhysicalPage frame = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 0);
    EXPECT(adapter.gpu().write({frame.address().value}, 0x31));
    EXPECT_EQ(bench.machine().peek(frame), 0x31);
    destroy(adapter, object);
}

RULE(a_stopped_adapter_reaches_nothing, "When an adapter has stopped its handle is dead.",
     "ours: the page leaves it open") {
    Adapter& adapter = bench.start();
    EXPECT(bench.dxgkrnl().mode(adapter.handle()).has_value());
    bench.stop(adapter);
    EXPECT(!bench.dxgkrnl().mode(adapter.handle()).has_value());
    CreateArgs object = mdl(adapter, page_size);
    const auto stop = bench.stop_in([&] { create(adapter, object); });
    EXPECT_STOP(stop, UseAfterClose, CreatePhysicalMemoryObject);
}

}  // namespace remap::rules
