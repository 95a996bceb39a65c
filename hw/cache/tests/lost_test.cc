// SPDX-License-Identifier: MIT
// Bytes that are overwritten by older ones: told once, when it happens, with who is to blame.
#include "hw/cache/tests/rig.h"

namespace remap::cache::test {
namespace {

class Lost : public Rule {};
INSTANTIATE_TEST_SUITE_P(Modes, Lost, testing::Values(Mode::Report, Mode::Strict), mode_name);

TEST_P(Lost, dirty_line_overwrites_what_a_device_wrote) {
    rig.store(wb, at, 0x1111, 0xabc);
    rig.dma_write(at, 0x2222, no_snoop);
    EXPECT_EQ(rig.news(), "");
    rig.flush(Flush::Clflush, at);
    ASSERT_EQ(rig.news(), "overwritten-by-line");
    EXPECT_EQ(rig.told[0].store->code, 0xabcu);
    EXPECT_EQ(rig.told[0].dma->address.value, at + Rig::bus_offset);
    EXPECT_FALSE(rig.told[0].lost);
    EXPECT_EQ(rig.load(wb, at), rig.either(0x1111, 0x2222));
    EXPECT_EQ(rig.dma_read(at, no_snoop), rig.either(0x1111, 0x2222));
    EXPECT_EQ(rig.load(uc, at), rig.either(0x1111, 0x2222));
    EXPECT_EQ(rig.news(), "");
    rig.model.settle();
    EXPECT_EQ(rig.memory.at(at), rig.either(0x1111, 0x2222));
}

TEST_P(Lost, dirty_line_overwrites_bytes_beside_those_that_were_stored) {
    rig.store(wb, at, 0x1111, 0xabc);
    rig.dma_write(at + 56, 0x2222, no_snoop);
    rig.flush(Flush::Clflush, at);
    ASSERT_EQ(rig.news(), "overwritten-by-line");
    EXPECT_EQ(rig.told[0].first.value, at + 56);
    EXPECT_EQ(rig.load(wb, at + 56), rig.either(0, 0x2222));
    EXPECT_EQ(rig.news(), "");
}

TEST_P(Lost, every_way_to_write_back_may_overwrite) {
    const auto write_back = [&](unsigned way) {
        switch (way) {
            case 0: rig.flush(Flush::Clflush, at); break;
            case 1: rig.flush(Flush::Clflushopt, at), rig.fence(Fence::Store); break;
            case 2: rig.flush(Flush::Clwb, at), rig.fence(Fence::Full); break;
            case 3: rig.model.flush_all(0, true); break;
            case 4: rig.dma_read(at, snoop); break;
            case 5: rig.dma_write(at + 32, 7, snoop); break;
            default: rig.store(wp, at + 32, 8);
        }
    };
    for (unsigned way = 0; way < 7; ++way) {
        rig.store(wb, at, 0x11 + way, 0x100 + way);
        rig.dma_write(at + 8, 0x21 + way, no_snoop);
        write_back(way);
        ASSERT_EQ(rig.news(), "overwritten-by-line") << way;
        EXPECT_EQ(rig.told.back().store->code, 0x100u + way);
        rig.flush(Flush::Clflush, at);
        rig.store(uc, at + 8, 0);
        EXPECT_EQ(rig.news(), "") << way;
    }
}

TEST_P(Lost, dirty_line_overwrites_an_uncached_store) {
    rig.store(wb, at, 0x1111, 0xabc);
    rig.store(uc, at, 0x2222, 0xdef);
    rig.flush(Flush::Clflush, at);
    ASSERT_EQ(rig.news(), "overwritten-by-line");
    EXPECT_EQ(rig.told[0].store->code, 0xabcu);
    EXPECT_EQ(rig.told[0].lost->code, 0xdefu);
    EXPECT_FALSE(rig.told[0].dma);
    EXPECT_EQ(rig.load(uc, at), rig.either(0x1111, 0x2222));
}

TEST_P(Lost, write_combining_buffer_overwrites_what_a_device_wrote) {
    rig.store(wc, at, 0x1111, 0xabc);
    rig.dma_write(at, 0x2222, snoop);
    EXPECT_EQ(rig.load(uc, at, 0x200, 1), 0x2222u);
    rig.fence(Fence::Store);
    ASSERT_EQ(rig.news(), "overwritten-by-store");
    EXPECT_EQ(rig.told[0].store->code, 0xabcu);
    EXPECT_TRUE(rig.told[0].dma->write);
    EXPECT_EQ(rig.load(uc, at), rig.either(0x1111, 0x2222));
    EXPECT_EQ(rig.dma_read(at, snoop), rig.either(0x1111, 0x2222));
    EXPECT_EQ(rig.news(), "");
}

TEST_P(Lost, write_combining_buffer_overwrites_another_processors_store) {
    rig.store(wc, at, 0x1111, 0xabc, 0);
    rig.store(wc, at, 0x2222, 0xdef, 1);
    rig.fence(Fence::Store, 1);
    EXPECT_EQ(rig.news(), "");
    rig.fence(Fence::Store, 0);
    ASSERT_EQ(rig.news(), "overwritten-by-store");
    EXPECT_EQ(rig.told[0].lost->code, 0xdefu);
    EXPECT_EQ(rig.load(uc, at), rig.either(0x1111, 0x2222));
}

TEST_P(Lost, buffers_keep_bytes_apart_that_were_not_stored) {
    rig.store(wc, at, 0x1111, 0xabc, 0);
    rig.store(wc, at + 8, 0x2222, 0xdef, 1);
    rig.dma_write(at + 16, 0x3333, no_snoop);
    rig.fence(Fence::Store, 1);
    rig.fence(Fence::Store, 0);
    EXPECT_EQ(rig.load(uc, at), 0x1111u);
    EXPECT_EQ(rig.load(uc, at + 8), 0x2222u);
    EXPECT_EQ(rig.load(uc, at + 16), 0x3333u);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(Lost, same_bytes_overwrite_nothing) {
    rig.store(wb, at, 0x1111);
    rig.dma_write(at, 0x1111, no_snoop);
    rig.flush(Flush::Clflush, at);
    EXPECT_EQ(rig.news(), "");
}

TEST_P(Lost, clflushopt_before_the_device_writes_may_write_back_after_it) {
    rig.store(wb, at, 0x1111, 0xabc);
    rig.flush(Flush::Clflushopt, at);
    rig.dma_write(at, 0x2222, no_snoop);
    rig.fence(Fence::Store);
    EXPECT_EQ(rig.news(), "overwritten-by-line");
    rig.flush(Flush::Clflush, at);
    EXPECT_EQ(rig.load(wb, at), rig.either(0x1111, 0x2222));
    EXPECT_EQ(rig.news(), "");
}

}  // namespace
}  // namespace remap::cache::test
