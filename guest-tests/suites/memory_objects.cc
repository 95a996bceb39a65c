// SPDX-License-Identifier: MIT
// Physical memory objects on a real CPU: page tables, cache types, views, and what the GPU reaches of them.
#include "callbacks/driver/channel.h"
#include "guest-tests/runtime/gpu.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"
#include "iommu/paging/x86_long.h"

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using driver::Allocation;
using gpu_driver::Error;

namespace {

const pci::Function& gpu_function() {
    const pci::Function* function = find_gpu();
    REQUIRE(function != nullptr);
    return *function;
}

struct Bench {
    Bench() : function(gpu_function()), registers(function), device(registers),
              adapter(function, {.highest_visible = {device.identify()->highest_address()}}), channel(device) {
        REQUIRE_EQ(adapter.status(), STATUS_SUCCESS);
        device.reset();
        reports().clear();
        REQUIRE(channel.start(callbacks()).ok());
    }
    // What a case leaves behind would be found when the adapter stops.
    ~Bench() {
        channel.stop();
        EXPECT_EQ(reports().warnings() + reports().bugchecks(), 0);
    }

    const DXGKRNL_INTERFACE& callbacks() const { return adapter.callbacks(); }

    const pci::Function& function;
    GpuMmio registers;
    gpu_driver::Device device;
    Adapter adapter;
    driver::Channel channel;
};

Leaf leaf_of(const volatile void* address) {
    const auto leaf = find_leaf({reinterpret_cast<std::uint64_t>(address)});
    REQUIRE(leaf.has_value());
    return *leaf;
}

constexpr DXGK_MEMORY_CACHING_TYPE cache_types[] = {DXGK_MEMORY_CACHING_TYPE_NON_CACHED, DXGK_MEMORY_CACHING_TYPE_CACHED,
                                                    DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED};

MemoryType on_the_cpu(DXGK_MEMORY_CACHING_TYPE cache) {
    return cache == DXGK_MEMORY_CACHING_TYPE_CACHED           ? MemoryType::WriteBack
           : cache == DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED ? MemoryType::WriteCombining
                                                              : MemoryType::Uncacheable;
}

}  // namespace

TEST(every_page_of_a_mapping_has_the_objects_frame_and_cache_type) {
    Bench bench;
    for (const auto cache : cache_types) {
        Allocation memory;
        REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 40 * page_size, .cache = cache}), STATUS_SUCCESS);
        for (std::uint64_t i = 0; i < memory.pages(); ++i) {
            const Leaf leaf = leaf_of(memory.data() + i * page_size);
            EXPECT_EQ(leaf.address.page(), dxgkrnl().frame(memory.object(), i));
            EXPECT_EQ(pat_type(pat_index_of(leaf)), on_the_cpu(cache));
            EXPECT_EQ(leaf.attributes & paging::X86Long::user, 0);
        }
    }
}

TEST(user_mappings_have_user_rights_and_the_same_bytes) {
    Bench bench;
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 3 * page_size, .type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION}),
               STATUS_SUCCESS);
    DXGKARGCB_MAP_PHYSICAL_MEMORY map{};
    map.hPhysicalMemoryObject = memory.object();
    map.AccessMode = DXGK_ACCESS_MODE_USER_MODE;
    map.Size = 3 * page_size;
    REQUIRE_EQ(bench.callbacks().DxgkCbMapPhysicalMemory(&map), STATUS_SUCCESS);
    auto* user = static_cast<volatile std::uint8_t*>(map.pMappedAddress) + map.Offset;
    EXPECT((leaf_of(user).attributes & paging::X86Long::user) != 0);
    memory[2 * page_size + 7] = 0x5a;
    EXPECT_EQ(user[2 * page_size + 7], 0x5a);
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY unmap{
        .hPhysicalMemoryObject = memory.object(), .pBaseAddress = map.pMappedAddress, .Size = map.Size};
    bench.callbacks().DxgkCbUnmapPhysicalMemory(&unmap);
    EXPECT(catch_trap([&] { (void)*user; }).has_value());
    EXPECT_EQ(memory[2 * page_size + 7], 0x5a);
}

TEST(a_part_of_an_object_is_found_behind_the_offset_that_comes_back) {
    Bench bench;
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
    Bench bench;
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = page_size,
                                               .type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION,
                                               .protection = PAGE_READONLY}),
               STATUS_SUCCESS);
    EXPECT_EQ(memory[0], 0);
    EXPECT(catch_trap([&] { memory[0] = 1; }).has_value());
}

TEST(contiguous_memory_keeps_to_its_limits) {
    Bench bench;
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
    Bench bench;
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
    Bench bench;
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
    Bench bench;
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
    REQUIRE_EQ(bench.channel.run(fill(system_memory(memory.address(2 * page_size).value), 16, 0x08080808)), Error::None);
    EXPECT_EQ(memory[2 * page_size], 8);
}

TEST(a_megabyte_of_scattered_frames_is_one_range_for_the_gpu_when_its_dma_is_remapped) {
    Bench bench;
    if (!bench.adapter.remaps()) return;
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 1 << 20}), STATUS_SUCCESS);
    EXPECT(memory.contiguous());
    EXPECT(memory.page(0).number != 0);
    for (std::uint64_t i = 0; i < (1 << 20); i += 8) memory[i] = static_cast<std::uint8_t>(i >> 9);
    REQUIRE_EQ(bench.channel.run(copy(vram(0), system_memory(memory.address().value), 1 << 20)), Error::None);
    const PhysicalView video(vram_of(bench.function).address, 1 << 20, CacheType::WriteCombined);
    bool right = true;
    for (std::uint64_t i = 0; i < (1 << 20); i += 8) {
        right = right && video.as<volatile std::uint8_t>()[i] == static_cast<std::uint8_t>(i >> 9);
    }
    EXPECT(right);
}

TEST(after_free_adl_the_gpu_reaches_none_of_the_pages) {
    Bench bench;
    if (!bench.adapter.remaps()) return;
    drop_faults();
    Allocation memory;
    REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 8 * page_size}), STATUS_SUCCESS);
    LogicalAddress pages[8];
    for (std::uint64_t i = 0; i < 8; ++i) pages[i] = memory.address(i * page_size);
    REQUIRE_EQ(bench.channel.run(copy(vram(0), system_memory(pages[0].value), 8 * page_size)), Error::None);
    memory.free_adl();
    for (const LogicalAddress page : pages) {
        EXPECT_EQ(bench.channel.run(fill(system_memory(page.value), page_size, ~0u)), Error::Halted);
        EXPECT_EQ(bench.device.read_fault()->address, page.value);
        EXPECT_EQ(bench.channel.recover(), Error::None);
    }
    for (std::uint64_t i = 0; i < 8 * page_size; ++i) REQUIRE(memory[i] == 0);
    const auto fault = wait_for_fault(1000);
    REQUIRE(fault.has_value());
    EXPECT_EQ(fault->source, bench.function.source());
    EXPECT_EQ(fault->page, pages[0]);
    EXPECT(fault->write);
    drop_faults();
}

TEST(objects_that_are_freed_leave_the_machine_as_it_was) {
    Bench bench;
    const std::uint64_t before = frames().free_pages();
    for (unsigned round = 0; round < 20; ++round) {
        for (const auto cache : cache_types) {
            Allocation memory;
            REQUIRE_EQ(memory.make(bench.callbacks(), {.bytes = 100 * page_size, .cache = cache}), STATUS_SUCCESS);
        }
    }
    EXPECT_EQ(frames().free_pages(), before);
}
