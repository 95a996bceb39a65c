// SPDX-License-Identifier: MIT
// What drivers in the field do and expect.
#include "callbacks/driver/allocation.h"
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

#include <cstddef>

namespace remap::rules {

RULE_IN_EACH_MODE(
    the_usual_order_works,
    "Create, AllocateAdl, Map, and back: Unmap with the returned Size, FreeAdl, Destroy with both handles.",
    "ours: the order that every known driver uses") {
    Adapter& adapter = bench.start();
    const std::uint64_t before = bench.free_frames();
    for (const auto type : {DXGK_PHYSICAL_MEMORY_TYPE_MDL, DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
                            DXGK_PHYSICAL_MEMORY_TYPE_SECTION}) {
        CreateArgs args = type == DXGK_PHYSICAL_MEMORY_TYPE_MDL       ? mdl(adapter, 5 * page_size)
                          : type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION ? section(adapter, 5 * page_size)
                                                                      : contiguous(adapter, 5 * page_size);
        REQUIRE_EQ(create(adapter, args), STATUS_SUCCESS);
        const Listed listed = list(adapter, args.hAdapterMemoryObject, 0, 5 * page_size);
        const Mapped view = map(adapter, args.hPhysicalMemoryObject, 0, 5 * page_size);
        REQUIRE(NT_SUCCESS(listed.status) && NT_SUCCESS(view.status));
        view[4 * page_size + 9] = 0x19;
        EXPECT_EQ(adapter.gpu().read(listed[4] + 9), std::optional<std::uint8_t>{0x19});
        EXPECT(adapter.gpu().write(listed[0] + 3, 0x1a));
        EXPECT_EQ(view[3], 0x1a);
        unmap(adapter, args.hPhysicalMemoryObject, view);
        free(adapter, args.hAdapterMemoryObject, listed.adl);
        destroy(adapter, args);
    }
    adapter.stop_gpus();
    EXPECT_EQ(bench.free_frames(), before);
}

RULE_IN_EACH_MODE(a_list_may_begin_inside_its_object, "An ADL with an Offset begins at that page of the object.",
                  "ours: authors of drivers asked for a test with an offset that is not 0") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 6 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 4 * page_size, 2 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    EXPECT(adapter.gpu().write(listed[0], 0x2b));
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 4)), 0x2b);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(a_cpu_pointer_stays_while_the_gpu_works,
                  "A kernel view keeps its address and its bytes while the GPU "
                  "works on the pages by several lists.",
                  "ours: authors of drivers asked for it") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 3 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, 3 * page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    for (unsigned round = 1; round < 6; ++round) {
        const Listed whole = list(adapter, object.hAdapterMemoryObject, 0, 3 * page_size);
        const Listed part = list(adapter, object.hAdapterMemoryObject, page_size, page_size, prefer_contiguous);
        REQUIRE(NT_SUCCESS(whole.status) && NT_SUCCESS(part.status));
        EXPECT(adapter.gpu().write(whole[0], static_cast<std::uint8_t>(round)));
        EXPECT(adapter.gpu().write(part[0], static_cast<std::uint8_t>(round + 0x40)));
        EXPECT_EQ(view[0], round);
        EXPECT_EQ(view[page_size], round + 0x40);
        free(adapter, object.hAdapterMemoryObject, part.adl);
        free(adapter, object.hAdapterMemoryObject, whole.adl);
    }
    unmap(adapter, object.hPhysicalMemoryObject, view);
    destroy(adapter, object);
}

RULE(the_interface_has_the_size_of_its_version,
     "DXGKRNL_INTERFACE is 0x238 bytes at WDDM 2.9 and 3.0, 0x240 from 3.1 on, and says the adapter's version.",
     "DXGKRNL_INTERFACE; layouts as in public debugging information") {
    const struct {
        ULONG version;
        ULONG size;
    } cases[] = {{0xE003, 0x238}, {0xF003, 0x238}, {0x10004, 0x240}, {0x11007, 0x240}};
    for (const auto& [version, size] : cases) {
        AdapterWish wish = bench.wish();
        wish.version = version;
        DXGKRNL_INTERFACE interface {};
        REQUIRE_EQ(bench.try_start(wish, nullptr, &interface), STATUS_SUCCESS);
        EXPECT_EQ(interface.Size, size);
        EXPECT_EQ(interface.Version, version);
    }
}

RULE(the_eight_stand_where_drivers_look_for_them,
     "The eight callbacks are the members at 0x1f0 to 0x228, and the ten older ones those from 0x170 on.",
     "DXGKRNL_INTERFACE; layouts as in public debugging information") {
    Adapter& adapter = bench.start();
    const auto* bytes = reinterpret_cast<const unsigned char*>(&adapter.callbacks());
    const auto at_offset = [&](std::size_t offset) {
        void* pointer;
        __builtin_memcpy(&pointer, bytes + offset, sizeof pointer);
        return pointer;
    };
    for (std::size_t offset = 0x1f0; offset <= 0x228; offset += 8) EXPECT(at_offset(offset) != nullptr);
    for (std::size_t offset = 0x170; offset <= 0x1b8; offset += 8) EXPECT(at_offset(offset) != nullptr);
    EXPECT_EQ(at_offset(0x1f0), reinterpret_cast<void*>(adapter->DxgkCbCreatePhysicalMemoryObject));
    EXPECT_EQ(at_offset(0x210), reinterpret_cast<void*>(adapter->DxgkCbAllocateAdl));
    EXPECT_EQ(at_offset(0x228), reinterpret_cast<void*>(adapter->DxgkCbClosePhysicalMemoryObject));
    EXPECT_EQ(at_offset(0x008), adapter.handle());
}

}  // namespace remap::rules
