// SPDX-License-Identifier: MIT
// The hosted machine runs out of what it really has: frames, frames for the IOMMU's tables, logical pages. Whatever
// fails leaves no trace, and what is given back can be had again.
#include "callbacks/hosted/tests/hosted_platform.h"
#include "callbacks/tests/fakes.h"

#include <gtest/gtest.h>

#include <vector>

namespace remap::hosted::tests {
namespace {

using callbacks::AdapterDescription;
using callbacks::DmaMode;
using namespace callbacks::tests;

struct Full {
    explicit Full(std::uint64_t pages, DmaMode mode, std::uint64_t highest_visible = ~std::uint64_t{0})
        : machine(1, {.memory = {{{0}, pages}}}) {
        const PhysicalAddress visible{highest_visible};
        AdapterDescription description{.highest_visible = {&visible, 1}};
        description.iommu.DmaRemappingSupported = 1;
        description.iommu.IommuIsolationSupported = 1;
        description.map_aperture2 = true;
        description.preferred = mode;
        description.dma = machine.dma(0);
        EXPECT_EQ(dxgkrnl().start_adapter(description, &adapter), STATUS_SUCCESS);
        EXPECT_EQ(dxgkrnl().mode(adapter), mode);
        free_at_first = machine.frames().free_pages();
    }
    ~Full() {
        dxgkrnl().stop_adapter(adapter);
        EXPECT_TRUE(machine.take_reports().empty());
        const Leftovers left = machine.end();
        EXPECT_EQ(left.frames, 0u);
        EXPECT_EQ(left.views, 0u);
    }

    callbacks::Dxgkrnl& dxgkrnl() { return machine.dxgkrnl(); }

    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT create(DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args, NTSTATUS& status) {
        const std::uint64_t before = machine.frames().free_pages();
        status = dxgkrnl().create(&args);
        EXPECT_TRUE(NT_SUCCESS(status) || machine.frames().free_pages() == before);
        return args;
    }
    NTSTATUS list(HANDLE opened, std::uint64_t bytes, UINT32 flags, DXGK_ADL** adl) {
        DXGKARGCB_ALLOCATE_ADL args{};
        args.hAdapterMemoryObject = opened;
        args.Size = bytes;
        args.Flags.Value = flags;
        const std::uint64_t before = machine.frames().free_pages();
        const NTSTATUS status = dxgkrnl().allocate_adl(&args);
        EXPECT_TRUE(NT_SUCCESS(status) || machine.frames().free_pages() == before) << "tables of a list that failed";
        *adl = args.pAdl;
        return status;
    }
    void free(HANDLE opened, DXGK_ADL* adl) {
        const DXGKARGCB_FREE_ADL args{opened, adl};
        dxgkrnl().free_adl(&args);
    }
    void destroy(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& object) {
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{object.hPhysicalMemoryObject, object.hAdapterMemoryObject};
        dxgkrnl().destroy(&args);
    }

    HostedPlatform machine;
    HANDLE adapter = nullptr;
    std::uint64_t free_at_first = 0;
};

TEST(HostedFull, FramesRunOutAndComeBack) {
    Full full(4096, DmaMode::Remapping);
    std::vector<DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT> objects;
    NTSTATUS status = STATUS_SUCCESS;
    while (NT_SUCCESS(status) && objects.size() < 4096) {
        const auto object = full.create(objects.size() % 2 == 0 ? mdl_of(60 * KiB) : section_of(60 * KiB), status);
        if (NT_SUCCESS(status)) objects.push_back(object);
    }
    EXPECT_EQ(status, STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_LT(full.machine.frames().free_pages(), 15u) << "the gaps are used before a request fails";
    // Contiguous memory is another status, even where single pages are left.
    full.destroy(objects[1]);
    full.destroy(objects[objects.size() / 2]);
    const auto none = full.create(contiguous_of(200 * KiB), status);
    EXPECT_EQ(status, STATUS_NO_MEMORY);
    EXPECT_EQ(none.hPhysicalMemoryObject, nullptr);
    objects[1] = full.create(mdl_of(60 * KiB), status);
    EXPECT_EQ(status, STATUS_SUCCESS);
    objects[objects.size() / 2] = full.create(section_of(60 * KiB), status);
    EXPECT_EQ(status, STATUS_SUCCESS);
    for (const auto& object : objects) full.destroy(object);
    EXPECT_EQ(full.machine.frames().free_pages(), full.free_at_first);
}

// Every list of a single page lies in a table of its own only where logical pages are far apart, so long lists are made
// until there is no frame for a table.
class HostedFullTables : public testing::TestWithParam<DmaMode> {};

TEST_P(HostedFullTables, FramesOfTablesRunOutAndNothingIsLeftOfTheList) {
    Full full(4096, GetParam());
    NTSTATUS status = STATUS_SUCCESS;
    // Device memory needs no frames, but its pages need tables.
    const auto io = full.create(io_space_of(8 * GiB, 1 * GiB, full.adapter), status);
    ASSERT_EQ(status, STATUS_SUCCESS);
    std::vector<DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT> objects;
    while (NT_SUCCESS(status)) {
        const auto object = full.create(mdl_of(page_size), status);
        if (NT_SUCCESS(status)) objects.push_back(object);
    }
    ASSERT_EQ(status, STATUS_INSUFFICIENT_RESOURCES);
    ASSERT_EQ(full.machine.frames().free_pages(), 0u);

    // With each frame that is freed the list gets a table further, until it has all.
    DXGK_ADL* adl = nullptr;
    unsigned failures = 0;
    const std::uint64_t bytes = 3 * MiB + 4 * KiB;
    while (!NT_SUCCESS(status = full.list(io.hAdapterMemoryObject, bytes, prefer_contiguous, &adl))) {
        ASSERT_EQ(status, STATUS_INSUFFICIENT_RESOURCES);
        ASSERT_FALSE(objects.empty());
        ++failures;
        full.destroy(objects.back());
        objects.pop_back();
    }
    EXPECT_GE(failures, 2u);
    EXPECT_LT(failures, 8u);
    full.free(io.hAdapterMemoryObject, adl);
    for (const auto& object : objects) full.destroy(object);
    full.destroy(io);
    EXPECT_EQ(full.machine.frames().free_pages(), full.free_at_first);
}

INSTANTIATE_TEST_SUITE_P(Modes, HostedFullTables, testing::Values(DmaMode::Isolation, DmaMode::Remapping),
                         [](const auto& info) { return info.param == DmaMode::Isolation ? "Isolation" : "Remapping"; });

TEST(HostedFull, LogicalPagesRunOutAndComeBack) {
    Full full(4096, DmaMode::Remapping, 256 * page_size - 1);  // pages 1 to 255
    NTSTATUS status = STATUS_SUCCESS;
    const auto object = full.create(contiguous_of(64 * page_size, full.adapter), status);
    ASSERT_EQ(status, STATUS_SUCCESS);
    for (unsigned round = 0; round < 3; ++round) {
        std::vector<DXGK_ADL*> lists;
        DXGK_ADL* adl = nullptr;
        while (NT_SUCCESS(status = full.list(object.hAdapterMemoryObject, 64 * page_size, require_contiguous, &adl)))
            lists.push_back(adl);
        EXPECT_EQ(status, STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(lists.size(), 3u);
        while (NT_SUCCESS(status = full.list(object.hAdapterMemoryObject, page_size, 0, &adl))) lists.push_back(adl);
        EXPECT_EQ(status, STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(lists.size(), 3u + 255 - 3 * 64);
        for (DXGK_ADL* list : lists) full.free(object.hAdapterMemoryObject, list);
    }
    full.destroy(object);
    EXPECT_EQ(full.machine.frames().free_pages(), full.free_at_first);
}

}  // namespace
}  // namespace remap::hosted::tests
