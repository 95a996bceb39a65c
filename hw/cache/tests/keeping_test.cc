// SPDX-License-Identifier: MIT
// What the model keeps, for how long, and what it tells: tracking, bounds, findings by mistake and not by access.
#include "hw/cache/tests/rig.h"

namespace remap::cache::test {
namespace {

class Keeping : public Rule {};
INSTANTIATE_TEST_SUITE_P(Modes, Keeping, testing::Values(Mode::Report, Mode::Strict), mode_name);

TEST_P(Keeping, mistake_is_told_once_for_each_instruction_and_counted) {
    for (unsigned i = 0; i < 8; ++i) rig.store(wb, at + 64 * i, 0x11, 0x100 + i / 4);
    for (unsigned round = 0; round < 3; ++round) {
        for (unsigned i = 0; i < 8; ++i) rig.dma_read(at + 64 * i, no_snoop);
    }
    EXPECT_EQ(rig.news(), "missed-flush missed-flush");
    ASSERT_EQ(rig.model.finding_count(), 2u);
    EXPECT_EQ(rig.model.finding(0)->count, 12u);
    EXPECT_EQ(rig.model.finding(1)->count, 12u);
    EXPECT_EQ(rig.model.finding(1)->store->code, 0x101u);
    EXPECT_FALSE(rig.model.finding(2));
    EXPECT_EQ(rig.model.counters().findings, 2u);
    EXPECT_EQ(rig.model.counters().repeats, 22u);
}

TEST_P(Keeping, findings_beyond_the_limit_are_counted) {
    Options options = Rig::options_of(GetParam());
    options.most_findings = 2;
    Rig small{options};
    for (unsigned i = 0; i < 4; ++i) {
        small.store(wb, at + 64 * i, 0x11, 0x100 + i);
        small.dma_read(at + 64 * i, no_snoop);
    }
    EXPECT_EQ(small.told.size(), 2u);
    EXPECT_EQ(small.model.counters().untold, 2u);
}

TEST_P(Keeping, access_over_a_line_boundary_is_one_mistake_with_the_address_of_each_part) {
    rig.store(wb, at + 60, 0x1122'3344'5566'7788, 0xabc);
    EXPECT_EQ(rig.dma_read(at + 64, no_snoop), rig.either(0, 0x1122'3344));
    ASSERT_EQ(rig.news(), "missed-flush");
    EXPECT_EQ(rig.told[0].first.value, at + 64);
    EXPECT_EQ(rig.told[0].bytes, 4u);
    EXPECT_EQ(rig.told[0].store->address.value, at + 64 + Rig::virtual_offset);
    rig.dma_read(at + 60, no_snoop);
    EXPECT_EQ(rig.news(), "");
    EXPECT_EQ(rig.model.finding(0)->count, 3u);
}

TEST_P(Keeping, store_is_the_last_one_to_the_bytes_that_differ) {
    rig.store(wb, at, 0x1111'1111'1111'1111, 0x100);
    rig.store(wb, at + 4, 0x2222'2222'2222'2222, 0x101);
    rig.store(wb, at + 12, 0x3333'3333'3333'3333, 0x102);
    rig.dma_read(at, no_snoop);
    rig.dma_read(at + 8, no_snoop);
    rig.dma_read(at + 16, no_snoop);
    ASSERT_EQ(rig.told.size(), 3u);
    EXPECT_EQ(rig.told[0].store->code, 0x100u);
    EXPECT_EQ(rig.told[1].store->code, 0x101u);
    EXPECT_EQ(rig.told[1].store->address.value, at + 4 + Rig::virtual_offset);
    EXPECT_EQ(rig.told[2].store->code, 0x102u);
}

TEST_P(Keeping, pages_that_are_not_tracked_are_plain_memory) {
    rig.store(wb, 0x1000, 0x1111);
    rig.store(wc, 0x1008, 0x2222);
    EXPECT_EQ(rig.memory.at(0x1000), 0x1111u);
    EXPECT_EQ(rig.dma_read(0x1008, no_snoop), 0x2222u);
    EXPECT_EQ(rig.news(), "");
    EXPECT_TRUE(rig.model.idle());
    EXPECT_FALSE(rig.model.tracked({1}));
    EXPECT_TRUE(rig.model.tracked({4}));
}

TEST_P(Keeping, access_may_cross_into_a_page_that_is_not_tracked) {
    const std::uint64_t end = Rig::page + 4 * page_size;
    rig.store(wb, end - 4, 0x1111'1111'2222'2222);
    EXPECT_EQ(rig.memory.at(end) & 0xffff'ffff, 0x1111'1111u);
    EXPECT_EQ(rig.load(wb, end - 4), 0x1111'1111'2222'2222u);
    EXPECT_EQ(rig.dma_read(end - 4, no_snoop), rig.either(0x1111'1111'0000'0000, 0x1111'1111'2222'2222));
}

TEST_P(Keeping, untracked_page_has_its_newest_bytes_in_memory_and_nothing_pending) {
    rig.store(wb, at, 0x1111);
    rig.store(wc, at + 64, 0x2222);
    rig.store(wb, at + 128, 0x3333);
    rig.flush(Flush::Clflushopt, at + 128);
    EXPECT_FALSE(rig.model.idle());
    EXPECT_EQ(rig.model.counters().lines, 3u);
    rig.model.untrack({Rig::page >> page_shift}, ~std::uint64_t{0});
    EXPECT_TRUE(rig.model.idle());
    EXPECT_FALSE(rig.model.pending(0));
    EXPECT_EQ(rig.memory.at(at), 0x1111u);
    EXPECT_EQ(rig.memory.at(at + 64), 0x2222u);
    EXPECT_EQ(rig.memory.at(at + 128), 0x3333u);
    rig.model.track({Rig::page >> page_shift}, 1);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x1111u);
    rig.dma_write(at, 0x4444, no_snoop);
    EXPECT_EQ(rig.load(wb, at), 0x4444u);  // it is not known to be write-back any more
    EXPECT_EQ(rig.news(), "");
}

TEST_P(Keeping, tracking_a_page_again_changes_nothing) {
    rig.store(wb, at, 0x1111);
    rig.model.track({0}, 16);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "missed-flush");
    EXPECT_EQ(rig.model.counters().tracked_pages, 16u);
}

TEST_P(Keeping, settle_makes_both_worlds_one) {
    rig.store(wb, at, 0x1111);
    rig.store(wc, at, 0x2222, 0x101, 3);
    rig.dma_write(at + 8, 0x3333, no_snoop);
    rig.model.settle();
    EXPECT_TRUE(rig.model.idle());
    EXPECT_FALSE(rig.model.pending(3));
    EXPECT_EQ(rig.memory.at(at), 0x2222u);
    EXPECT_EQ(rig.memory.at(at + 8), 0x3333u);
    EXPECT_EQ(rig.load(wb, at + 8), 0x3333u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(Keeping, oldest_dirty_line_is_evicted_when_there_are_more_than_the_option_says) {
    Options options = Rig::options_of(GetParam());
    options.dirty_lines = 2;
    Rig small{options};
    for (unsigned i = 0; i < 3; ++i) small.store(wb, at + 64 * i, 0x11 + i);
    EXPECT_EQ(small.dma_read(at, no_snoop), 0x11u);
    EXPECT_EQ(small.news(), "");
    EXPECT_EQ(small.dma_read(at + 64, no_snoop), small.either(0, 0x12));
    EXPECT_EQ(small.news(), "missed-flush");
    EXPECT_EQ(small.model.counters().lines, 2u);
}

TEST_P(Keeping, oldest_line_is_settled_when_there_are_too_many) {
    Options options = Rig::options_of(GetParam());
    options.most_lines = 2;
    Rig small{options};
    for (unsigned i = 0; i < 3; ++i) small.store(wc, at + 64 * i, 0x11 + i);
    EXPECT_EQ(small.dma_read(at, no_snoop), 0x11u);
    EXPECT_EQ(small.news(), "");
    EXPECT_EQ(small.model.counters().given_up, 1u);
    EXPECT_EQ(small.dma_read(at + 64, no_snoop), small.either(0, 0x12));
}

TEST_P(Keeping, oldest_of_too_many_flushes_is_done_without_a_fence) {
    constexpr std::uint64_t most = 65536;
    Rig large{Rig::options_of(GetParam()), (most + 1) * line_bytes};
    large.model.track({0}, (most + 1) * line_bytes / page_size + 1);
    for (std::uint64_t line = 0; line <= most; ++line) {
        large.store(wb, line * line_bytes, 0x1111);
        large.flush(Flush::Clflushopt, line * line_bytes);
    }
    EXPECT_EQ(large.model.counters().lines, most);
    EXPECT_EQ(large.dma_read(0, no_snoop), 0x1111u);
    EXPECT_EQ(large.news(), "");
    EXPECT_EQ(large.dma_read(line_bytes, no_snoop), large.either(0, 0x1111));
    EXPECT_EQ(large.news(), "missed-fence");
    large.fence(Fence::Store);
    EXPECT_TRUE(large.model.idle());
    EXPECT_FALSE(large.model.pending(0));
}

TEST_P(Keeping, flushes_of_a_line_that_comes_and_goes_do_not_pile_up) {
    rig.store(wb, at + 64, 0x1111);
    rig.flush(Flush::Clwb, at + 64);  // stays noted
    for (unsigned round = 1; round <= 70'000; ++round) {
        rig.store(wb, at, round);
        rig.flush(Flush::Clflushopt, at);
        rig.flush(Flush::Clflush, at);
    }
    EXPECT_EQ(rig.dma_read(at, no_snoop), 70'000u);
    rig.fence(Fence::Store);
    EXPECT_EQ(rig.dma_read(at + 64, no_snoop), 0x1111u);
    EXPECT_EQ(rig.news(), "");
    EXPECT_FALSE(rig.model.pending(0));
}

TEST_P(Keeping, agreeing_lines_keep_nothing) {
    Options options = Rig::options_of(GetParam());
    options.most_lines = 2;
    Rig small{options};
    for (unsigned round = 0; round < 100; ++round) {
        const std::uint64_t line = at + round % 16 * 4 * line_bytes;
        small.store(wc, line, round);
        small.store(wb, line + 64, round);
        small.flush(Flush::Clflushopt, line + 64);
        small.fence(Fence::Store);
        small.load(wb, line + 128);
        EXPECT_TRUE(small.model.idle());
        EXPECT_FALSE(small.model.pending(0));
        EXPECT_EQ(small.model.counters().lines, 0u);
    }
    EXPECT_EQ(small.model.counters().given_up, 0u);
}

TEST_P(Keeping, accesses_outside_memory_fail_and_change_nothing) {
    std::vector<std::uint8_t> bytes(0x4000, 0xee);
    rig.model.track({0}, ~std::uint64_t{0});
    for (const MemoryType type : {wb, wt, wp, wc, uc, uc_minus}) {
        for (const std::uint64_t address : {std::uint64_t{0xfff8}, std::uint64_t{0x10000}, ~std::uint64_t{0} - 3}) {
            CpuAccess access = Rig::access(type, address, 0x100, 0);
            access.bytes = 16;
            EXPECT_FALSE(rig.model.store(access, bytes.data()));
            EXPECT_FALSE(rig.model.load(access, bytes.data()));
            DmaAccess dma = Rig::dma(address, true, no_snoop);
            dma.origin.bytes = 0x4000;
            EXPECT_FALSE(rig.model.dma_write(dma, bytes.data()));
            EXPECT_FALSE(rig.model.dma_read(dma, bytes.data()));
            rig.flush(Flush::Clflushopt, address);
        }
    }
    EXPECT_EQ(rig.memory.at(0xfff8), 0u);
    EXPECT_TRUE(rig.model.idle());
    EXPECT_EQ(rig.news(), "");
}

TEST_P(Keeping, nothing_is_an_access_too) {
    CpuAccess access = Rig::access(wb, ~std::uint64_t{0}, 0x100, ~0u);
    access.bytes = 0;
    EXPECT_TRUE(rig.model.store(access, nullptr));
    EXPECT_TRUE(rig.model.load(access, nullptr));
    EXPECT_TRUE(rig.model.idle());
}

TEST_P(Keeping, processors_have_any_number) {
    for (const unsigned cpu : {0u, 255u, 256u, 0xffffu}) {
        EXPECT_FALSE(rig.model.pending(cpu));
        rig.store(wc, at + 8 * (cpu % 8), 0x1111, 0x100, cpu);
        EXPECT_TRUE(rig.model.pending(cpu));
        rig.fence(Fence::Full, cpu);
        EXPECT_FALSE(rig.model.pending(cpu));
    }
    rig.store(wc, at, 0x2222, 0x100, 0x1'0003);
    EXPECT_TRUE(rig.model.pending(3));
    rig.fence(Fence::Full, 3);
    EXPECT_TRUE(rig.model.idle());
    rig.store(wb, at, 0x3333, 0x100, ~0u);
    for (unsigned again = 0; again < 3; ++again) rig.flush(Flush::Clwb, at, 0x300, ~0u);
    rig.fence(Fence::Full, ~0u);
    EXPECT_FALSE(rig.model.pending(~0u));
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x3333u);
    EXPECT_EQ(rig.news(), "");
    EXPECT_TRUE(rig.model.idle());
}

TEST(PastTheModel, write_that_another_device_makes_itself_is_no_finding_in_report_mode) {
    Rig rig{Mode::Report};
    const std::uint64_t at = Rig::page, value = 0x77, first = 0x11;
    rig.store(wb, at, first);
    rig.load(wb, at + 64);
    rig.dma_write(at + 64, 1, no_snoop);
    ASSERT_TRUE(rig.memory.write({at}, &value, 8));
    ASSERT_TRUE(rig.memory.write({at + 64}, &value, 8));
    EXPECT_EQ(rig.load(wb, at), 0x77u);
    EXPECT_EQ(rig.load(wb, at + 64), 0x77u);
    rig.flush(Flush::Clflush, at);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x77u);
    EXPECT_EQ(rig.news(), "");
}

}  // namespace
}  // namespace remap::cache::test
