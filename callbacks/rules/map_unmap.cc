// SPDX-License-Identifier: MIT
// Map and Unmap: an object as the CPU sees it.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

RULE_IN_EACH_MODE(map_shows_any_byte_range,
                  "Any byte range may be mapped: the data is at pMappedAddress + Offset (out), and Size (out) - Offset "
                  "(out) is at least the Size asked for.",
                  "DXGKARGCB_MAP_PHYSICAL_MEMORY; ours: drivers take less for a failure") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 4 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped all = map(adapter, object.hPhysicalMemoryObject, 0, 4 * page_size);
    REQUIRE_EQ(all.status, STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 4 * page_size; ++i) all[i] = static_cast<std::uint8_t>(i * 7 >> 4);
    const struct {
        SIZE_T offset;
        SIZE_T size;
    } cases[] = {{0, 1}, {1, 1}, {page_size - 1, 2}, {page_size, page_size}, {3 * page_size + 5, page_size - 5}};
    for (const auto& [offset, size] : cases) {
        const Mapped view = map(adapter, object.hPhysicalMemoryObject, offset, size);
        REQUIRE_EQ(view.status, STATUS_SUCCESS);
        EXPECT(view.size >= view.offset + size);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(view.base) % page_size, 0);
        EXPECT_EQ(view[0], all[offset]);
        EXPECT_EQ(view[size - 1], all[offset + size - 1]);
        unmap(adapter, object.hPhysicalMemoryObject, view);
    }
    unmap(adapter, object.hPhysicalMemoryObject, all);
    destroy(adapter, object);
}

RULE(map_lies_inside_its_object, "A mapped range lies inside the object, and holds a byte.",
     "DXGKARGCB_MAP_PHYSICAL_MEMORY") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 2 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const struct {
        SIZE_T offset;
        SIZE_T size;
    } cases[] = {{0, 0}, {0, 2 * page_size + 1}, {2 * page_size, 1}, {page_size, ~SIZE_T{0}}};
    for (const auto& [offset, size] : cases) {
        const Mapped view = map(adapter, object.hPhysicalMemoryObject, offset, size);
        EXPECT_EQ(view.status, STATUS_INVALID_PARAMETER);
        EXPECT_EQ(view.base, nullptr);
        EXPECT_EQ(view.offset, offset);
        EXPECT_EQ(view.size, size);
    }
    EXPECT_EQ(map(adapter, object.hPhysicalMemoryObject, 0, 1, static_cast<DXGK_ACCESS_MODE>(2)).status,
              STATUS_INVALID_PARAMETER);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(map_goes_into_kernel_or_user_space, "AccessMode decides whether a view has the rights of user mode.",
                  "DXGK_ACCESS_MODE") {
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    for (const auto mode : {DXGK_ACCESS_MODE_KERNEL_MODE, DXGK_ACCESS_MODE_USER_MODE}) {
        const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, page_size, mode);
        REQUIRE_EQ(view.status, STATUS_SUCCESS);
        const auto seen = bench.machine().view_at(view.base);
        REQUIRE(seen.has_value());
        EXPECT_EQ(seen->user, mode == DXGK_ACCESS_MODE_USER_MODE);
        unmap(adapter, object.hPhysicalMemoryObject, view);
    }
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(unmap_ends_the_view, "After Unmap nothing is mapped where the view was.",
                  "DXGKCB_UNMAPPHYSICALMEMORY") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 3 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, 3 * page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    unmap(adapter, object.hPhysicalMemoryObject, view);
    for (const std::uint64_t page : {0, 1, 2}) EXPECT(!bench.machine().view_at(&view[page * page_size]).has_value());
    destroy(adapter, object);
}

RULE(unmap_takes_the_base_that_map_returned, "Unmap takes the base that Map returned, once.",
     "DXGKARGCB_UNMAP_PHYSICAL_MEMORY") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 2 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 100, page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    char* const base = static_cast<char*>(view.base);
    for (void* wrong : {static_cast<void*>(base + view.offset), static_cast<void*>(base + page_size)}) {
        const auto stop = bench.stop_in([&] { unmap(adapter, object.hPhysicalMemoryObject, wrong, view.size); });
        EXPECT_STOP(stop, UnknownView, UnmapPhysicalMemory);
    }
    unmap(adapter, object.hPhysicalMemoryObject, view);
    const auto again = bench.stop_in([&] { unmap(adapter, object.hPhysicalMemoryObject, view); });
    EXPECT_STOP(again, UnknownView, UnmapPhysicalMemory);
    destroy(adapter, object);
}

RULE(unmap_takes_the_size_that_map_returned, "Unmap takes the Size that Map returned, not the one it was asked for.",
     "DXGKARGCB_UNMAP_PHYSICAL_MEMORY") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 2 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 100, page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    for (const SIZE_T wrong : {SIZE_T{page_size}, view.size + page_size, SIZE_T{0}}) {
        const auto stop = bench.stop_in([&] { unmap(adapter, object.hPhysicalMemoryObject, view.base, wrong); });
        EXPECT_STOP(stop, WrongViewSize, UnmapPhysicalMemory);
        EXPECT(bench.machine().view_at(view.base).has_value());
    }
    unmap(adapter, object.hPhysicalMemoryObject, view);
    destroy(adapter, object);
}

RULE(unmap_of_another_objects_view_is_refused, "A view is unmapped with the object that it shows.",
     "DXGKARGCB_UNMAP_PHYSICAL_MEMORY") {
    Adapter& adapter = bench.start();
    CreateArgs one = mdl(adapter, page_size);
    CreateArgs other = mdl(adapter, page_size);
    REQUIRE_EQ(create(adapter, one), STATUS_SUCCESS);
    REQUIRE_EQ(create(adapter, other), STATUS_SUCCESS);
    const Mapped view = map(adapter, one.hPhysicalMemoryObject, 0, page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { unmap(adapter, other.hPhysicalMemoryObject, view); });
    EXPECT_STOP(stop, UnknownView, UnmapPhysicalMemory);
    unmap(adapter, one.hPhysicalMemoryObject, view);
    destroy(adapter, one);
    destroy(adapter, other);
}

HOST_RULE(unmap_is_called_in_the_process_of_the_view, "A user-mode view is unmapped in the process that mapped it.",
          "DXGKARGCB_UNMAP_PHYSICAL_MEMORY") {
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped user = map(adapter, object.hPhysicalMemoryObject, 0, page_size, DXGK_ACCESS_MODE_USER_MODE);
    const Mapped kernel = map(adapter, object.hPhysicalMemoryObject, 0, page_size);
    REQUIRE(NT_SUCCESS(user.status) && NT_SUCCESS(kernel.status));
    const auto stop = bench.stop_in([&] {
        const InProcess scope(bench, 4242);
        unmap(adapter, object.hPhysicalMemoryObject, user);
    });
    bench.machine().set_process(0);
    EXPECT_STOP(stop, WrongProcess, UnmapPhysicalMemory);
    EXPECT(bench.machine().view_at(user.base).has_value());
    {
        const InProcess scope(bench, 4242);  // the kernel's views are the same in each
        unmap(adapter, object.hPhysicalMemoryObject, kernel);
    }
    unmap(adapter, object.hPhysicalMemoryObject, user);
    destroy(adapter, object);
}

RULE(large_uncached_views_are_slow, "A large view that is uncached earns a warning: reading it takes seconds.",
     "ours: 16 MiB read twice took about 9 seconds on hardware, and tripped a watchdog") {
    Adapter& adapter = bench.start();
    for (const auto cache : {DXGK_MEMORY_CACHING_TYPE_CACHED, DXGK_MEMORY_CACHING_TYPE_NON_CACHED}) {
        CreateArgs object = mdl(adapter, 16 << 20);
        object.CacheType = cache;
        REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
        bench.machine().clear_warnings();
        const Mapped small = map(adapter, object.hPhysicalMemoryObject, 0, page_size);
        EXPECT(!bench.warning().has_value());
        const Mapped large = map(adapter, object.hPhysicalMemoryObject, 0, 16 << 20);
        EXPECT_EQ(bench.warning() == callbacks::Check::LargeUncachedView, cache == DXGK_MEMORY_CACHING_TYPE_NON_CACHED);
        unmap(adapter, object.hPhysicalMemoryObject, small);
        unmap(adapter, object.hPhysicalMemoryObject, large);
        destroy(adapter, object);
    }
}

}  // namespace remap::rules
