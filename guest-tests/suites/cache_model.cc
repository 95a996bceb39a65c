// SPDX-License-Identifier: MIT
// QEMU's model of the processors' caches (-machine cache-model=...) from inside: tracked pages are memory like any
// other for the processor, in whatever way it accesses them; the types of mappings are told apart, and two on one page
// are found. The rules of flushes, fences and DMA are the litmus cases'.
#include "guest-tests/runtime/cache_model.h"
#include "guest-tests/runtime/gpu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/page_mappings.h"
#include "guest-tests/runtime/test.h"
#include "guest-tests/runtime/views.h"
#include "guest-tests/x86/cache_instructions.h"

#include <cstring>

using namespace remap;
using namespace remap::guest;
using namespace remap::gpu::spec;
using remap::spec::cache::FindingKind;

namespace {

constexpr std::uint64_t pages = 3;
constexpr std::uint64_t bytes = pages * page_size;
constexpr CacheType all_types[] = {CacheType::WriteBack, CacheType::WriteCombined, CacheType::Uncached};

// Frames of one run that the model tracks, and that nobody maps.
class TrackedFrames {
public:
    TrackedFrames() : model(*find_cache_model()) {
        REQUIRE(frames().allocate({.pages = pages, .highest = {~std::uint64_t{0} >> page_shift}, .contiguous = true},
                                  list_));
        model.set_mapped(list_[0], pages, true);
        known_ = model.findings();
    }
    ~TrackedFrames() {
        model.set_mapped(list_[0], pages, false);
        frames().free(list_);
    }
    PhysicalAddress address() const { return list_[0].address(); }
    std::uint64_t new_findings() const { return model.findings() - known_; }
    cache_driver::Finding newest() const { return model.finding(model.findings() - 1); }

    const cache_driver::CacheModel model;

private:
    callbacks::FrameList list_;
    std::uint64_t known_ = 0;
};

std::uint64_t next_random(std::uint64_t& state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// Accesses of every size and alignment, across lines and pages, beside the same in memory that nobody tracks.
template <typename T>
bool accesses_agree(volatile std::uint8_t* tracked, std::uint8_t* plain, std::uint64_t& random) {
    const std::uint64_t offset = next_random(random) % (bytes - sizeof(T));
    const T value = static_cast<T>(next_random(random));
    T seen = 0;
    if (next_random(random) % 2 == 0) {
        x86::store(reinterpret_cast<volatile T*>(tracked + offset), value);
        std::memcpy(plain + offset, &value, sizeof value);
    }
    x86::load(reinterpret_cast<volatile T*>(tracked + offset), seen);
    return std::memcmp(&seen, plain + offset, sizeof seen) == 0;
}

bool strings_agree(volatile std::uint8_t* tracked, std::uint8_t* plain, std::uint64_t& random) {
    const std::uint64_t length = next_random(random) % 300, to = next_random(random) % (bytes / 2);
    const std::uint64_t from = bytes / 2 + next_random(random) % (bytes / 2 - 2400);
    const auto value = static_cast<std::uint8_t>(random);
    x86::fill_bytes(tracked + from, value, length);
    std::memset(plain + from, value, length);
    x86::copy_words(tracked + to, tracked + from, length);
    std::memmove(plain + to, plain + from, length * 8);
    return std::memcmp(const_cast<const std::uint8_t*>(tracked + to), plain + to, length * 8) == 0;
}

bool locked_agree(volatile std::uint8_t* tracked, std::uint8_t* plain, std::uint64_t& random) {
    const std::uint64_t offset = next_random(random) % (bytes / 16) * 16;
    std::uint64_t value = next_random(random);
    std::uint64_t before[2];
    std::memcpy(before, plain + offset, sizeof before);
    x86::exchange(reinterpret_cast<volatile std::uint64_t*>(tracked + offset), value);
    if (value != before[0]) return false;
    std::uint64_t expected[2] = {random, before[1]};
    const std::uint64_t desired[2] = {~random, before[0]};
    std::memcpy(plain + offset, desired, sizeof desired);
    return x86::exchange_16(tracked + offset, expected, desired);
}

// A GPU, and what it reads past the caches of a buffer that is mapped for it.
struct PastCaches : GpuBench {
    PastCaches() {
        REQUIRE_EQ(buffer.make(callbacks(), {.bytes = page_size}), STATUS_SUCCESS);
        model.emplace(*find_cache_model());
        known = model->findings();
    }

    volatile std::uint64_t* word(std::uint64_t index) const {
        return reinterpret_cast<volatile std::uint64_t*>(buffer.data()) + index;
    }
    std::uint64_t findings_of_a_read(std::uint64_t size) {
        const Place place = without_snoop(system_memory(buffer.address().value));
        REQUIRE_EQ(channel.run(copy(vram(4096), place, size)), gpu_driver::Error::None);
        return model->findings() - known;
    }

    driver::Allocation buffer;
    std::optional<cache_driver::CacheModel> model;
    std::uint64_t known = 0;
};

}  // namespace

TEST(tracked_pages_are_memory_for_every_kind_of_access) {
    const TrackedFrames tracked;
    static std::uint8_t plain[bytes];
    std::uint64_t random = 0x9e3779b97f4a7c15;
    for (const CacheType type : all_types) {
        const PhysicalView view(tracked.address(), bytes, type);
        REQUIRE(view);
        auto* const memory = view.as<volatile std::uint8_t>();
        x86::fill_bytes(memory, 0, bytes);
        std::memset(plain, 0, bytes);
        for (unsigned i = 0; i < 3000; ++i) {
            REQUIRE(accesses_agree<std::uint8_t>(memory, plain, random));
            REQUIRE(accesses_agree<std::uint16_t>(memory, plain, random));
            REQUIRE(accesses_agree<std::uint32_t>(memory, plain, random));
            REQUIRE(accesses_agree<std::uint64_t>(memory, plain, random));
            if (i % 16 == 0) REQUIRE(strings_agree(memory, plain, random));
            if (i % 16 == 8) REQUIRE(locked_agree(memory, plain, random));
        }
        for (std::uint64_t i = 0; i < bytes; ++i) REQUIRE_EQ(memory[i], plain[i]);
    }
    EXPECT_EQ(tracked.new_findings(), 0);
}

TEST(code_in_a_tracked_page_runs) {
    const TrackedFrames tracked;
    constexpr CpuVirtualPage place{0xffff'bfff'fff0'0000 >> page_shift};
    REQUIRE(map_pages(kernel_space(), place, tracked.address().page(), 1, {.executable = true}));
    auto* const code = reinterpret_cast<std::uint8_t*>(place.address().value);
    const std::uint8_t answer_42[] = {0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3};  // mov eax, 42; ret
    std::memcpy(code, answer_42, sizeof answer_42);
    const auto function = reinterpret_cast<int (*)()>(code);
    EXPECT_EQ(function(), 42);
    code[1] = 7;
    EXPECT_EQ(function(), 7);
    unmap_pages(kernel_space(), place, 1);
}

TEST(a_line_is_flushed_whatever_form_its_address_has) {
    PastCaches bench;
    *bench.word(0) = 1;
    x86::clflush_indexed(bench.word(0));
    EXPECT_EQ(bench.findings_of_a_read(8), 0);
    *bench.word(0) = 3;
    x86::clflush_scaled(bench.word(0));
    EXPECT_EQ(bench.findings_of_a_read(8), 0);
    constexpr CpuVirtualPage low{0xf0000};  // of 32 bits, and nobody else's
    REQUIRE(map_pages(kernel_space(), low, dxgkrnl().frame(bench.buffer.object(), 0), 1, {}));
    *bench.word(0) = 2;
    x86::clflush_short(reinterpret_cast<const volatile void*>(low.address().value));
    EXPECT_EQ(bench.findings_of_a_read(8), 0);
    unmap_pages(kernel_space(), low, 1);
}

// Nobody names the page, and the GPU has not touched it: that the unit's tables lead there is enough.
TEST(a_store_before_the_first_access_of_the_device_counts) {
    PastCaches bench;
    const x86::Code code = x86::store(bench.word(0), std::uint64_t{0x1234});
    EXPECT_EQ(bench.findings_of_a_read(8), 1);
    const auto finding = bench.model->finding(bench.model->findings() - 1);
    EXPECT(finding.kind == FindingKind::MissedFlush);
    EXPECT_EQ(finding.store_code, code);
}

TEST(a_store_past_the_cache_needs_no_flush) {
    PastCaches bench;
    for (unsigned i = 0; i < 8; ++i) x86::store_nontemporal(bench.word(i), i + 1);
    x86::sfence();
    EXPECT_EQ(bench.findings_of_a_read(64), 0);
}

TEST(a_store_after_one_past_the_cache_is_an_ordinary_one) {
    PastCaches bench;
    x86::store_nontemporal(bench.word(0), std::uint64_t{1});
    const x86::Code code = x86::store(bench.word(1), std::uint64_t{2});
    x86::sfence();
    EXPECT_EQ(bench.findings_of_a_read(16), 1);
    const auto finding = bench.model->finding(bench.model->findings() - 1);
    EXPECT(finding.kind == FindingKind::MissedFlush);
    EXPECT_EQ(finding.store_code, code);
    x86::clflush(bench.word(0));
}

TEST(a_page_that_is_tracked_loses_the_older_way_to_it) {
    PastCaches bench;
    const PhysicalPage page = dxgkrnl().frame(bench.buffer.object(), 0);
    bench.model->set_mapped(page, 1, false);
    for (unsigned i = 0; i < 4; ++i) x86::store(bench.word(0), std::uint64_t{i});  // past the model in the end
    bench.model->set_mapped(page, 1, true);
    const x86::Code code = x86::store(bench.word(0), std::uint64_t{5});
    EXPECT_EQ(bench.findings_of_a_read(8), 1);
    EXPECT_EQ(bench.model->finding(bench.model->findings() - 1).store_code, code);
    x86::clflush(bench.word(0));
}

TEST(two_types_on_one_page_are_found_when_the_second_is_used) {
    const TrackedFrames tracked;
    const PhysicalView cached(tracked.address(), page_size, CacheType::WriteBack);
    std::uint64_t seen = 0;
    const x86::Code first = x86::load(cached.as<volatile std::uint64_t>(), seen);
    EXPECT_EQ(tracked.new_findings(), 0);
    const PhysicalView uncached(tracked.address(), page_size, CacheType::Uncached);
    const x86::Code second = x86::load(uncached.as<volatile std::uint64_t>() + 3, seen);
    REQUIRE_EQ(tracked.new_findings(), 1);
    const auto finding = tracked.newest();
    EXPECT(finding.kind == FindingKind::TypeConflict);
    EXPECT_EQ(finding.first, tracked.address());
    EXPECT_EQ(finding.store_code, second);
    EXPECT_EQ(finding.store_address & ~(page_size - 1), reinterpret_cast<std::uint64_t>(uncached.as<void>()));
    EXPECT_EQ(finding.other_code, first);
    EXPECT_EQ(finding.other_address & ~(page_size - 1), reinterpret_cast<std::uint64_t>(cached.as<void>()));
}

TEST(mappings_one_after_the_other_may_have_different_types) {
    const TrackedFrames tracked;
    for (const CacheType type :
         {CacheType::WriteBack, CacheType::Uncached, CacheType::WriteCombined, CacheType::WriteBack}) {
        const PhysicalView view(tracked.address(), bytes, type);
        for (std::uint64_t page = 0; page < pages; ++page) view.as<volatile std::uint64_t>()[page * 512] = page;
    }
    EXPECT_EQ(tracked.new_findings(), 0);
}

TEST(mappings_may_come_and_go_for_as_long_as_they_like) {
    const TrackedFrames tracked;
    const PhysicalView kept(tracked.address(), bytes, CacheType::WriteBack);
    auto* const words = kept.as<volatile std::uint64_t>();
    for (std::uint64_t page = 0; page < pages; ++page) words[page * 512 + 7] = page + 100;
    std::uint64_t across = 0;
    for (std::uint64_t i = 0; i < 4000; ++i) {
        const PhysicalView view(tracked.address(), bytes, CacheType::WriteBack);
        auto* const border =
            reinterpret_cast<volatile std::uint64_t*>(view.as<volatile std::uint8_t>() + page_size - 3);
        x86::load(border, across);
        REQUIRE_EQ(across, i);
        x86::store(border, i + 1);
        view.as<volatile std::uint64_t>()[2 * 512] = i;
        for (std::uint64_t page = 0; page < pages; ++page) REQUIRE_EQ(words[page * 512 + 7], page + 100);
    }
    EXPECT_EQ(tracked.new_findings(), 0);
}

TEST(the_host_can_ask_who_maps_a_page) {
    const TrackedFrames tracked;
    char answer[256], expected[256];
    REQUIRE(ask_for_mappings(tracked.address(), answer, sizeof answer));
    EXPECT_EQ(std::strlen(answer), 0);
    const PhysicalView combined(tracked.address(), page_size, CacheType::WriteCombined);
    const PhysicalView uncached(tracked.address(), page_size, CacheType::Uncached);
    format(expected, sizeof expected, "0x%016lx:WC 0x%016lx:UC", reinterpret_cast<std::uint64_t>(combined.as<void>()),
           reinterpret_cast<std::uint64_t>(uncached.as<void>()));
    REQUIRE(ask_for_mappings(tracked.address(), answer, sizeof answer));
    if (std::strcmp(answer, expected) != 0) fail(__FILE__, __LINE__, "%s in place of %s", answer, expected);
}
