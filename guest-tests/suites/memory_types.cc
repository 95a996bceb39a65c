// SPDX-License-Identifier: MIT
// Memory types on a real CPU: each mapping of an object selects its cache type, whatever the size of its leaves, the
// MTRRs leave it that type, and nothing of a mapping is left when it goes.
#include "guest-tests/runtime/cache_controls.h"
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/mapped_object.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;

namespace {

constexpr std::uint64_t large_page = std::uint64_t{2} << 20;
constexpr std::uint64_t huge_page = std::uint64_t{1} << 30;
constexpr unsigned small_shift = 12, large_shift = 21, huge_shift = 30;

// A place for mappings that tests make themselves: the last 8 GiB of the kernel's views, which are handed out last.
constexpr CpuVirtualPage own_place{(0xffff'c000'0000'0000 - 8 * huge_page) >> page_shift};

volatile std::uint64_t& word_at(CpuVirtualPage page) {
    return *reinterpret_cast<volatile std::uint64_t*>(page.address().value);
}

bool faults(std::uint64_t address) {
    volatile std::uint64_t hidden = address;
    return catch_trap([&] { (void)*reinterpret_cast<volatile std::uint8_t*>(hidden); }).has_value();
}

// Frames of one run, for as long as the object lives.
class Run {
public:
    explicit Run(std::uint64_t pages) {
        REQUIRE(frames().allocate({.pages = pages, .highest = {~std::uint64_t{0} >> page_shift}, .contiguous = true},
                                  list_));
    }
    ~Run() { frames().free(list_); }
    const callbacks::FrameList& list() const { return list_; }
    PhysicalPage first() const { return list_[0]; }

private:
    callbacks::FrameList list_;
};

}  // namespace

TEST(firmware_has_set_the_ranges_so_that_all_memory_can_be_cached) {
    const paging::CacheControls controls = read_cache_controls();
    EXPECT(controls.caching());
    for (const MemoryRange& range : memory_map()) {
        if (!range.usable || range.bytes < page_size) continue;
        const auto type_at = [&](std::uint64_t offset) { return controls.effective(range.first + offset, 0); };
        for (std::uint64_t offset = 0; offset < range.bytes; offset += huge_page)
            REQUIRE(type_at(offset) == MemoryType::WriteBack);
        EXPECT(type_at(range.bytes - 1) == MemoryType::WriteBack);
    }
}

TEST(objects_have_their_type_in_kernel_and_user_mappings) {
    GpuBench bench;
    const paging::CacheControls controls = read_cache_controls();
    Process process;
    for (const auto type : {DXGK_PHYSICAL_MEMORY_TYPE_MDL, DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
                            DXGK_PHYSICAL_MEMORY_TYPE_SECTION}) {
        for (const auto cache : all_cache_types) {
            // Memory of a pagefile cannot be uncached.
            if (type == DXGK_PHYSICAL_MEMORY_TYPE_SECTION && cache == DXGK_MEMORY_CACHING_TYPE_NON_CACHED) continue;
            const MappedObject object(bench.callbacks(), {.bytes = 40 * page_size, .type = type, .cache = cache});
            for (const auto mode : {DXGK_ACCESS_MODE_KERNEL_MODE, DXGK_ACCESS_MODE_USER_MODE}) {
                process.run([&] {
                    const ObjectView view(object, mode);
                    for (std::uint64_t i = 0; i < 40; ++i) {
                        const Leaf leaf = leaf_of(view.page(i));
                        EXPECT_EQ(leaf.address.page(), object.frame(i));
                        EXPECT(pat_type(pat_index_of(leaf)) == wanted_type(cache));
                        EXPECT(effective_type(controls, leaf) == wanted_type(cache));
                        EXPECT_EQ(has_user_rights(leaf), mode == DXGK_ACCESS_MODE_USER_MODE);
                    }
                });
            }
        }
    }
}

TEST(contiguous_objects_are_mapped_by_leaves_of_2_mib_wherever_one_fits) {
    GpuBench bench;
    const paging::CacheControls controls = read_cache_controls();
    constexpr std::uint64_t pages = 3 * large_page / page_size + 5;
    Process process;
    for (const auto cache : all_cache_types) {
        const MappedObject object(
            bench.callbacks(),
            {.bytes = pages * page_size, .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY, .cache = cache});
        const std::uint64_t first = object.frame(0).number;
        for (const auto mode : {DXGK_ACCESS_MODE_KERNEL_MODE, DXGK_ACCESS_MODE_USER_MODE}) {
            process.run([&] {
                const ObjectView view(object, mode);
                unsigned large = 0;
                for (std::uint64_t i = 0; i < pages; ++i) {
                    const Leaf leaf = leaf_of(view.page(i));
                    const std::uint64_t around = (first + i) & ~std::uint64_t{511};
                    const bool fits = around >= first && around + 512 <= first + pages;
                    large += fits;
                    EXPECT_EQ(leaf.shift, fits ? large_shift : small_shift);
                    EXPECT_EQ(leaf.address.page().number, first + i);
                    EXPECT(effective_type(controls, leaf) == wanted_type(cache));
                    EXPECT_EQ(has_user_rights(leaf), mode == DXGK_ACCESS_MODE_USER_MODE);
                }
                EXPECT(large >= 2 * 512);
            });
        }
    }
}

// Device memory needs no memory: the smallest machine has room for such leaves above what is installed.
TEST(io_ranges_are_mapped_by_leaves_of_1_gib_where_they_are_aligned) {
    GpuBench bench;
    REQUIRE_EQ(largest_leaf(), huge_shift);
    const paging::CacheControls controls = read_cache_controls();
    const std::uint64_t end = (frames().highest_installed() + 1).address().value;
    const PhysicalAddress base{round_up(end, huge_page) + 64 * huge_page - large_page};
    constexpr std::uint64_t bytes = large_page + 2 * huge_page + page_size;
    for (const auto cache : all_cache_types) {
        const MappedObject object(
            bench.callbacks(),
            {.bytes = bytes, .type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE, .cache = cache, .io_base = base});
        const ObjectView view(object, DXGK_ACCESS_MODE_KERNEL_MODE);
        const struct {
            std::uint64_t offset;
            unsigned shift;
        } places[] = {{0, large_shift},
                      {large_page - 1, large_shift},
                      {large_page, huge_shift},
                      {large_page + huge_page, huge_shift},
                      {large_page + 2 * huge_page - 1, huge_shift},
                      {large_page + 2 * huge_page, small_shift}};
        for (const auto& [offset, shift] : places) {
            const Leaf leaf = leaf_of(view.byte(offset));
            EXPECT_EQ(leaf.shift, shift);
            EXPECT_EQ(leaf.address.value - base.value, offset);
            EXPECT(pat_type(pat_index_of(leaf)) == wanted_type(cache));
            EXPECT(effective_type(controls, leaf) == wanted_type(cache));  // no range has a say up there
        }
    }
}

TEST(a_gpus_memory_is_write_combined_or_uncached_as_asked_and_never_cached_against_its_range) {
    GpuBench bench;
    const paging::CacheControls controls = read_cache_controls();
    const PhysicalAddress base = vram_of(bench.function).address;
    const auto range = controls.mtrrs.type_at(base, controls.physical_address_width);
    REQUIRE(range.has_value());
    for (const auto cache : all_cache_types) {
        const MappedObject object(
            bench.callbacks(),
            {.bytes = page_size, .type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE, .cache = cache, .io_base = base});
        const ObjectView view(object, DXGK_ACCESS_MODE_KERNEL_MODE);
        const Leaf leaf = leaf_of(view.page(0));
        EXPECT(pat_type(pat_index_of(leaf)) == wanted_type(cache));
        const bool cached = cache == DXGK_MEMORY_CACHING_TYPE_CACHED;
        EXPECT(effective_type(controls, leaf) == (cached ? *range : wanted_type(cache)));
    }
}

TEST(a_mapping_that_goes_leaves_nothing_in_the_tables_or_the_tlb) {
    GpuBench bench;
    constexpr std::uint64_t pages = 2 * large_page / page_size;
    Process process;
    for (const auto cache : all_cache_types) {
        const MappedObject object(
            bench.callbacks(),
            {.bytes = pages * page_size, .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY, .cache = cache});
        for (const auto mode : {DXGK_ACCESS_MODE_KERNEL_MODE, DXGK_ACCESS_MODE_USER_MODE}) {
            process.run([&] {
                const std::uint64_t before = owned_pages_in_use();
                std::uint64_t first = 0;
                {
                    const ObjectView view(object, mode);
                    EXPECT(owned_pages_in_use() > before || leaf_of(view.page(0)).shift == large_shift);
                    first = reinterpret_cast<std::uint64_t>(view.page(0));
                    for (std::uint64_t i = 0; i < pages; ++i) *view.page(i) = 1;  // the TLB holds all of them now
                }
                for (std::uint64_t i = 0; i < pages; i += 37) {
                    EXPECT(!find_leaf({first + i * page_size}));
                    EXPECT(faults(first + i * page_size));
                }
                EXPECT_EQ(owned_pages_in_use(), before);
            });
        }
    }
}

TEST(a_process_that_is_unmapped_from_afar_finds_nothing_left) {
    const Run run(512);
    Process process;
    void* view = nullptr;
    process.run([&] {
        view = views().map(
            {.frames = run.list(), .pages = 512, .cache = CacheType::WriteCombined, .mode = AccessMode::User});
        REQUIRE(view != nullptr);
        EXPECT(pat_type(pat_index_of(leaf_of(view))) == MemoryType::WriteCombining);
        *static_cast<volatile std::uint64_t*>(view) = 3;
    });
    views().unmap(view, 512, process.id());
    process.run([&] {
        EXPECT(!find_leaf({reinterpret_cast<std::uint64_t>(view)}));
        EXPECT(faults(reinterpret_cast<std::uint64_t>(view)));
    });
}

TEST(an_address_is_mapped_by_small_and_by_large_leaves_in_turn_and_the_tlb_follows) {
    const Run large(1024), small(512);
    const PhysicalPage aligned{round_up(large.first().number, 512)};
    for (unsigned round = 0; round < 3; ++round) {
        REQUIRE(map_pages(kernel_space(), own_place, small.first() + 1, 511, {.cache = CacheType::Uncached}));
        for (std::uint64_t i = 0; i < 511; ++i) word_at(own_place + i) = 1000 + i;
        EXPECT_EQ(leaf_of(&word_at(own_place)).shift, small_shift);
        unmap_pages(kernel_space(), own_place, 511);

        REQUIRE(map_pages(kernel_space(), own_place, aligned, 512, {.cache = CacheType::WriteCombined}));
        const Leaf leaf = leaf_of(&word_at(own_place + 7));
        EXPECT_EQ(leaf.shift, large_shift);
        EXPECT(pat_type(pat_index_of(leaf)) == MemoryType::WriteCombining);
        for (std::uint64_t i = 0; i < 511; ++i) {
            EXPECT(word_at(own_place + i) != 1000 + i);
            word_at(own_place + i) = i;
        }
        unmap_pages(kernel_space(), own_place, 512);
        EXPECT(faults(own_place.address().value));
    }
}

TEST(a_large_leaf_that_loses_a_part_keeps_the_type_of_the_rest) {
    const Run run(1024);
    const PhysicalPage aligned{round_up(run.first().number, 512)};
    const std::uint64_t before = owned_pages_in_use();
    for (const auto cache : {CacheType::WriteBack, CacheType::WriteCombined, CacheType::Uncached}) {
        REQUIRE(map_pages(kernel_space(), own_place, aligned, 512, {.cache = cache}));
        for (std::uint64_t i = 0; i < 512; ++i) word_at(own_place + i) = 7 * i;
        unmap_pages(kernel_space(), own_place + 100, 30);
        for (std::uint64_t i = 0; i < 512; ++i) {
            const auto leaf = find_leaf((own_place + i).address());
            const bool gone = i >= 100 && i < 130;
            EXPECT_EQ(leaf.has_value(), !gone);
            EXPECT_EQ(faults((own_place + i).address().value), gone);
            if (gone || !leaf) continue;
            EXPECT_EQ(leaf->shift, small_shift);
            EXPECT(pat_type(pat_index_of(*leaf)) == memory_type(cache));
            EXPECT_EQ(word_at(own_place + i), 7 * i);
        }
        unmap_pages(kernel_space(), own_place, 100);
        unmap_pages(kernel_space(), own_place + 130, 512 - 130);
        EXPECT_EQ(owned_pages_in_use(), before);
    }
}

// The order of SDM volume 3, section "Programming the PAT": not mapped while it changes.
TEST(pages_that_are_held_cannot_be_touched_and_are_shown_with_another_type_and_other_frames) {
    const Run run(1024), other(64);
    Process process;
    void* base = nullptr;
    const auto word = [&](std::uint64_t page) {
        return reinterpret_cast<volatile std::uint64_t*>(static_cast<std::byte*>(base) + page * page_size);
    };
    process.run([&] {
        base = views().map({.frames = run.list(), .pages = 1024, .mode = AccessMode::User});
        REQUIRE(base != nullptr);
        for (std::uint64_t i = 0; i < 1024; ++i) *word(i) = i;
    });
    constexpr std::uint64_t first = 500, count = 64;
    views().hold(const_cast<std::uint64_t*>(word(first)), count, process.id());
    process.run([&] {
        EXPECT(faults(reinterpret_cast<std::uint64_t>(word(first))));
        EXPECT(faults(reinterpret_cast<std::uint64_t>(word(first + count - 1))));
    });
    views().show(const_cast<std::uint64_t*>(word(first)),
                 {.frames = other.list(), .pages = count, .cache = CacheType::WriteCombined, .mode = AccessMode::User},
                 process.id());
    process.run([&] {
        for (std::uint64_t i = 0; i < 1024; ++i) {
            const bool moved = i >= first && i < first + count;
            const Leaf leaf = leaf_of(word(i));
            EXPECT_EQ(*word(i), moved ? 0 : i);
            EXPECT(pat_type(pat_index_of(leaf)) == (moved ? MemoryType::WriteCombining : MemoryType::WriteBack));
            EXPECT_EQ(leaf.address.page(), moved ? other.list()[i - first] : run.list()[i]);
        }
    });
    views().unmap(base, 1024, process.id());
}

TEST(a_frame_that_was_freed_comes_back_with_another_type_and_zeroed) {
    GpuBench bench;
    const PhysicalPage only{0x9000};
    for (unsigned round = 0; round < 2; ++round) {
        for (const auto cache : all_cache_types) {
            const MappedObject object(bench.callbacks(), {.bytes = 16 * page_size,
                                                          .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
                                                          .cache = cache,
                                                          .lowest = only.address(),
                                                          .highest = (only + 16).address() - 1});
            EXPECT_EQ(object.frame(0), only);
            const ObjectView view(object, DXGK_ACCESS_MODE_KERNEL_MODE);
            EXPECT(pat_type(pat_index_of(leaf_of(view.page(0)))) == wanted_type(cache));
            for (std::uint64_t i = 0; i < 16 * page_size; ++i) {
                REQUIRE_EQ(*view.byte(i), 0);
                *view.byte(i) = 0xa5;
            }
        }
    }
}
