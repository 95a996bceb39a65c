// SPDX-License-Identifier: MIT
// Objects of a terabyte on the hosted machine, with the IOMMU's tables: memory of the host is used for what is touched,
// and for tables. The bounds are generous.
#include "callbacks/hosted/tests/hosted_platform.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <chrono>

namespace remap::hosted::tests {
namespace {

using callbacks::AdapterDescription;
using callbacks::DmaMode;
using namespace callbacks::tests;

std::uint64_t resident_bytes() {
    rusage usage{};
    EXPECT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return static_cast<std::uint64_t>(usage.ru_maxrss) * KiB;
}

class HostedScale : public testing::TestWithParam<DmaMode> {
protected:
    HostedScale() : machine(1, {.memory = {{{0}, 65536}, {{std::uint64_t{1} << 28}, std::uint64_t{1} << 29}}}) {
        const PhysicalAddress visible{~std::uint64_t{0}};
        AdapterDescription description{.highest_visible = {&visible, 1}};
        description.iommu.DmaRemappingSupported = 1;
        description.iommu.IommuIsolationSupported = 1;
        description.map_aperture2 = true;
        description.preferred = GetParam();
        description.dma = machine.dma(0);
        EXPECT_EQ(machine.dxgkrnl().start_adapter(description, &adapter), STATUS_SUCCESS);
        free_at_first = machine.frames().free_pages();
    }

    // A list in one form, whose first and last page a device reaches.
    void check_list(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& object, UINT32 flags, std::byte* data) {
        DXGKARGCB_ALLOCATE_ADL args{};
        args.hAdapterMemoryObject = object.hAdapterMemoryObject;
        args.Size = object.Size;
        args.Flags.Value = flags;
        ASSERT_EQ(machine.dxgkrnl().allocate_adl(&args), STATUS_SUCCESS) << flags;
        const DXGK_ADL& adl = *args.pAdl;
        const std::uint64_t last = adl.PageCount - 1;
        ASSERT_EQ(last + 1, object.Size >> page_shift);
        const std::uint64_t first_page = adl.Flags.Contiguous != 0 ? adl.BasePageNumber : adl.Pages[0];
        const std::uint64_t last_page = adl.Flags.Contiguous != 0 ? adl.BasePageNumber + last : adl.Pages[last];
        if (data != nullptr) {
            machine.cpu_write(data, flags + 10);
            EXPECT_EQ(machine.dma_read(0, first_page), flags + 10);
            EXPECT_TRUE(machine.dma_write(0, last_page, flags + 20));
            EXPECT_EQ(machine.cpu_read(data + (last << page_shift)), flags + 20);
        }
        const DXGKARGCB_FREE_ADL free{object.hAdapterMemoryObject, args.pAdl};
        machine.dxgkrnl().free_adl(&free);
        EXPECT_FALSE(machine.dma_read(0, last_page));
        machine.forget_faults(0);
    }

    HostedPlatform machine;
    HANDLE adapter = nullptr;
    std::uint64_t free_at_first = 0;
};

// A bound against work that grows with what is not touched, not a measure of speed; sanitizers cost tenfold.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::chrono::seconds longest{600};
#else
constexpr std::chrono::seconds longest{60};
#endif

TEST_P(HostedScale, ObjectsOfATerabyteOfEachType) {
    const std::uint64_t before = resident_bytes();
    for (auto object : {mdl_of(4 * GiB - 4 * KiB, adapter), contiguous_of(1 * TiB, adapter),
                        section_of(1 * TiB, adapter), io_space_of(std::uint64_t{1} << 43, 1 * TiB, adapter)}) {
        const auto begin = std::chrono::steady_clock::now();
        ASSERT_EQ(machine.dxgkrnl().create(&object), STATUS_SUCCESS) << object.Type;
        DXGKARGCB_MAP_PHYSICAL_MEMORY view{object.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, object.Size,
                                           nullptr};
        const bool is_io = object.Type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;  // nothing stands behind it
        ASSERT_TRUE(is_io || NT_SUCCESS(machine.dxgkrnl().map(&view)));
        auto* const data = static_cast<std::byte*>(view.pMappedAddress);
        check_list(object, prefer_contiguous, data);
        if (is_io || object.Type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY)
            check_list(object, require_contiguous, data);
        if (!is_io) {
            const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{object.hPhysicalMemoryObject, view.pMappedAddress, view.Size};
            machine.dxgkrnl().unmap(&unmap);
        }
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT destroy{object.hPhysicalMemoryObject,
                                                               object.hAdapterMemoryObject};
        machine.dxgkrnl().destroy(&destroy);
        EXPECT_EQ(machine.frames().free_pages(), free_at_first);
        EXPECT_LT(std::chrono::steady_clock::now() - begin, longest) << object.Type;
    }
    // An array has 8 bytes for each page, by the WDK's layout: 2 GiB for the section, whose frames are scattered.
    const std::uint64_t array = GetParam() == DmaMode::Isolation ? 1 * TiB / page_size * 8 : 0;
    EXPECT_LT(resident_bytes() - before, array + 512 * MiB);
    machine.dxgkrnl().stop_adapter(adapter);
    EXPECT_TRUE(machine.take_reports().empty());
    const Leftovers left = machine.end();
    EXPECT_EQ(left.frames, 0u);
    EXPECT_EQ(left.views, 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, HostedScale, testing::Values(DmaMode::Isolation, DmaMode::Remapping),
                         [](const auto& info) { return info.param == DmaMode::Isolation ? "Isolation" : "Remapping"; });

}  // namespace
}  // namespace remap::hosted::tests
