// SPDX-License-Identifier: MIT
// Create of nonpaged pages for an MDL.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

namespace {

// Whether all frames of an object lie in [lowest, highest].
bool lies_in(Bench& bench, const CreateArgs& object, std::uint64_t lowest, std::uint64_t highest) {
    const std::uint64_t pages = bench.dxgkrnl().page_count(object.hPhysicalMemoryObject);
    for (std::uint64_t i = 0; i < pages; ++i) {
        const PhysicalAddress frame = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i).address();
        if (frame.value < lowest || frame.value + (page_size - 1) > highest) return false;
    }
    return pages != 0;
}

constexpr std::uint64_t mib = 1 << 20;

}  // namespace

RULE(mdl_pages_keep_to_their_window, "Pages for an MDL lie in [LowAddress, HighAddress], with all their bytes.",
     "MmAllocatePagesForMdlEx") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 40 * page_size);
    object.Mdl.LowAddress = at(0xc80'0000 + 1);
    object.Mdl.HighAddress = at(0xd00'0000 + 100);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT(lies_in(bench, object, 0xc80'1000, 0xcff'ffff));
    destroy(adapter, object);
}

RULE(mdl_without_a_window_is_refused, "An address window that holds no whole page is refused.",
     "ours: the page leaves it open") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    object.Mdl.LowAddress = at(0xc80'0000);
    object.Mdl.HighAddress = at(0xc7f'ffff);
    EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PARAMETER);
    object.Mdl.LowAddress = at(0xc80'0001);
    object.Mdl.HighAddress = at(0xc80'1ffe);
    EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PARAMETER);
}

RULE(mdl_goes_on_skip_bytes_further,
     "What the window does not have comes from the same window SkipBytes further on, and so on.",
     "MmAllocatePagesForMdlEx") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 3 * mib);
    object.Mdl.LowAddress = at(0xc00'0000);
    object.Mdl.HighAddress = at(0xc00'0000 + mib - 1);
    EXPECT_EQ(try_create(adapter, object), STATUS_INSUFFICIENT_RESOURCES);
    object.Mdl.SkipBytes = at(2 * mib);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 3 * mib / page_size; ++i) {
        const std::uint64_t frame = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i).address().value;
        EXPECT(frame >= 0xc00'0000 && (frame - 0xc00'0000) % (2 * mib) < mib);
    }
    destroy(adapter, object);
}

RULE(mdl_skip_bytes_are_whole_pages, "SkipBytes is a multiple of PAGE_SIZE.", "MmAllocatePagesForMdlEx") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    object.Mdl.SkipBytes = at(page_size + 1);
    EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PARAMETER);
    object.Mdl.SkipBytes = at(page_size);
    EXPECT_EQ(try_create(adapter, object), STATUS_SUCCESS);
}

RULE(mdl_is_all_or_nothing, "MM_ALLOCATE_FULLY_REQUIRED is always in force: fewer pages are a failure.",
     "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    const std::uint64_t before = bench.free_frames();
    CreateArgs object = mdl(adapter, 4 * mib);
    object.Mdl.LowAddress = at(0xc00'0000);
    object.Mdl.HighAddress = at(0xc00'0000 + 2 * mib - 1);
    EXPECT_EQ(try_create(adapter, object), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(bench.free_frames(), before);
}

RULE(mdl_is_at_most_4_gib_minus_a_page, "One MDL describes at most 4 GiB minus a page.",
     "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT; MmAllocatePagesForMdlEx") {
    Adapter& adapter = bench.start();
    // Neither machine has so much memory: the largest is refused for want of it, one page more for its size.
    EXPECT_EQ(try_create(adapter, mdl(adapter, (std::uint64_t{1} << 32) - page_size)), STATUS_INSUFFICIENT_RESOURCES);
    EXPECT_EQ(try_create(adapter, mdl(adapter, std::uint64_t{1} << 32)), STATUS_INVALID_PARAMETER);
}

RULE(mdl_chunks_are_contiguous_and_aligned,
     "With MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS each SkipBytes of the memory is contiguous and aligned to its size.",
     "MmAllocatePagesForMdlEx") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 16 * page_size);
    object.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
    object.Mdl.SkipBytes = at(4 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 16; ++i) {
        const PhysicalPage chunk = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i & ~std::uint64_t{3});
        EXPECT_EQ(chunk.number % 4, 0);
        EXPECT_EQ(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i), chunk + i % 4);
    }
    destroy(adapter, object);
    object.Mdl.SkipBytes = at(3 * page_size);
    EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PARAMETER);
}

RULE(mdl_flags_are_those_of_the_memory_manager, "Flags of an MDL are those of MmAllocatePagesForMdlEx.",
     "MmAllocatePagesForMdlEx") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    object.Mdl.Flags = MM_ALLOCATE_FULLY_REQUIRED | MM_DONT_ZERO_ALLOCATION;
    EXPECT_EQ(try_create(adapter, object), STATUS_SUCCESS);
    object.Mdl.Flags = 0x8000'0000;
    EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PARAMETER);
}

}  // namespace remap::rules
