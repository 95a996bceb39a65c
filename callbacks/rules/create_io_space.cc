// SPDX-License-Identifier: MIT
// Create for a range of the device's own.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

RULE(io_space_is_page_aligned, "BaseAddress of an IO_SPACE object is page-aligned, and its range does not wrap.",
     "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    const std::uint64_t device = bench.machine().device_memory().value;
    EXPECT_EQ(try_create(adapter, io_space(adapter, device, page_size)), STATUS_SUCCESS);
    EXPECT_EQ(try_create(adapter, io_space(adapter, device + 1, page_size)), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(try_create(adapter, io_space(adapter, ~std::uint64_t{0} & ~(page_size - 1), 2 * page_size)),
              STATUS_INVALID_PARAMETER);
}

RULE(io_space_is_no_memory_of_the_system, "An IO_SPACE object wraps the driver's own range, never managed memory.",
     "DXGK_PHYSICAL_MEMORY_TYPE") {
    Adapter& adapter = bench.start();
    CreateArgs memory = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, memory), STATUS_SUCCESS);
    const std::uint64_t frame = bench.dxgkrnl().frame(memory.hPhysicalMemoryObject, 0).address().value;
    EXPECT_EQ(try_create(adapter, io_space(adapter, frame, page_size)), STATUS_INVALID_PARAMETER);
    destroy(adapter, memory);
    EXPECT_EQ(try_create(adapter, io_space(adapter, frame, page_size)), STATUS_INVALID_PARAMETER);
}

RULE_IN_EACH_MODE(io_space_takes_no_memory, "An IO_SPACE object takes no memory: its pages are those of the range.",
                  "DXGK_PHYSICAL_MEMORY_TYPE") {
    Adapter& adapter = bench.start();
    const PhysicalAddress device = bench.machine().device_memory();
    const std::uint64_t before = bench.free_frames();
    CreateArgs object = io_space(adapter, device.value, 8 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT_EQ(bench.free_frames(), before);
    EXPECT_EQ(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 7), device.page() + 7);
    destroy(adapter, object);
    EXPECT_EQ(bench.free_frames(), before);
}

RULE_IN_EACH_MODE(io_space_has_no_user_views, "An IO_SPACE object has kernel-mode views only.",
                  "DXGK_PHYSICAL_MEMORY_TYPE") {
    Adapter& adapter = bench.start();
    CreateArgs object = io_space(adapter, bench.machine().device_memory().value, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT_EQ(map(adapter, object.hPhysicalMemoryObject, 0, page_size, DXGK_ACCESS_MODE_USER_MODE).status,
              STATUS_INVALID_PARAMETER);
    destroy(adapter, object);
}

GUEST_RULE(io_space_shows_the_device, "A kernel view of an IO_SPACE object is the device's memory.",
           "DXGK_PHYSICAL_MEMORY_TYPE") {
    Adapter& adapter = bench.start();
    CreateArgs object = io_space(adapter, bench.machine().device_memory().value, 4 * page_size);
    object.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, 4 * page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    EXPECT_EQ(bench.machine().view_at(view.base)->cache, callbacks::CacheType::WriteCombined);
    view[3 * page_size] = 0x5e;
    EXPECT_EQ(bench.machine().peek(bench.machine().device_memory().page() + 3), 0x5e);
    unmap(adapter, object.hPhysicalMemoryObject, view);
    destroy(adapter, object);
}

RULE(aliases_of_a_page_have_one_cache_type,
     "Objects over the same page have one CacheType: what the CPU sees through aliases of several is undefined.",
     "ours: SDM volume 3, Programming the PAT") {
    Adapter& adapter = bench.start();
    const std::uint64_t device = bench.machine().device_memory().value;
    CreateArgs one = io_space(adapter, device, 4 * page_size);
    CreateArgs same = io_space(adapter, device + 3 * page_size, 4 * page_size);
    CreateArgs other = same;
    other.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    CreateArgs apart = other;
    apart.IOSpace.BaseAddress = at(device + 4 * page_size);
    bench.machine().clear_warnings();
    REQUIRE_EQ(create(adapter, one), STATUS_SUCCESS);
    EXPECT_EQ(try_create(adapter, same), STATUS_SUCCESS);
    EXPECT_EQ(try_create(adapter, apart), STATUS_SUCCESS);
    EXPECT(!bench.warning().has_value());
    EXPECT_EQ(try_create(adapter, other), STATUS_SUCCESS);
    EXPECT(bench.warning() == callbacks::Check::MixedCacheTypes);
    destroy(adapter, one);
}

}  // namespace remap::rules
