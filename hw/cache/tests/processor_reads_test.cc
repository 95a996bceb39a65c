// SPDX-License-Identifier: MIT
// What a processor gets of what a device wrote, and of what was stored through another mapping.
#include "hw/cache/tests/rig.h"

namespace remap::cache::test {
namespace {

class ProcessorReads : public Rule {};
INSTANTIATE_TEST_SUITE_P(Modes, ProcessorReads, testing::Values(Mode::Report, Mode::Strict), mode_name);

TEST_P(ProcessorReads, copy_older_than_a_write_that_is_not_snooped_is_stale) {
    EXPECT_EQ(rig.load(wb, at), 0u);
    rig.dma_write(at, 0x1111, no_snoop);
    EXPECT_EQ(rig.load(wb, at, 0xabc), rig.either(0, 0x1111));
    ASSERT_EQ(rig.news(), "stale-read");
    EXPECT_EQ(rig.told[0].load->code, 0xabcu);
    EXPECT_EQ(rig.told[0].dma->address.value, at + Rig::bus_offset);
    EXPECT_TRUE(rig.told[0].dma->write);
    rig.flush(Flush::Clflush, at);
    EXPECT_EQ(rig.load(wb, at, 0xabd), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, snooped_write_invalidates_the_copy) {
    rig.load(wb, at);
    rig.dma_write(at, 0x1111, snoop);
    EXPECT_EQ(rig.load(wb, at), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, snooped_write_keeps_what_the_line_had_beside_it) {
    rig.store(wb, at + 8, 0x2222);
    rig.dma_write(at, 0x1111, snoop);
    EXPECT_EQ(rig.load(uc, at), 0x1111u);
    EXPECT_EQ(rig.load(uc, at + 8), 0x2222u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, flush_before_the_device_writes_is_not_enough) {
    rig.load(wb, at);
    rig.flush(Flush::Clflush, at);
    rig.dma_write(at, 0x1111, no_snoop);
    EXPECT_EQ(rig.load(wb, at), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "stale-read");
}

TEST_P(ProcessorReads, without_speculation_a_flush_before_the_device_writes_is_enough) {
    Options options = Rig::options_of(GetParam());
    options.speculation = false;
    Rig plain{options};
    plain.load(wb, at);
    plain.flush(Flush::Clflush, at);
    plain.dma_write(at, 0x1111, no_snoop);
    EXPECT_EQ(plain.load(wb, at), 0x1111u);
    EXPECT_EQ(plain.news(), "");
}

TEST_P(ProcessorReads, nothing_is_fetched_of_a_page_that_is_accessed_uncached) {
    rig.load(wb, at + 64);
    rig.flush(Flush::Clflush, at + 64);
    rig.load(uc, at);
    rig.dma_write(at, 0x1111, no_snoop);
    EXPECT_EQ(rig.load(wb, at), 0x1111u);
    rig.model.type_changed(PhysicalAddress{at}.page(), uc);
    rig.flush(Flush::Clflush, at);
    rig.dma_write(at, 0x2222, no_snoop);
    EXPECT_EQ(rig.load(wb, at), 0x2222u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, page_that_was_remapped_write_back_may_be_fetched) {
    rig.model.type_changed(PhysicalAddress{at}.page(), wb);
    rig.dma_write(at, 0x1111, no_snoop);
    EXPECT_EQ(rig.load(wb, at), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "stale-read");
}

TEST_P(ProcessorReads, clflushopt_after_the_write_waits_for_a_fence) {
    rig.load(wb, at);
    rig.dma_write(at, 0x1111, no_snoop);
    rig.flush(Flush::Clflushopt, at);
    EXPECT_EQ(rig.load(wb, at), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "stale-read");
    rig.fence(Fence::Full);
    EXPECT_EQ(rig.load(wb, at, 0x201), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, clflushopt_before_the_write_does_not_help_by_a_fence_after_it) {
    rig.load(wb, at);
    rig.dma_write(at, 0x1111, no_snoop);
    rig.flush(Flush::Clflushopt, at);
    rig.dma_write(at, 0x2222, no_snoop);
    rig.fence(Fence::Full);
    EXPECT_EQ(rig.load(wb, at), rig.either(0, 0x2222));
    EXPECT_EQ(rig.news(), "stale-read");
}

TEST_P(ProcessorReads, clwb_does_not_drop_a_stale_copy) {
    rig.load(wb, at);
    rig.dma_write(at, 0x1111, no_snoop);
    rig.flush(Flush::Clwb, at);
    rig.fence(Fence::Full);
    EXPECT_EQ(rig.load(wb, at), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "stale-read");
}

TEST_P(ProcessorReads, write_through_and_write_protected_pages_are_cached_too) {
    for (const MemoryType type : {wt, wp}) {
        rig.load(type, at);
        rig.dma_write(at, 0x1111 + static_cast<unsigned>(type), no_snoop);
        EXPECT_EQ(rig.load(type, at, 0x200 + static_cast<unsigned>(type)),
                  rig.either(type == wt ? 0 : 0x1115, 0x1111 + static_cast<unsigned>(type)));
        EXPECT_EQ(rig.news(), "stale-read");
        rig.flush(Flush::Clflush, at);
    }
}

TEST_P(ProcessorReads, uncached_and_write_combining_loads_go_to_memory) {
    for (const MemoryType type : {uc, uc_minus, wc}) {
        rig.load(wb, at);
        rig.dma_write(at, 0x1111 + static_cast<unsigned>(type), no_snoop);
        EXPECT_EQ(rig.load(type, at), 0x1111u + static_cast<unsigned>(type));
        rig.flush(Flush::Clflush, at);
    }
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, copy_older_than_an_uncached_store_is_a_stale_alias) {
    for (const MemoryType type : {uc, wc}) {
        rig.load(wb, at);
        rig.store(type, at, 0x1111 + static_cast<unsigned>(type), 0xabc);
        rig.fence(Fence::Store);
        EXPECT_EQ(rig.load(wb, at, 0x200 + static_cast<unsigned>(type)),
                  rig.either(type == uc ? 0 : 0x1111, 0x1111 + static_cast<unsigned>(type)));
        ASSERT_EQ(rig.news(), "stale-alias-read");
        EXPECT_EQ(rig.told.back().store->code, 0xabcu);
        EXPECT_EQ(rig.told.back().store->type, type);
        rig.flush(Flush::Clflush, at);
    }
}

TEST_P(ProcessorReads, uncached_load_past_a_dirty_line_is_a_stale_alias) {
    rig.store(wb, at, 0x1111, 0xabc);
    EXPECT_EQ(rig.load(uc, at, 0xdef), rig.either(0, 0x1111));
    ASSERT_EQ(rig.news(), "stale-alias-read");
    EXPECT_EQ(rig.told[0].store->code, 0xabcu);
    EXPECT_EQ(rig.told[0].load->code, 0xdefu);
    EXPECT_FALSE(rig.told[0].dma);
}

TEST_P(ProcessorReads, processor_sees_its_own_combined_stores_and_another_does_not) {
    rig.store(wc, at, 0x1111, 0xabc, 0);
    EXPECT_EQ(rig.load(wc, at, 0x200, 1), rig.either(0, 0x1111));
    ASSERT_EQ(rig.news(), "undrained-store");
    EXPECT_EQ(rig.told[0].store->code, 0xabcu);
    EXPECT_EQ(rig.load(wc, at, 0x200, 0), 0x1111u);
    EXPECT_EQ(rig.load(wc, at, 0x200, 1), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, write_back_accesses_empty_the_own_buffer_of_the_line_first) {
    rig.store(wc, at, 0x1111);
    EXPECT_EQ(rig.load(wb, at), 0x1111u);
    rig.flush(Flush::Clflush, at);
    rig.store(wc, at, 0x2222);
    rig.store(wb, at + 8, 0x3333);
    EXPECT_EQ(rig.load(wb, at), 0x2222u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, store_fetches_the_rest_of_the_line) {
    rig.store(uc, at + 8, 0x1111);
    rig.store(wb, at, 0x2222);
    EXPECT_EQ(rig.load(wb, at + 8), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, load_of_what_another_processor_combines_fetches_old_bytes) {
    rig.store(wc, at, 0x1111, 0xabc, 1);
    EXPECT_EQ(rig.load(wb, at), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "undrained-store");
    rig.fence(Fence::Full, 1);
    EXPECT_EQ(rig.load(wb, at), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "stale-alias-read");
}

TEST_P(ProcessorReads, snooped_write_invalidates_a_copy_that_was_stale) {
    rig.load(wb, at);
    rig.dma_write(at, 0x1111, no_snoop);
    rig.dma_write(at + 32, 0x2222, snoop);
    EXPECT_EQ(rig.load(wb, at), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(ProcessorReads, without_speculation_whatever_drops_a_copy_is_enough_before_the_device_writes) {
    Options options = Rig::options_of(GetParam());
    options.speculation = false;
    for (unsigned way = 0; way < 5; ++way) {
        Rig plain{options};
        plain.load(wb, at);
        switch (way) {
            case 0: plain.store(wp, at + 8, 0x2222); break;
            case 1: plain.model.flush_all(1, true); break;
            case 2: plain.model.flush_all(1, false); break;
            case 3: plain.flush(Flush::Clflushopt, at); break;
            default: plain.dma_write(at + 8, 0x2222, snoop);
        }
        plain.dma_write(at, 0x1111, no_snoop);
        EXPECT_EQ(plain.load(wb, at), 0x1111u) << way;
        EXPECT_EQ(plain.news(), "") << way;
    }
}

TEST_P(ProcessorReads, write_back_processors_are_coherent_among_themselves) {
    rig.store(wb, at, 0x1111, 0x100, 0);
    EXPECT_EQ(rig.load(wb, at, 0x200, 7), 0x1111u);
    rig.store(wt, at, 0x2222, 0x100, 7);
    EXPECT_EQ(rig.load(wb, at, 0x200, 0), 0x2222u);
    rig.store(wp, at, 0x3333, 0x100, 300);
    EXPECT_EQ(rig.load(wb, at, 0x200, 0), 0x3333u);
    EXPECT_EQ(rig.news(), "");
}

}  // namespace
}  // namespace remap::cache::test
