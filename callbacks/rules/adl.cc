// SPDX-License-Identifier: MIT
// Address descriptor lists: what a driver gets, and what the GPU reaches by it.
#include "callbacks/rules/calls.h"
#include "callbacks/rules/expect.h"

namespace remap::rules {

namespace {

bool is_base_page(const Listed& listed) { return NT_SUCCESS(listed.status) && listed.adl->Flags.Value == 1; }

// Makes a list and frees it again: how it went.
NTSTATUS try_list(const Adapter& adapter, const CreateArgs& object, SIZE_T offset, SIZE_T size, UINT32 flags = plain) {
    const Listed listed = list(adapter, object.hAdapterMemoryObject, offset, size, flags);
    EXPECT_EQ(listed.adl != nullptr, NT_SUCCESS(listed.status));
    if (NT_SUCCESS(listed.status)) free(adapter, object.hAdapterMemoryObject, listed.adl);
    return listed.status;
}

}  // namespace

RULE_IN_EACH_MODE(adl_page_count_is_size_in_pages,
                  "PageCount of an ADL is Size / PAGE_SIZE: drivers take any other number for a failure.",
                  "DXGK_ADL; ours: seen in shipping drivers") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 9 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    for (const std::uint64_t pages : {1, 2, 9}) {
        const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, pages * page_size);
        REQUIRE_EQ(listed.status, STATUS_SUCCESS);
        EXPECT_EQ(listed.adl->PageCount, pages);
        free(adapter, object.hAdapterMemoryObject, listed.adl);
    }
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(adl_never_holds_page_0, "An ADL never holds page 0: drivers take a base page of 0 for a failure.",
                  "ours: seen in shipping drivers") {
    // So few logical pages that all of them are handed out.
    const PhysicalAddress last{16 * page_size - 1};
    AdapterWish wish = bench.wish();
    if (bench.remaps()) wish.highest_visible = {&last, 1};
    Adapter& adapter = bench.start(wish);
    CreateArgs object = mdl(adapter, 15 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 15 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 15; ++i) EXPECT(listed[i].value != 0);
    if (bench.remaps())
        EXPECT_EQ(list(adapter, object.hAdapterMemoryObject, 0, page_size).status, STATUS_INSUFFICIENT_RESOURCES);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(adl_offset_and_size_are_whole_pages, "Offset and Size of AllocateAdl are multiples of PAGE_SIZE.",
                  "DXGKARGCB_ALLOCATE_ADL") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 4 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT_EQ(try_list(adapter, object, 0, page_size + 1), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(try_list(adapter, object, 1, page_size), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(try_list(adapter, object, page_size / 2, page_size / 2), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(try_list(adapter, object, page_size, page_size), STATUS_SUCCESS);
    destroy(adapter, object);
}

RULE(adl_lies_inside_its_object, "An ADL's range lies inside its object, and holds a page.", "DXGKARGCB_ALLOCATE_ADL") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 4 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT_EQ(try_list(adapter, object, 0, 4 * page_size), STATUS_SUCCESS);
    EXPECT_EQ(try_list(adapter, object, 0, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(try_list(adapter, object, 0, 5 * page_size), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(try_list(adapter, object, 4 * page_size, page_size), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(try_list(adapter, object, 2 * page_size, ~std::uint64_t{0} & ~(page_size - 1)), STATUS_INVALID_PARAMETER);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(require_contiguous_is_for_contiguous_memory_and_io_space_only,
                  "RequireContiguous is valid for CONTIGUOUS_MEMORY and IO_SPACE objects only.",
                  "DXGKARGCB_ALLOCATE_ADL") {
    Adapter& adapter = bench.start();
    const struct {
        CreateArgs object;
        NTSTATUS status;
    } cases[] = {{mdl(adapter, 2 * page_size), STATUS_INVALID_PARAMETER},
                 {section(adapter, 2 * page_size), STATUS_INVALID_PARAMETER},
                 {contiguous(adapter, 2 * page_size), STATUS_SUCCESS},
                 {io_space(adapter, bench.machine().device_memory().value, 2 * page_size), STATUS_SUCCESS}};
    for (const auto& [asked, status] : cases) {
        CreateArgs object = asked;
        REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
        EXPECT_EQ(try_list(adapter, object, 0, 2 * page_size, require_contiguous), status);
        destroy(adapter, object);
    }
}

RULE_IN_EACH_MODE(require_contiguous_gives_a_base_page,
                  "What AllocateAdl gives for RequireContiguous is a base page, with the flag Contiguous: drivers take "
                  "anything else for a failure.",
                  "DXGKARGCB_ALLOCATE_ADL; ours: seen in shipping drivers") {
    Adapter& adapter = bench.start();
    CreateArgs object = contiguous(adapter, 8 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, page_size, 6 * page_size, require_contiguous);
    REQUIRE(is_base_page(listed));
    EXPECT_EQ(listed.adl->PageCount, 6);
    EXPECT(adapter.gpu().write(listed[0], 0x5a, 6 * page_size));
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 1)), 0x5a);
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 6)), 0x5a);
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 7)), 0);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE(prefer_contiguous_is_met_with_remapping,
     "With remapping scattered frames are a single base page for a driver that sets PreferContiguous.",
     "DXGKARGCB_ALLOCATE_ADL; IOMMU DMA remapping") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 64 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    bool scattered = false;
    for (std::uint64_t i = 1; i < 64; ++i)
        scattered |= bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i) !=
                     bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i - 1) + 1;
    EXPECT(scattered);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 64 * page_size, prefer_contiguous);
    REQUIRE(is_base_page(listed));
    EXPECT(adapter.gpu().write(listed[0], 0x77, 64 * page_size));
    for (const std::uint64_t i : {0, 31, 63})
        EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i)), 0x77);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE(prefer_contiguous_is_a_hint_without_remapping,
     "Without remapping PreferContiguous is a hint: scattered frames are an array, and no failure.",
     "DXGKARGCB_ALLOCATE_ADL") {
    Adapter& adapter = bench.start(bench.wish(callbacks::DmaMode::Isolation));
    CreateArgs scattered = mdl(adapter, 64 * page_size);
    CreateArgs together = contiguous(adapter, 64 * page_size);
    REQUIRE_EQ(create(adapter, scattered), STATUS_SUCCESS);
    REQUIRE_EQ(create(adapter, together), STATUS_SUCCESS);
    const Listed array = list(adapter, scattered.hAdapterMemoryObject, 0, 64 * page_size, prefer_contiguous);
    const Listed base = list(adapter, together.hAdapterMemoryObject, 0, 64 * page_size, prefer_contiguous);
    REQUIRE_EQ(array.status, STATUS_SUCCESS);
    EXPECT_EQ(array.adl->Flags.Value, 0);
    EXPECT(is_base_page(base));
    EXPECT(adapter.gpu().write(array[63], 0x64));
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(scattered.hPhysicalMemoryObject, 63)), 0x64);
    free(adapter, scattered.hAdapterMemoryObject, array.adl);
    free(adapter, together.hAdapterMemoryObject, base.adl);
    destroy(adapter, scattered);
    destroy(adapter, together);
}

RULE_IN_EACH_MODE(without_a_flag_the_adl_is_an_array, "With neither flag an ADL is an array of its pages.",
                  "ours: not each driver has code for a base page, and says by PreferContiguous that it has") {
    Adapter& adapter = bench.start();
    CreateArgs object = contiguous(adapter, 4 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 4 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    EXPECT_EQ(listed.adl->Flags.Value, 0);
    for (std::uint64_t i = 0; i < 4; ++i) EXPECT(adapter.gpu().write(listed[i], static_cast<std::uint8_t>(i + 1)));
    for (std::uint64_t i = 0; i < 4; ++i)
        EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i)), i + 1);
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(adl_pages_are_logical_with_remapping_and_physical_without,
                  "The pages of an ADL are logical with remapping, below HighestVisibleAddress, and physical without.",
                  "DXGK_ADL; IOMMU DMA remapping") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 8 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 8 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 8; ++i) {
        const PhysicalPage frame = bench.dxgkrnl().frame(object.hPhysicalMemoryObject, i);
        EXPECT_EQ(listed[i].page().number == frame.number, !bench.remaps());
        if (bench.remaps()) EXPECT(listed[i].value < std::uint64_t{1} << 40);
        EXPECT(adapter.gpu().write(listed[i], static_cast<std::uint8_t>(i + 1)));
        EXPECT_EQ(bench.machine().peek(frame), i + 1);
    }
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(after_free_adl_the_gpu_reaches_none_of_its_pages,
                  "After FreeAdl an access of the GPU to the ADL's pages faults, where there is a domain.",
                  "DXGKCB_FREEADL; IOMMU-based GPU isolation") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 2 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed listed = list(adapter, object.hAdapterMemoryObject, 0, 2 * page_size);
    REQUIRE_EQ(listed.status, STATUS_SUCCESS);
    const LogicalAddress pages[] = {listed[0], listed[1]};
    for (const LogicalAddress page : pages) EXPECT(adapter.gpu().write(page, 1));
    free(adapter, object.hAdapterMemoryObject, listed.adl);
    for (const LogicalAddress page : pages) EXPECT_EQ(bench.refuses(adapter, page), bench.guarded());
    destroy(adapter, object);
}

RULE_IN_EACH_MODE(two_adls_of_one_page_live_on_their_own,
                  "A page may be in several ADLs; freeing one leaves the others as they are.", "DXGKCB_ALLOCATEADL") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, 2 * page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const Listed both = list(adapter, object.hAdapterMemoryObject, 0, 2 * page_size);
    const Listed second = list(adapter, object.hAdapterMemoryObject, page_size, page_size);
    REQUIRE(NT_SUCCESS(both.status) && NT_SUCCESS(second.status));
    EXPECT_EQ(second[0] == both[1], !bench.remaps());
    free(adapter, object.hAdapterMemoryObject, both.adl);
    EXPECT(adapter.gpu().write(second[0], 0x44));
    EXPECT_EQ(bench.machine().peek(bench.dxgkrnl().frame(object.hPhysicalMemoryObject, 1)), 0x44);
    free(adapter, object.hAdapterMemoryObject, second.adl);
    destroy(adapter, object);
}

RULE(adl_reserved_flags_are_zero, "The reserved flags of AllocateAdl are zero.", "DXGKARGCB_ALLOCATE_ADL") {
    Adapter& adapter = bench.start();
    CreateArgs object = mdl(adapter, page_size);
    object.Context = 0x1234;
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    const auto stop = bench.stop_in([&] { list(adapter, object.hAdapterMemoryObject, 0, page_size, 1u << 31); });
    EXPECT_STOP(stop, ReservedBits, AllocateAdl);
    EXPECT_EQ(stop->context, 0x1234);
    destroy(adapter, object);
}

RULE(without_remapping_a_page_out_of_sight_is_refused,
     "Without remapping AllocateAdl refuses memory beyond HighestVisibleAddress.",
     "ours: an ADL of pages that the adapter cannot address would be a lie") {
    // Memory that is installed is in sight, or the adapter does not start; a device's range need not be.
    AdapterWish wish = bench.wish(callbacks::DmaMode::Physical);
    const PhysicalAddress last{bench.machine().ports().frames.highest_installed().address() + (page_size - 1)};
    wish.highest_visible = {&last, 1};
    Adapter& adapter = bench.start(wish);
    CreateArgs object = io_space(adapter, (last + 1 + 16 * page_size).value, page_size);
    REQUIRE_EQ(create(adapter, object), STATUS_SUCCESS);
    EXPECT_EQ(try_list(adapter, object, 0, page_size), STATUS_INVALID_ADDRESS);
    destroy(adapter, object);
}

}  // namespace remap::rules
