// SPDX-License-Identifier: MIT
// Views of one page with different cache types.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"
#include "callbacks/rules/unmanaged_frames.h"

#include <cstddef>

namespace remap::rules {

using callbacks::CacheType;
using callbacks::Check;

namespace {

constexpr std::uint64_t device_pages = 8;

// A graphics kernel, and a device with eight pages of memory.
class DeviceMemory {
public:
    explicit DeviceMemory(Bench& bench)
        : ports_(bench.machine().ports()),
          frames_(ports_.frames),
          kernel_({frames_, ports_.views, ports_.execution, reports}) {
        REQUIRE(ports_.frames.allocate(
            {.pages = device_pages, .highest = ports_.frames.highest_installed(), .contiguous = true}, device_));
    }
    ~DeviceMemory() { ports_.frames.free(device_); }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;

    PhysicalPage page(std::uint64_t index) const { return device_[index]; }

    HANDLE object(std::uint64_t first, std::uint64_t pages, DXGK_MEMORY_CACHING_TYPE cache, ULONG_PTR context = 0) {
        CreateArgs args{};
        args.Size = pages * page_size;
        args.Context = context;
        args.Type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
        args.CacheType = cache;
        args.IOSpace.BaseAddress = at(page(first).address().value);
        REQUIRE_EQ(kernel_.create(&args), STATUS_SUCCESS);
        reports.clear();  // that objects overlap is another rule
        return args.hPhysicalMemoryObject;
    }
    void destroy(HANDLE object) {
        const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{object, nullptr};
        kernel_.destroy(&args);
    }
    void* map(HANDLE object, std::uint64_t first, std::uint64_t pages, const void* caller = nullptr) {
        DXGKARGCB_MAP_PHYSICAL_MEMORY args{object, DXGK_ACCESS_MODE_KERNEL_MODE, first * page_size, pages * page_size,
                                           nullptr};
        REQUIRE_EQ(kernel_.map(&args, caller), STATUS_SUCCESS);
        return args.pMappedAddress;
    }
    void unmap(HANDLE object, void* view, std::uint64_t pages) {
        const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{object, view, pages * page_size};
        kernel_.unmap(&args);
    }

    // Views of a page, and the one that begins at an address.
    unsigned count_views(std::uint64_t index) const {
        unsigned count = 0;
        ports_.views.audit.for_each_view_of(page(index), [&](const callbacks::ShownPage&) { ++count; });
        return count;
    }
    std::optional<callbacks::ShownPage> find_view(std::uint64_t index, const void* base) const {
        std::optional<callbacks::ShownPage> found;
        ports_.views.audit.for_each_view_of(page(index), [&](const callbacks::ShownPage& shown) {
            if (shown.view.base == base) found = shown;
        });
        return found;
    }

    KeptReports reports;

private:
    const callbacks::Ports ports_;
    callbacks::UnmanagedFrames frames_;
    callbacks::Dxgkrnl kernel_;
    callbacks::FrameList device_;
};

}  // namespace

RULE(views_of_a_page_have_one_cache_type,
     "A view of a page that is mapped with another cache type is reported when it is made: what the CPU reads and "
     "writes is undefined.",
     "ours: SDM volume 3, Programming the PAT") {
    DeviceMemory device(bench);
    const HANDLE uncached = device.object(0, 4, DXGK_MEMORY_CACHING_TYPE_NON_CACHED);
    const HANDLE combined = device.object(2, 4, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED, 0x77);
    void* const first = device.map(uncached, 0, 4);
    EXPECT_EQ(device.reports.all().size(), 0);
    void* const second = device.map(combined, 1, 1);  // the device's page 3
    REQUIRE_EQ(device.reports.all().size(), 1);
    const auto& report = device.reports.all()[0];
    EXPECT(report.check == Check::ConflictingViews);
    EXPECT(report.severity == callbacks::Severity::Warning);
    EXPECT_EQ(report.object, reinterpret_cast<std::uintptr_t>(combined));
    EXPECT_EQ(report.context, 0x77);
    device.unmap(uncached, first, 4);
    device.unmap(combined, second, 1);
    device.destroy(uncached);
    device.destroy(combined);
}

RULE(views_of_one_cache_type_may_share_a_page,
     "Views of a page that have its cache type in common are as many as one likes.",
     "ours: SDM volume 3, Programming the PAT") {
    DeviceMemory device(bench);
    const HANDLE one = device.object(0, 4, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED);
    const HANDLE other = device.object(2, 4, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED);
    void* const views[] = {device.map(one, 0, 4), device.map(one, 2, 2), device.map(other, 0, 4)};
    EXPECT_EQ(device.reports.all().size(), 0);
    device.unmap(one, views[0], 4);
    device.unmap(one, views[1], 2);
    device.unmap(other, views[2], 4);
    device.destroy(one);
    device.destroy(other);
}

RULE(a_page_may_get_another_cache_type_when_its_views_are_gone,
     "A page may be mapped with another cache type once all views with the old one are unmapped.",
     "ours: SDM volume 3, Programming the PAT") {
    DeviceMemory device(bench);
    const HANDLE cached = device.object(0, 4, DXGK_MEMORY_CACHING_TYPE_CACHED);
    const HANDLE uncached = device.object(0, 4, DXGK_MEMORY_CACHING_TYPE_NON_CACHED);
    for (unsigned round = 0; round < 2; ++round) {
        device.unmap(cached, device.map(cached, 0, 4), 4);
        device.unmap(uncached, device.map(uncached, 0, 4), 4);
    }
    EXPECT_EQ(device.reports.all().size(), 0);
    device.destroy(cached);
    device.destroy(uncached);
}

RULE(only_pages_that_both_views_show_conflict,
     "Views of overlapping ranges with different cache types are no conflict where they show different pages.",
     "ours: SDM volume 3, Programming the PAT") {
    DeviceMemory device(bench);
    const HANDLE cached = device.object(0, 8, DXGK_MEMORY_CACHING_TYPE_CACHED);
    const HANDLE uncached = device.object(0, 8, DXGK_MEMORY_CACHING_TYPE_NON_CACHED);
    void* const lower = device.map(cached, 0, 4);
    void* const upper = device.map(uncached, 4, 4);
    EXPECT_EQ(device.reports.all().size(), 0);
    device.unmap(cached, lower, 4);
    device.unmap(uncached, upper, 4);
    device.destroy(cached);
    device.destroy(uncached);
}

RULE(the_system_knows_which_views_show_a_page,
     "For each page it is known which views show it, with their cache types, their objects, and who made them.",
     "ours: a report needs both sides") {
    DeviceMemory device(bench);
    const int here = 0, there = 0;
    const HANDLE object = device.object(0, 4, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED, 0x55);
    EXPECT_EQ(device.count_views(2), 0);
    void* const whole = device.map(object, 0, 4, &here);
    void* const part = device.map(object, 2, 2, &there);
    EXPECT_EQ(device.count_views(1), 1);
    EXPECT_EQ(device.count_views(2), 2);
    EXPECT_EQ(device.count_views(4), 0);
    const auto found = device.find_view(3, part);
    REQUIRE(found.has_value());
    EXPECT_EQ(found->index, 1);
    EXPECT_EQ(found->view.pages, 2);
    EXPECT(found->view.cache == CacheType::WriteCombined);
    EXPECT(found->view.origin.caller == &there);
    EXPECT_EQ(found->view.origin.object.handle, reinterpret_cast<std::uintptr_t>(object));
    EXPECT_EQ(found->view.origin.object.context, 0x55);
    REQUIRE(device.find_view(3, whole).has_value());
    EXPECT_EQ(device.find_view(3, whole)->index, 3);
    EXPECT(device.find_view(3, whole)->view.origin.caller == &here);
    device.unmap(object, part, 2);
    EXPECT_EQ(device.count_views(2), 1);
    device.unmap(object, whole, 4);
    EXPECT_EQ(device.count_views(2), 0);
    device.destroy(object);
}

RULE(views_of_a_section_are_known_where_its_pages_are,
     "When a section's pages move, its views are known as views of the new ones.", "DXGK_PHYSICAL_MEMORY_TYPE; ours") {
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, 4 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, page_size, 2 * page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    const auto views_of = [&](PhysicalPage page) {
        unsigned count = 0;
        bench.machine().ports().views.audit.for_each_view_of(page, [&](const callbacks::ShownPage& shown) {
            count += shown.view.base == view.base ? 1 + 16 * static_cast<unsigned>(shown.index) : 0;
        });
        return count;
    };
    const PhysicalPage before = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 2);
    EXPECT_EQ(views_of(before), 17);  // as the second page of the one view
    REQUIRE_EQ(bench.dxgkrnl().move_pages(object.hPhysicalMemoryObject), STATUS_SUCCESS);
    EXPECT_EQ(views_of(before), 0);
    EXPECT_EQ(views_of(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 2)), 17);
    unmap(adapter, object.hPhysicalMemoryObject, view);
    EXPECT_EQ(views_of(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 2)), 0);
    destroy(adapter, object);
}

}  // namespace remap::rules
