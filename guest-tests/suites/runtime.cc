// SPDX-License-Identifier: MIT
// The runtime's own promises about the processor and memory, on a stock machine.
#include "base/bits.h"
#include "guest-tests/runtime/address_space.h"
#include "guest-tests/runtime/boot_info.h"
#include "guest-tests/runtime/cpu.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/owned_memory.h"
#include "guest-tests/runtime/process.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/time.h"
#include "guest-tests/runtime/views.h"

#include <algorithm>
#include <memory>
#include <new>

using namespace remap;
using namespace remap::guest;

namespace {

constexpr PhysicalPage any_page{~std::uint64_t{0} >> page_shift};

// A pointer the compiler knows nothing about.
volatile std::uint64_t* pointer_to(std::uint64_t address) {
    volatile std::uint64_t hidden = address;
    return reinterpret_cast<volatile std::uint64_t*>(hidden);
}

std::optional<Trap> trap_of_read(std::uint64_t address) {
    return catch_trap([address] { (void)*pointer_to(address); });
}

std::uint64_t address_of(const volatile void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }

// Frames for as long as the object lives.
class Allocation {
public:
    explicit Allocation(const callbacks::FrameRequest& request) { (void)frames().allocate(request, list_); }
    ~Allocation() { frames().free(list_); }
    const callbacks::FrameList& list() const { return list_; }
    PhysicalPage operator[](std::uint64_t index) const { return list_[index]; }
    explicit operator bool() const { return !list_.empty(); }

private:
    callbacks::FrameList list_;
};

void unmap_view(void* view, std::uint64_t pages) { views().unmap(view, pages, current_process()); }

[[gnu::noinline]] std::uint64_t recurse(std::uint64_t depth) {
    volatile std::uint64_t room[64] = {depth};
    return room[0] == ~std::uint64_t{0} ? 0 : recurse(depth + 1) + room[0];
}

}  // namespace

TEST(a_write_through_a_null_pointer_is_a_page_fault_with_its_address) {
    const auto trap = catch_trap([] { *pointer_to(8) = 1; });
    REQUIRE(trap);
    EXPECT_EQ(trap->frame.vector, vector::page_fault);
    EXPECT_EQ(trap->frame.error_code, 2);  // not present, write, supervisor
    EXPECT_EQ(trap->cr2, 8);
    EXPECT(trap->frame.rip >= owned_begin().value && trap->frame.rip < owned_end().value);
}

TEST(an_undefined_instruction_is_reported_as_such) {
    const auto trap = catch_trap([] { cpu::undefined_instruction(); });
    REQUIRE(trap);
    EXPECT_EQ(trap->frame.vector, vector::invalid_opcode);
    EXPECT_EQ(trap->frame.error_code, 0);
}

TEST(an_address_that_is_not_canonical_is_a_protection_fault) {
    const auto trap = trap_of_read(0x8000'0000'0000'0000);
    REQUIRE(trap);
    EXPECT_EQ(trap->frame.vector, vector::general_protection);
}

TEST(a_stack_that_overflows_is_a_double_fault_and_survived) {
    const auto trap = catch_trap([] { recurse(1); });
    REQUIRE(trap);
    EXPECT_EQ(trap->frame.vector, vector::double_fault);
    EXPECT(trap->frame.rsp < owned_begin().value + page_size);
}

TEST(guards_nest) {
    bool outer_continued = false;
    const auto outer = catch_trap([&] {
        const auto inner = catch_trap([] { cpu::undefined_instruction(); });
        outer_continued = inner.has_value();
    });
    EXPECT(outer_continued);
    EXPECT(!outer);
}

TEST(pat_has_write_back_write_combining_and_uncacheable_where_the_views_look) {
    const std::uint64_t pat = cpu::read_msr(0x277);
    EXPECT_EQ(pat & 0xff, 6);        // entry 0: WB
    EXPECT_EQ(pat >> 8 & 0xff, 1);   // entry 1: WC
    EXPECT_EQ(pat >> 24 & 0xff, 0);  // entry 3: UC
}

TEST(views_carry_the_page_table_bits_of_their_cache_type) {
    const Allocation pages({.pages = 4, .highest = any_page});
    REQUIRE(pages);
    // PWT is bit 3 and PCD bit 4 of an entry; a PAT bit (7) would select an entry above 3.
    const struct {
        CacheType cache;
        std::uint64_t bits;
    } expected[] = {{CacheType::WriteBack, 0x00}, {CacheType::WriteCombined, 0x08}, {CacheType::Uncached, 0x18}};
    for (const auto& [cache, bits] : expected) {
        void* view = views().map({.frames = pages.list(), .pages = 4, .cache = cache});
        REQUIRE(view != nullptr);
        for (std::uint64_t i = 0; i < 4; ++i) {
            const auto leaf = find_leaf({address_of(view) + i * page_size});
            REQUIRE(leaf);
            EXPECT_EQ(leaf->address.page(), pages[i]);
            EXPECT_EQ(leaf->attributes & 0x98, bits);
            EXPECT_EQ(leaf->attributes & 0x06, 0x02);  // writable, supervisor
        }
        unmap_view(view, 4);
    }
}

TEST(user_views_lie_in_the_lower_half_with_user_rights_and_read_only_views_refuse_writes) {
    const Allocation pages({.pages = 2, .highest = any_page});
    REQUIRE(pages);
    void* view = views().map({.frames = pages.list(), .pages = 2, .mode = AccessMode::User, .writable = false});
    REQUIRE(view != nullptr);
    EXPECT(address_of(view) < 0x0000'8000'0000'0000);
    const auto leaf = find_leaf({address_of(view)});
    REQUIRE(leaf);
    EXPECT_EQ(leaf->attributes & 0x06, 0x04);
    const auto trap = catch_trap([view] { *static_cast<volatile int*>(view) = 1; });
    REQUIRE(trap);
    EXPECT_EQ(trap->frame.error_code, 3);  // present, write
    unmap_view(view, 2);
}

TEST(each_process_has_user_views_of_its_own_and_shares_the_kernels) {
    const Allocation pages({.pages = 2, .highest = any_page});
    REQUIRE(pages);
    Process first;
    Process second;
    EXPECT(first.id() != second.id() && first.id() != current_process());
    volatile std::uint64_t* in_first = nullptr;
    volatile std::uint64_t* in_second = nullptr;
    first.run([&] {
        in_first = static_cast<volatile std::uint64_t*>(
            views().map({.frames = pages.list(), .pages = 1, .mode = AccessMode::User}));
        REQUIRE(in_first != nullptr);
        *in_first = 1;
    });
    second.run([&] {
        EXPECT(trap_of_read(address_of(in_first)));
        in_second = static_cast<volatile std::uint64_t*>(
            views().map({.frames = pages.list(), .first = 1, .pages = 1, .mode = AccessMode::User}));
        REQUIRE(in_second != nullptr);
        EXPECT_EQ(address_of(in_second), address_of(in_first));  // each begins at the bottom of its own region
        *in_second = 2;
    });
    EXPECT(trap_of_read(address_of(in_first)));  // the kernel by itself has neither
    // A view of the kernel that is made while a process runs is there in all, and one that goes is gone in all.
    void* kernel = nullptr;
    second.run([&] { kernel = views().map({.frames = pages.list(), .pages = 2}); });
    REQUIRE(kernel != nullptr);
    first.run([&] {
        EXPECT_EQ(static_cast<volatile std::uint64_t*>(kernel)[0], 1);
        EXPECT_EQ(static_cast<volatile std::uint64_t*>(kernel)[page_size / 8], 2);
        EXPECT_EQ(*in_first, 1);
        unmap_view(kernel, 2);
    });
    second.run([&] {
        EXPECT(trap_of_read(address_of(kernel)));
        EXPECT_EQ(*in_second, 2);
    });
    views().unmap(const_cast<std::uint64_t*>(in_first), 1, first.id());
    views().unmap(const_cast<std::uint64_t*>(in_second), 1, second.id());
    first.run([&] { EXPECT(trap_of_read(address_of(in_first))); });
}

TEST(a_view_that_was_unmapped_faults_and_its_address_is_not_used_again_at_once) {
    const Allocation pages({.pages = 1, .highest = any_page});
    REQUIRE(pages);
    void* view = views().map({.frames = pages.list(), .pages = 1});
    REQUIRE(view != nullptr);
    *static_cast<volatile std::uint64_t*>(view) = 42;  // the TLB holds it now
    unmap_view(view, 1);
    const auto trap = trap_of_read(address_of(view));
    REQUIRE(trap);
    EXPECT_EQ(trap->frame.vector, vector::page_fault);
    EXPECT_EQ(trap->cr2, address_of(view));
    void* next = views().map({.frames = pages.list(), .pages = 1});
    REQUIRE(next != nullptr);
    EXPECT(next != view);
    EXPECT_EQ(*static_cast<volatile std::uint64_t*>(next), 42);
    unmap_view(next, 1);
}

TEST(the_pages_around_a_view_are_not_mapped) {
    const Allocation pages({.pages = 6, .highest = any_page});
    REQUIRE(pages);
    void* views_made[2];
    for (unsigned i = 0; i < 2; ++i) {
        views_made[i] = views().map({.frames = pages.list(), .first = 3 * i, .pages = 3});
        REQUIRE(views_made[i] != nullptr);
    }
    for (void* view : views_made) {
        EXPECT(!trap_of_read(address_of(view)));
        EXPECT(!trap_of_read(address_of(view) + 3 * page_size - 8));
        EXPECT(trap_of_read(address_of(view) - 8));
        EXPECT(trap_of_read(address_of(view) + 3 * page_size));
    }
    for (void* view : views_made) unmap_view(view, 3);
}

TEST(large_contiguous_views_use_large_leaves) {
    const Allocation pages({.pages = 1024, .highest = any_page, .contiguous = true});
    REQUIRE(pages);
    void* view = views().map({.frames = pages.list(), .pages = 1024, .cache = CacheType::WriteCombined});
    REQUIRE(view != nullptr);
    const std::uint64_t middle = round_up(address_of(view), 2 << 20);
    const auto leaf = find_leaf({middle});
    REQUIRE(leaf);
    EXPECT_EQ(leaf->shift, 21);
    EXPECT_EQ(leaf->attributes & 0x98, 0x08);
    EXPECT_EQ(leaf->address.page(), pages[(middle - address_of(view)) >> page_shift]);
    unmap_view(view, 1024);
}

TEST(the_memory_map_adds_up_to_the_memory_the_machine_was_given) {
    const std::uint64_t given = number_option("memory_mib", 0) << 20;
    REQUIRE(given != 0);
    std::uint64_t usable = 0;
    for (const MemoryRange& range : memory_map()) usable += range.usable ? range.bytes : 0;
    EXPECT(usable <= given);
    EXPECT(usable + (2 << 20) >= given);  // what firmware keeps for itself
    EXPECT(frames().free_pages() << page_shift >= usable - (owned_end() - owned_begin()) - (2 << 20));
}

TEST(frames_come_from_memory_nobody_else_has) {
    const Allocation pages({.pages = 3000, .highest = any_page});
    REQUIRE(pages);
    for (std::uint64_t i = 0; i < pages.list().size(); ++i) {
        const PhysicalPage page = pages[i];
        const PhysicalAddress at = page.address();
        const bool ours = at >= owned_begin() && at < owned_end();
        const bool usable = std::ranges::any_of(memory_map(), [at](const MemoryRange& range) {
            return range.usable && at >= range.first && at - range.first + page_size <= range.bytes;
        });
        REQUIRE(usable && !ours && at.value >= 1 << 20);
    }
}

TEST(frames_that_need_not_be_contiguous_are_scattered_from_the_top) {
    const Allocation pages({.pages = 256, .highest = any_page});
    REQUIRE(pages);
    unsigned breaks = 0;
    for (std::uint64_t i = 1; i < 256; ++i) breaks += pages[i] != pages[i - 1] + 1;
    EXPECT(breaks >= 16);
    EXPECT(frames().highest_installed() - pages[0] < 1024);
    EXPECT(pages[255] < pages[0]);
}

TEST(contiguous_frames_keep_to_their_limits_and_boundary) {
    const PhysicalPage lowest{0x8001}, highest{0x9fff};
    for (unsigned i = 0; i < 8; ++i) {
        const Allocation pages({.pages = 48, .lowest = lowest, .highest = highest, .boundary = 64, .contiguous = true});
        REQUIRE(pages);
        for (std::uint64_t n = 0; n < 48; ++n) EXPECT_EQ(pages[n], pages[0] + n);
        EXPECT(pages[0] >= lowest && pages[47] <= highest);
        EXPECT_EQ(pages[0].number / 64, pages[47].number / 64);
    }
    EXPECT(!Allocation({.pages = 65, .highest = any_page, .boundary = 64, .contiguous = true}));
    EXPECT(!Allocation({.pages = 1, .highest = {0xff}}));  // below 1 MiB
}

TEST(a_request_that_cannot_be_met_leaves_the_pool_as_it_was) {
    const std::uint64_t before = frames().free_pages();
    const Allocation pages({.pages = 0x1000, .lowest = {0x8000}, .highest = {0x8ffe}});
    EXPECT(!pages);
    EXPECT_EQ(frames().free_pages(), before);
}

TEST(frames_are_zeroed_when_they_are_handed_out_again) {
    const callbacks::FrameRequest request{.pages = 64, .lowest = {0x7000}, .highest = {0x703f}};
    for (unsigned round = 0; round < 2; ++round) {
        const Allocation pages(request);
        REQUIRE(pages);
        void* view = views().map({.frames = pages.list(), .pages = 64, .cache = CacheType::Uncached});
        REQUIRE(view != nullptr);
        auto* words = static_cast<volatile std::uint64_t*>(view);
        for (std::uint64_t i = 0; i < 64 * 512; ++i) {
            REQUIRE_EQ(words[i], 0);
            words[i] = ~i;
        }
        unmap_view(view, 64);
    }
}

TEST(the_heap_joins_what_is_freed) {
    const std::uint64_t before = heap_bytes_in_use();
    for (unsigned round = 0; round < 4; ++round) {
        char* parts[64];
        for (auto& part : parts) REQUIRE((part = new (std::nothrow) char[(48 << 20) / 64]) != nullptr);
        for (unsigned i = 0; i < 64; ++i) delete[] parts[i * 29 % 64];
        std::unique_ptr<char[]> whole(new (std::nothrow) char[48 << 20]);
        EXPECT(whole != nullptr);
    }
    EXPECT_EQ(heap_bytes_in_use(), before);
    EXPECT(new (std::nothrow) char[std::uint64_t{1} << 40] == nullptr);
}

TEST(time_passes_and_waits_end) {
    const std::uint64_t begin = nanoseconds();
    EXPECT(!wait_until(5, [] { return false; }));
    const std::uint64_t took = nanoseconds() - begin;
    EXPECT(took >= 4'900'000);
    EXPECT(took < 1'000'000'000);
}
