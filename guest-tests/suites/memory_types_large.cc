// SPDX-License-Identifier: MIT
// Leaves of 1 GiB over real memory: their types, what is left when they are split, and what is left when they go.
#include "guest-tests/runtime/cache_controls.h"
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/mapped_object.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/test.h"

using namespace remap;
using namespace remap::guest;

namespace {

constexpr std::uint64_t huge_page = std::uint64_t{1} << 30;
constexpr std::uint64_t huge_pages = huge_page >> page_shift;
constexpr unsigned small_shift = 12, large_shift = 21, huge_shift = 30;

constexpr CacheType cpu_cache_types[] = {CacheType::WriteBack, CacheType::WriteCombined, CacheType::Uncached};

volatile std::uint64_t& word_at(void* base, std::uint64_t page) {
    return *reinterpret_cast<volatile std::uint64_t*>(static_cast<std::byte*>(base) + page * page_size);
}

bool faults(const volatile std::uint64_t& word) {
    return catch_trap([&] { [[maybe_unused]] const std::uint64_t read = word; }).has_value();
}

bool has_type(const volatile void* address, CacheType cache) {
    return pat_type(pat_index_of(leaf_of(address))) == memory_type(cache);
}

// All that is checked is checked of one object: a GiB takes long to be zeroed.
void expect_one_leaf(const MappedObject& object, DXGK_ACCESS_MODE mode) {
    const paging::CacheControls controls = read_cache_controls();
    const ObjectView view(object, mode);
    for (const std::uint64_t page : {std::uint64_t{0}, huge_pages / 2 + 3, huge_pages - 1}) {
        const Leaf leaf = leaf_of(view.page(page));
        EXPECT_EQ(leaf.shift, huge_shift);
        EXPECT_EQ(leaf.address.page(), object.frame(page));
        EXPECT(effective_type(controls, leaf) == MemoryType::WriteCombining);
        EXPECT_EQ(has_user_rights(leaf), mode == DXGK_ACCESS_MODE_USER_MODE);
    }
}

constexpr std::uint64_t moved_first = 1000, moved_pages = 80;

// Shows other frames with another type in the middle of a view; the rest stays as it is.
void move_the_middle(void* base, const callbacks::FrameList& to, CacheType cache, AccessMode mode) {
    for (std::uint64_t i = moved_first - 1; i <= moved_first + moved_pages; ++i) word_at(base, i) = i;
    word_at(base, huge_pages - 1) = 5;
    void* part = const_cast<std::uint64_t*>(&word_at(base, moved_first));
    views().hold(part, moved_pages, current_process());
    EXPECT(faults(word_at(base, moved_first)));
    EXPECT(faults(word_at(base, moved_first + moved_pages - 1)));
    const auto shown = cache == CacheType::Uncached ? CacheType::WriteCombined : CacheType::Uncached;
    views().show(part, {.frames = to, .pages = moved_pages, .cache = shown, .mode = mode}, current_process());
    for (std::uint64_t i = moved_first - 1; i <= moved_first + moved_pages; ++i) {
        const bool moved = i >= moved_first && i < moved_first + moved_pages;
        EXPECT_EQ(leaf_of(&word_at(base, i)).shift, small_shift);
        EXPECT(has_type(&word_at(base, i), moved ? shown : cache));
        EXPECT_EQ(word_at(base, i), moved ? 0 : i);
    }
    EXPECT_EQ(leaf_of(&word_at(base, huge_pages - 1)).shift, large_shift);
    EXPECT(has_type(&word_at(base, huge_pages - 1), cache));
    EXPECT_EQ(word_at(base, huge_pages - 1), 5);
}

void split(const callbacks::FrameList& run, const callbacks::FrameList& other, CacheType cache, AccessMode mode) {
    const std::uint64_t before = owned_pages_in_use();
    void* base = views().map({.frames = run, .pages = huge_pages, .cache = cache, .mode = mode});
    REQUIRE(base != nullptr);
    EXPECT_EQ(leaf_of(base).shift, huge_shift);
    EXPECT(has_type(base, cache));
    move_the_middle(base, other, cache, mode);
    views().unmap(base, huge_pages, current_process());
    for (const std::uint64_t i : {std::uint64_t{0}, moved_first, moved_first + moved_pages, huge_pages - 1})
        EXPECT(faults(word_at(base, i)));
    EXPECT_EQ(owned_pages_in_use(), before);
}

}  // namespace

TEST(an_object_of_1_gib_is_one_leaf_and_where_it_is_split_the_rest_keeps_its_type) {
    GpuBench bench;
    const MappedObject object(bench.callbacks(), {.bytes = huge_page,
                                                  .type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY,
                                                  .cache = DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED});
    EXPECT_EQ(object.frame(0).number % huge_pages, 0);
    callbacks::FrameList run, other;
    REQUIRE(run.add({object.frame(0), huge_pages}));
    REQUIRE(frames().allocate({.pages = moved_pages, .highest = frames().highest_installed()}, other));
    Process process;
    process.run([&] {
        for (const auto mode : {DXGK_ACCESS_MODE_KERNEL_MODE, DXGK_ACCESS_MODE_USER_MODE})
            expect_one_leaf(object, mode);
        for (const auto cache : cpu_cache_types)
            for (const auto mode : {AccessMode::Kernel, AccessMode::User}) split(run, other, cache, mode);
    });
    frames().free(other);
}
