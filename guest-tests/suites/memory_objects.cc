// SPDX-License-Identifier: MIT
// Physical memory objects on a real CPU: page tables, cache types, views, and what the GPU reaches of them.
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using driver::Allocation;
using gpu_driver::Error;

namespace {

Leaf leaf_of(const volatile void* address) {
    const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(address)});
    REQUIRE(leaf.has_value());
    return *leaf;
}

constexpr DXGK_MEMORY_CACHING_TYPE cache_types[] = {
    DXGK_MEMORY_CACHING_TYPE_NON_CACHED, DXGK_MEMORY_CACHING_TYPE_CACHED, DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED};

MemoryType on_the_cpu(DXGK_MEMORY_CACHING_TYPE cache) {
    return cache == DXGK_MEMORY_CACHING_TYPE_CACHED           ? MemoryType::WriteBack
           : cache == DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED ? MemoryType::WriteCombining
                                                              : MemoryType::Uncacheable;
}

}  // namespace

TEST(every_page_of_a_mapping_has_the_objects_frame_and_cache_type) {
    GpuBench bench;
    for (const auto cache : cache_types) {
        Allocation memory;
        REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 40 * page_size, .cache = cache}), STATUS_SUCCESS);
        for (std::uint64_t i = 0; i < memory.pages(); ++i) {
            const Leaf leaf = leaf_of(memory.data() + i * page_size);
            EXPECT_EQ(leaf.address.page(), dxgkrnl().frame(memory.object(), i));
            EXPECT_EQ(pat_type(pat_index_of(leaf)), on_the_cpu(cache));
            EXPECT(!has_user_rights(leaf));
        }
    }
}

TEST(user_mappings_have_user_rights_and_the_same_bytes) {
    GpuBench bench;
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 3 * page_size, .type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION}),
               STATUS_SUCCESS);
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
    map.hPhysicalMemoryObject = memory.object();
    map.AccessMode = DXGK_ACCESS_MODE_USER_MODE;
    map.Size = 3 * page_size;
    REQUIRE_EQ(bench.callbacks().DxgkCbMapPhysicalMemory(&map), STATUS_SUCCESS);
    auto* user = static_cast<volatile std::uint8_t*>(map.pMappedAddress) + map.Offset;
    EXPECT(has_user_rights(leaf_of(user)));
    memory[2 * page_size + 7] = 0x5a;
    EXPECT_EQ(user[2 * page_size + 7], 0x5a);
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{
        .hPhysicalMemoryObject = memory.object(), .pBaseAddress = map.pMappedAddress, .Size = map.Size};
    bench.callbacks().DxgkCbUnmapPhysicalMemory(&unmap);
    EXPECT(catch_trap([&] { (void)*user; }).has_value());
    EXPECT_EQ(memory[2 * page_size + 7], 0x5a);
}

TEST(a_part_of_an_object_is_found_behind_the_offset_that_comes_back) {
    GpuBench bench;
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 8 * page_size}), STATUS_SUCCESS);
    for (std::uint64_t i = 0; i < 8 * page_size; ++i) memory[i] = static_cast<std::uint8_t>(i >> 5);
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
    map.hPhysicalMemoryObject = memory.object();
    map.Offset = 5 * page_size - 100;
    map.Size = 200;
    REQUIRE_EQ(bench.callbacks().DxgkCbMapPhysicalMemory(&map), STATUS_SUCCESS);
    const auto* part = static_cast<volatile std::uint8_t*>(map.pMappedAddress) + map.Offset;
    bool right = map.Size >= map.Offset + 200;
    for (std::uint64_t i = 0; i < 200; ++i) right = right && part[i] == memory[5 * page_size - 100 + i];
    EXPECT(right);
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{
        .hPhysicalMemoryObject = memory.object(), .pBaseAddress = map.pMappedAddress, .Size = map.Size};
    bench.callbacks().DxgkCbUnmapPhysicalMemory(&unmap);
}

TEST(a_read_only_section_cannot_be_written_by_the_cpu) {
    GpuBench bench;
    Allocation memory;
    REQUIRE_EQ(
        memory.make(bench.callbacks(),
                    {.bytes = page_size, .type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION, .protection = PAGE_READONLY}),
        STATUS_SUCCESS);
    EXPECT_EQ(memory[0], 0);
    EXPECT(catch_trap([&] { memory[0] = 1; }).has_value());
}

TEST(contiguous_memory_keeps_to_its_limits) {
    GpuBench bench;
    Allocation memory;
    constexpr std::uint64_t highest = 0x0fff'ffff;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 32 * page_size,
                                               .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
                                               .highest = {highest},
                                               .require_contiguous = true}),
               STATUS_SUCCESS);
    const PhysicalPage first = dxgkrnl().frame(memory.object(), 0);
    for (std::uint64_t i = 0; i < 32; ++i) EXPECT_EQ(dxgkrnl().frame(memory.object(), i), first + i);
    EXPECT(first.address().value + 32 * page_size - 1 <= highest);
    EXPECT(memory.contiguous());
}

TEST(memory_that_cannot_be_found_is_no_memory_and_leaves_nothing_behind) {
    GpuBench bench;
    const std::uint64_t before = frames().free_pages();
    Allocation memory;
    EXPECT_EQ(memory.make(bench.callbacks(), {.bytes = 64 << 20,
                                              .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
                                              .lowest = {0x0f00'0000},
                                              .highest = {0x0fff'ffff}}),
              STATUS_NO_MEMORY);
    EXPECT_EQ(frames().free_pages(), before);
}

TEST(io_space_shows_the_gpus_own_memory) {
    GpuBench bench;
    const pci::Bar bar = vram_of(bench.function);
    Allocation window;
    REQUIRE_EQ(window.make(bench.callbacks(), {.bytes = 4 * page_size,
                                               .type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE,
                                               .cache = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED,
                                               .io_base = bar.address + page_size}),
               STATUS_SUCCESS);
    REQUIRE_EQ(bench.channel.run(fill(vram(page_size), 4 * page_size, 0x04030201)), Error::None);
    EXPECT_EQ(window[0], 1);
    EXPECT_EQ(window[4 * page_size - 1], 4);
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
    map.hPhysicalMemoryObject = window.object();
    map.AccessMode = DXGK_ACCESS_MODE_USER_MODE;
    map.Size = page_size;
    EXPECT_EQ(bench.callbacks().DxgkCbMapPhysicalMemory(&map), STATUS_INVALID_PARAMETER);
}

TEST(two_lists_of_one_page_are_two_addresses_of_the_same_bytes) {
    GpuBench bench;
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 4 * page_size}), STATUS_SUCCESS);
    DXGKARGCB_ALLOCATE_ADL second{};
    second.hAdapterMemoryObject = memory.adapter_object();
    second.Offset = 2 * page_size;  // the second list begins at the third page
    second.Size = page_size;
    second.Flags.PreferContiguous = 1;
    REQUIRE_EQ(bench.callbacks().DxgkCbAllocateAdl(&second), STATUS_SUCCESS);
    const LogicalPage page{second.pAdl->BasePageNumber};
    EXPECT_EQ(page == memory.page(2), !bench.adapter.remaps());
    REQUIRE_EQ(bench.channel.run(fill(system_memory(page.address().value), 16, 0x07070707)), Error::None);
    EXPECT_EQ(memory[2 * page_size], 7);

    const DXGKARGCB_FREE_ADL free{.hAdapterMemoryObject = memory.adapter_object(), .pAdl = second.pAdl};
    bench.callbacks().DxgkCbFreeAdl(&free);
    REQUIRE_EQ(bench.channel.run(fill(system_memory(memory.address(2 * page_size).value), 16, 0x08080808)),
               Error::None);
    EXPECT_EQ(memory[2 * page_size], 8);
}

TEST(objects_that_are_freed_leave_the_machine_as_it_was) {
    GpuBench bench;
    const std::uint64_t before = frames().free_pages();
    for (unsigned round = 0; round < 20; ++round) {
        for (const auto cache : cache_types) {
            Allocation memory;
            REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 100 * page_size, .cache = cache}), STATUS_SUCCESS);
        }
    }
    EXPECT_EQ(frames().free_pages(), before);
}
