// SPDX-License-Identifier: MIT
// What a device gets of what a processor stored, by memory type, flush and fence.
#include "hw/cache/tests/rig.h"

namespace remap::cache::test {
namespace {

class DeviceReads : public Rule {};
INSTANTIATE_TEST_SUITE_P(Modes, DeviceReads, testing::Values(Mode::Report, Mode::Strict), mode_name);

TEST_P(DeviceReads, write_back_store_without_flush_is_missed) {
    rig.store(wb, at + 8, 0x1111, 0xabc);
    EXPECT_EQ(rig.dma_read(at + 8, no_snoop), rig.either(0, 0x1111));
    ASSERT_EQ(rig.news(), "missed-flush");
    const Finding& finding = rig.told[0];
    EXPECT_EQ(finding.first.value, at + 8);
    EXPECT_EQ(finding.bytes, 2u);
    EXPECT_EQ(finding.store->code, 0xabcu);
    EXPECT_EQ(finding.store->address.value, at + 8 + Rig::virtual_offset);
    EXPECT_EQ(finding.store->type, wb);
    EXPECT_EQ(finding.dma->source, 0x0308);
    EXPECT_EQ(finding.dma->address.value, at + 8 + Rig::bus_offset);
    EXPECT_FALSE(finding.dma->write);
    EXPECT_FALSE(finding.load);
}

TEST_P(DeviceReads, snooped_read_sees_the_cache) {
    rig.store(wb, at, 0x1111);
    EXPECT_EQ(rig.dma_read(at, snoop), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(DeviceReads, clflush_writes_back_at_once) {
    rig.store(wb, at, 0x1111);
    rig.flush(Flush::Clflush, at + 63);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x1111u);
    EXPECT_EQ(rig.news(), "");
    EXPECT_TRUE(rig.model.idle());
}

TEST_P(DeviceReads, clflush_of_the_line_beside_does_not_help) {
    rig.store(wb, at, 0x1111);
    rig.flush(Flush::Clflush, at + 64);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "missed-flush");
}

TEST_P(DeviceReads, flush_of_another_processor_helps) {
    rig.store(wb, at, 0x1111, 0x100, 0);
    rig.flush(Flush::Clflush, at, 0x300, 1);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(DeviceReads, clflushopt_and_clwb_wait_for_a_fence) {
    for (const Flush how : {Flush::Clflushopt, Flush::Clwb}) {
        rig.store(wb, at, 0x1111, 0x100 + static_cast<unsigned>(how));
        rig.flush(how, at, 0x301);
        EXPECT_TRUE(rig.model.pending(0));
        EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0, 0x1111));
        ASSERT_EQ(rig.news(), "missed-fence");
        EXPECT_EQ(rig.told.back().flush->code, 0x301u);
        rig.fence(Fence::Store);
        EXPECT_FALSE(rig.model.pending(0));
        EXPECT_EQ(rig.dma_read(at, no_snoop), 0x1111u);
        rig.store(uc, at, 0);
        rig.flush(Flush::Clflush, at);
        EXPECT_EQ(rig.news(), "");
    }
}

TEST_P(DeviceReads, every_ordering_fence_orders_flushes_but_a_device_access_does_not) {
    std::uint64_t value = 0x10;
    for (const Fence kind : {Fence::Store, Fence::Full, Fence::Serializing}) {
        rig.store(wb, at, ++value);
        rig.flush(Flush::Clwb, at);
        rig.fence(kind);
        EXPECT_EQ(rig.dma_read(at, no_snoop), value);
    }
    EXPECT_EQ(rig.news(), "");
    rig.store(wb, at, 0x99);
    rig.flush(Flush::Clwb, at);
    rig.fence(Fence::Uncached);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(value, 0x99));
    EXPECT_EQ(rig.news(), "missed-fence");
}

TEST_P(DeviceReads, fence_of_another_processor_orders_nothing) {
    rig.store(wb, at, 0x1111);
    rig.flush(Flush::Clflushopt, at, 0x300, 0);
    rig.fence(Fence::Full, 1);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "missed-fence");
}

TEST_P(DeviceReads, store_after_clflushopt_is_not_flushed_by_it) {
    rig.store(wb, at, 0x1111);
    rig.flush(Flush::Clflushopt, at);
    rig.store(wb, at, 0x2222, 0x101);
    rig.fence(Fence::Store);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0x1111, 0x2222));
    ASSERT_EQ(rig.news(), "missed-flush");
    EXPECT_EQ(rig.told[0].store->code, 0x101u);
    rig.flush(Flush::Clflushopt, at);
    rig.fence(Fence::Store);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x2222u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(DeviceReads, store_after_clflushopt_lacks_a_flush_and_not_a_fence) {
    rig.store(wb, at, 0x1111);
    rig.flush(Flush::Clflushopt, at);
    rig.store(wb, at, 0x2222);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0, 0x2222));
    EXPECT_EQ(rig.news(), "missed-flush");
}

TEST_P(DeviceReads, fence_of_an_older_flush_does_not_bring_older_bytes) {
    rig.store(wb, at, 0x1111);
    rig.flush(Flush::Clwb, at, 0x300, 0);
    rig.store(wb, at, 0x2222);
    rig.flush(Flush::Clwb, at, 0x300, 1);
    rig.store(wb, at, 0x3333);
    rig.fence(Fence::Store, 1);
    rig.fence(Fence::Store, 0);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0x2222, 0x3333));
    EXPECT_EQ(rig.news(), "missed-flush");
}

TEST_P(DeviceReads, flush_under_way_does_not_undo_a_write_through_store) {
    rig.store(wb, at + 8, 0x1111);
    rig.flush(Flush::Clflushopt, at);
    rig.store(wt, at, 0x2222);
    rig.fence(Fence::Store);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x2222u);
    EXPECT_EQ(rig.dma_read(at + 8, no_snoop), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(DeviceReads, line_that_was_written_back_is_not_flushed_again) {
    rig.store(wc, at + 16, 0x3333, 0x101, 1);  // so that there is something to keep of the line
    rig.store(wb, at, 0x1111);
    rig.flush(Flush::Clflushopt, at);
    EXPECT_EQ(rig.dma_read(at, snoop), 0x1111u);
    rig.dma_write(at + 8, 0x2222, no_snoop);
    rig.fence(Fence::Store);
    EXPECT_EQ(rig.dma_read(at + 8, no_snoop), 0x2222u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(DeviceReads, flush_of_a_line_that_agrees_with_memory_is_not_pending) {
    rig.store(wc, at, 0x1111, 0x100, 1);
    rig.load(wb, at + 8);
    rig.flush(Flush::Clflushopt, at);
    EXPECT_FALSE(rig.model.pending(0));
}

TEST_P(DeviceReads, uncached_and_write_through_stores_reach_memory) {
    std::uint64_t value = 0x10;
    for (const MemoryType type : {uc, uc_minus, wt, wp}) {
        rig.store(type, at, ++value);
        EXPECT_EQ(rig.dma_read(at, no_snoop), value);
    }
    EXPECT_EQ(rig.news(), "");
}

TEST_P(DeviceReads, write_combining_store_waits_for_a_fence_even_if_the_device_snoops) {
    rig.store(wc, at, 0x1111, 0xabc);
    EXPECT_EQ(rig.dma_read(at, snoop), rig.either(0, 0x1111));
    ASSERT_EQ(rig.news(), "undrained-store");
    EXPECT_EQ(rig.told[0].store->code, 0xabcu);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0, 0x1111));
    EXPECT_EQ(rig.news(), "");  // the same mistake
    rig.fence(Fence::Store);
    EXPECT_EQ(rig.dma_read(at, snoop), 0x1111u);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x1111u);
    EXPECT_TRUE(rig.model.idle());
}

TEST_P(DeviceReads, non_temporal_store_waits_for_a_fence_and_needs_no_flush) {
    for (const MemoryType type : {wb, wt, wp}) {
        const auto kind = static_cast<unsigned>(type);
        rig.store(wb, at, 0x10 + kind);
        rig.store(wb, at + 8, 0x20 + kind);
        CpuAccess access = Rig::access(type, at, 0xab0 + kind, 0);
        access.non_temporal = true;
        const std::uint64_t value = 0x1100 + kind;
        EXPECT_TRUE(rig.model.store(access, &value));
        EXPECT_EQ(rig.dma_read(at + 8, no_snoop), 0x20 + kind);  // the line was written back
        EXPECT_EQ(rig.news(), "");
        EXPECT_EQ(rig.dma_read(at, snoop), rig.either(0x10 + kind, value));
        ASSERT_EQ(rig.news(), "undrained-store");
        EXPECT_EQ(rig.told.back().store->code, 0xab0 + kind);
        rig.fence(Fence::Store);
        EXPECT_EQ(rig.dma_read(at, no_snoop), value);
        EXPECT_EQ(rig.load(wb, at), value);
        EXPECT_EQ(rig.news(), "");
    }
}

TEST_P(DeviceReads, non_temporal_store_to_an_uncached_page_is_an_uncached_store) {
    CpuAccess access = Rig::access(uc, at, 0x100, 0);
    access.non_temporal = true;
    const std::uint64_t value = 0x1111;
    EXPECT_TRUE(rig.model.store(access, &value));
    EXPECT_EQ(rig.dma_read(at, no_snoop), value);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(DeviceReads, whatever_empties_the_write_combining_buffers) {
    std::uint64_t value = 0x10;
    for (const Fence kind : {Fence::Store, Fence::Full, Fence::Serializing, Fence::Uncached}) {
        rig.store(wc, at, ++value);
        EXPECT_TRUE(rig.model.pending(0));
        rig.fence(kind);
        EXPECT_FALSE(rig.model.pending(0));
        EXPECT_EQ(rig.dma_read(at, no_snoop), value);
    }
    for (const MemoryType type : {uc, uc_minus}) {
        rig.store(wc, at, ++value);
        rig.load(type, Rig::page + 0x2000);
        EXPECT_EQ(rig.dma_read(at, no_snoop), value);
        rig.store(wc, at, ++value);
        rig.store(type, 0x1000, 5);  // of a page that is not tracked
        EXPECT_EQ(rig.dma_read(at, no_snoop), value);
    }
    rig.store(wc, at, ++value);
    rig.load(wc, at + 56);
    EXPECT_EQ(rig.dma_read(at, no_snoop), value);
    rig.store(wc, at, ++value);
    rig.flush(Flush::Clflush, at + 8);
    EXPECT_EQ(rig.dma_read(at, no_snoop), value);
    rig.store(wc, at, ++value);
    rig.model.flush_all(0, true);
    EXPECT_EQ(rig.dma_read(at, no_snoop), value);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(DeviceReads, oldest_write_combining_buffer_makes_room) {
    for (unsigned i = 0; i < 12; ++i) rig.store(wc, at + 64 * i, 0x10 + i, 0x100 + i);
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0, 0x10));
    EXPECT_EQ(rig.news(), "undrained-store");
    rig.store(wc, at + 64 * 12, 0x99);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x10u);
    EXPECT_EQ(rig.news(), "");
    EXPECT_EQ(rig.dma_read(at + 64, no_snoop), rig.either(0, 0x11));
    EXPECT_EQ(rig.news(), "undrained-store");
}

TEST_P(DeviceReads, wbinvd_writes_everything_back_and_invd_loses_it_in_both_worlds) {
    rig.store(wb, at, 0x1111);
    rig.model.flush_all(0, true);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x1111u);
    rig.store(wb, at, 0x2222);
    rig.model.flush_all(0, false);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x1111u);
    EXPECT_EQ(rig.load(wb, at), 0x1111u);
    EXPECT_EQ(rig.news(), "");
    EXPECT_TRUE(rig.model.idle());
}

TEST_P(DeviceReads, store_of_the_same_bytes_is_no_mistake) {
    rig.store(uc, at, 0x1111);
    rig.store(wb, at, 0x1111);
    EXPECT_EQ(rig.dma_read(at, no_snoop), 0x1111u);
    EXPECT_EQ(rig.news(), "");
}

}  // namespace
}  // namespace remap::cache::test
