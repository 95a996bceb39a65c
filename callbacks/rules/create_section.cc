// SPDX-License-Identifier: MIT
// Create of a section, its views in processes, and its pages that move.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

#include <array>

namespace remap::rules {

namespace {

constexpr std::uint64_t pages = 6;

using Frames = std::array<PhysicalPage, pages>;

Frames frames_of(Bench& bench, const CreateArgs& object) {
    Frames frames;
    for (std::uint64_t i = 0; i < pages; ++i) frames[i] = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i);
    return frames;
}

}  // namespace

RULE(section_is_cached_or_write_combined, "A section's CacheType is CACHED or WRITE_COMBINED.",
     "DXGK_PHYSICAL_MEMORY_TYPE") {
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, page_size);
    object.CacheType = DXGK_MEMORY_CACHING_TYPE_NON_CACHED;
    EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PARAMETER);
    object.CacheType = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED;
    EXPECT_EQ(try_create(adapter, object), STATUS_SUCCESS);
}

RULE(section_protection_is_one_of_four,
     "PageProtection is PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE or PAGE_WRITECOPY, without a cache attribute.",
     "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    for (const ULONG protection : {PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE, PAGE_WRITECOPY}) {
        CreateArgs object = section(adapter, page_size);
        object.Section.PageProtection = protection;
        EXPECT_EQ(try_create(adapter, object), STATUS_SUCCESS);
        object.Section.PageProtection = protection | PAGE_NOCACHE;
        EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PAGE_PROTECTION);
        object.Section.PageProtection = protection | PAGE_WRITECOMBINE;
        EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PAGE_PROTECTION);
    }
    for (const ULONG protection : {0, 0x01, 0x20, 0x40, 0x80, 0x106}) {
        CreateArgs object = section(adapter, page_size);
        object.Section.PageProtection = protection;
        EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PAGE_PROTECTION);
    }
}

RULE(section_is_committed,
     "A section is backed by the page file and committed: SEC_COMMIT, or nothing, which means it.",
     "DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT") {
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, page_size);
    object.Section.AllocationAttributes = 0;
    EXPECT_EQ(try_create(adapter, object), STATUS_SUCCESS);
    object.Section.AllocationAttributes = SEC_COMMIT | SEC_LARGE_PAGES;
    EXPECT_EQ(try_create(adapter, object), STATUS_INVALID_PARAMETER);
}

RULE(read_only_section_has_read_only_views, "Views of a section that is not PAGE_READWRITE cannot be written.",
     "ours: PAGE_WRITECOPY makes no private copy") {
    Adapter& adapter = bench.start();
    for (const ULONG protection : {PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE, PAGE_WRITECOPY}) {
        CreateArgs object = section(adapter, page_size);
        object.Section.PageProtection = protection;
        REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
        const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, page_size);
        REQUIRE_EQ(view.status, STATUS_SUCCESS);
        const auto seen = bench.machine().view_at(view.base);
        REQUIRE(seen.has_value());
        EXPECT_EQ(seen->writable, protection == PAGE_READWRITE);
        unmap(adapter, object.hPhysicalMemoryObject, view);
        destroy(adapter, object);
    }
}

RULE_IN_EACH_MODE(section_moves_while_no_adl_locks_it,
                  "Pages of a section that no ADL locks may move: the data stays, the frames change, views follow.",
                  "DXGK_PHYSICAL_MEMORY_TYPE") {
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, pages * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, pages * page_size);
    REQUIRE_EQ(view.status, STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < pages; ++i) view[i * page_size] = static_cast<std::uint8_t>(i + 1);
    const Frames before = frames_of(bench, object);
    REQUIRE_EQ(bench.dxgkrnl().move_pages(object.hPhysicalMemoryObject), STATUS_SUCCESS);
    const Frames after = frames_of(bench, object);
    for (std::uint64_t i = 0; i < pages; ++i) {
        EXPECT(before[i] != after[i]);
        EXPECT_EQ(view[i * page_size], i + 1);
        view[i * page_size] = static_cast<std::uint8_t>(i + 0x81);
        EXPECT_EQ(bench.machine().peek(after[i]), i + 0x81);
    }
    unmap(adapter, object.hPhysicalMemoryObject, view);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(section_pages_stay_while_an_adl_locks_them,
                  "An ADL locks its pages: they stay where they are and the GPU reaches them, while others move.",
                  "DXGKCB_ALLOCATEADL") {
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, pages * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Mapped view = map(adapter, object.hPhysicalMemoryObject, 0, pages * page_size);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 2 * page_size, 2 * page_size);
    REQUIRE(NT_SUCCESS(view.status) && NT_SUCCESS(listed.status));
    for (std::uint64_t i = 0; i < pages; ++i) view[i * page_size] = static_cast<std::uint8_t>(i + 0x31);
    const Frames before = frames_of(bench, object);
    REQUIRE_EQ(bench.dxgkrnl().move_pages(object.hPhysicalMemoryObject), STATUS_SUCCESS);
    const Frames after = frames_of(bench, object);
    for (std::uint64_t i = 0; i < pages; ++i) {
        EXPECT_EQ(before[i] == after[i], i == 2 || i == 3);
        EXPECT_EQ(view[i * page_size], i + 0x31);
        EXPECT_EQ(bench.machine().peek(after[i]), i + 0x31);
    }
    EXPECT(adapter.gpu().write(listed[1], 0x3c));
    EXPECT_EQ(bench.machine().peek(after[3]), 0x3c);
    EXPECT_EQ(view[3 * page_size], 0x3c);
    unmap(adapter, object.hPhysicalMemoryObject, view);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    REQUIRE_EQ(bench.dxgkrnl().move_pages(object.hPhysicalMemoryObject), STATUS_SUCCESS);
    EXPECT(frames_of(bench, object)[3] != before[3]);
    destroy(adapter, object);
}

RULE(a_section_that_moved_is_listed_where_it_is, "An ADL made after pages have moved names the new frames.",
     "DXGKCB_ALLOCATEADL") {
    Adapter& adapter = bench.start(bench.wish(callbacks::DmaMode::Isolation));
    CreateArgs object = section(adapter, pages * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    REQUIRE_EQ(bench.dxgkrnl().move_pages(object.hPhysicalMemoryObject), STATUS_SUCCESS);
    const Frames frames = frames_of(bench, object);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, pages * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < pages; ++i) EXPECT_EQ(listed[i].page().number, frames[i].number);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE(only_sections_move, "Nonpaged and contiguous memory stays where it is.", "MmAllocatePagesForMdlEx") {
    Adapter& adapter = bench.start();
    for (CreateArgs object : {mdl(adapter, page_size), contiguous(adapter, page_size)}) {
        REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
        EXPECT_EQ(bench.dxgkrnl().move_pages(object.hPhysicalMemoryObject), STATUS_NOT_SUPPORTED);
        destroy(adapter, object);
    }
}

RULE(sections_can_be_moved_before_each_callback,
     "In a test mode every section that no ADL locks moves before each callback.",
     "ours: as memory under pressure does, so that a driver that keeps physical addresses is found") {
    KeptReports kept;
    const callbacks::Ports ports = bench.machine().ports();
    callbacks::Dxgkrnl moving({ports.frames, ports.views, ports.execution, kept}, {.move_sections = true});
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, page_size);
    object.hAdapter = nullptr;
    REQUIRE_EQ(moving.create(&object), STATUS_SUCCESS);
    const PhysicalPage before = moving.frame(object.hPhysicalMemoryObject, 0);
    DXGKARGCB_MAP_PHYSICAL_MEMORY view{object.hPhysicalMemoryObject, DXGK_ACCESS_MODE_KERNEL_MODE, 0, page_size,
                                       nullptr};
    REQUIRE_EQ(moving.map(&view), STATUS_SUCCESS);
    EXPECT(moving.frame(object.hPhysicalMemoryObject, 0) != before);
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY end{object.hPhysicalMemoryObject, view.pMappedAddress, view.Size};
    moving.unmap(&end);
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT last{object.hPhysicalMemoryObject, nullptr};
    moving.destroy(&last);
    EXPECT(kept.all().empty());
}

HOST_RULE(section_is_seen_in_each_process_that_maps_it,
          "A section can be mapped into several processes, and pages that move do so under the views of all.",
          "DXGK_PHYSICAL_MEMORY_TYPE") {
    Adapter& adapter = bench.start();
    CreateArgs object = section(adapter, pages * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    std::optional<Mapped> views[2];
    for (const std::uint64_t process : {0, 1}) {
        const InProcess scope(bench, 1000 + process);
        views[process] = map(adapter, object.hPhysicalMemoryObject, 0, pages * page_size, DXGK_ACCESS_MODE_USER_MODE);
        REQUIRE_EQ(views[process]->status, STATUS_SUCCESS);
    }
    (*views[0])[page_size] = 0x61;
    EXPECT_EQ((*views[1])[page_size], 0x61);
    const Frames before = frames_of(bench, object);
    REQUIRE_EQ(bench.dxgkrnl().move_pages(object.hPhysicalMemoryObject), STATUS_SUCCESS);
    EXPECT(frames_of(bench, object)[1] != before[1]);
    EXPECT_EQ((*views[0])[page_size], 0x61);
    (*views[1])[page_size] = 0x62;
    EXPECT_EQ((*views[0])[page_size], 0x62);
    for (const std::uint64_t process : {0, 1}) {
        const InProcess scope(bench, 1000 + process);
        unmap(adapter, object.hPhysicalMemoryObject, *views[process]);
    }
    destroy(adapter, object);
}

}  // namespace remap::rules
