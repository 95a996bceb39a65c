// SPDX-License-Identifier: MIT
// Tables that no system would write: searches end, in bounded work, and say when they are not complete.
#include "hw/cache/page_tables.h"

#include "hw/cache/tests/table_words.h"

#include <gtest/gtest.h>

#include <random>

namespace remap::cache {
namespace {

using test::long_mode;
using test::TableWords;

// Systems do this on purpose, with one entry: the tables show themselves.
TEST(HostileTables, ATopTableThatPointsToItselfShowsItselfOnce) {
    TableWords words;
    words.put(0x1000 + 8 * 0x1ed, 0x1063);
    const PageMappings found = mappings_of(long_mode(0x1000), words, {1});
    ASSERT_EQ(found.list.size(), 1u);
    EXPECT_EQ(found.list[0].page.address().value, 0xffff'f6fb'7dbe'd000u);
    EXPECT_TRUE(found.complete);
    EXPECT_EQ(mapping_of(long_mode(0x1000), words, {0xffff'f6fb'7dbe'd008})->address.value, 0x1008u);
}

// 512 to the power of four ways lead through it.
TEST(HostileTables, ATableOfWhichEachEntryIsItselfIsReadOnceALevelWhenThePageIsNotThere) {
    TableWords words;
    for (std::uint64_t i = 0; i < 512; ++i) words.put(0x1000 + 8 * i, 0x1067);
    PagingState state = long_mode(0x1000);
    EXPECT_EQ(mappings_of(state, words, {0x77}).tables_read, 4u);
    EXPECT_TRUE(mappings_of(state, words, {0x77}).complete);
    state.cr4 = 0x1020;
    EXPECT_EQ(mappings_of(state, words, {0x77}).tables_read, 5u);
}

// As a table of the lowest level it maps single pages, one level up leaves of 2 MiB.
TEST(HostileTables, ATableOfTwoLevelsIsSearchedAsEither) {
    TableWords words;
    words.put(0x1000, 0x2067);
    words.put(0x2000, 0x3067);
    words.put(0x2008, 0x4067);
    words.put(0x3000, 0x4067);
    words.put(0x4000, 0x40'0083);
    const PageMappings found = mappings_of(long_mode(0x1000), words, {0x477});
    ASSERT_EQ(found.list.size(), 1u);
    EXPECT_EQ(found.list[0].page.number, 0x4'0077u);
    EXPECT_EQ(found.list[0].shift, 21u);
}

TEST(HostileTables, APageThatIsMappedEverywhereIsListedUpToTheLimit) {
    TableWords words;
    for (std::uint64_t i = 0; i < 512; ++i) words.put(0x1000 + 8 * i, 0x1067);
    const PageMappings found = mappings_of(long_mode(0x1000), words, {1}, {.mappings = 100});
    EXPECT_EQ(found.list.size(), 100u);
    EXPECT_FALSE(found.complete);
    EXPECT_EQ(found.tables_read, 4u);
}

// Each way to the page is one of its addresses and is gone again; the others are not.
TEST(HostileTables, ASearchReadsNoMoreTablesThanItsLimit) {
    TableWords words;
    for (std::uint64_t i = 0; i < 512; ++i) {
        for (const std::uint64_t table : {0x1000, 0x2000, 0x3000}) words.put(table + 8 * i, table + 0x1067);
    }
    words.put(0x4000 + 8 * 511, 0x77003);
    const PageMappings found =
        mappings_of(long_mode(0x1000), words, {0x77}, {.tables = 1000, .mappings = std::size_t{1} << 40});
    EXPECT_EQ(found.tables_read, 1000u);
    EXPECT_FALSE(found.complete);
    EXPECT_LE(words.reads, 1000u);
    EXPECT_TRUE(mappings_of(long_mode(0x1000), words, {0x78}).complete);
}

// What is found by searching is what a walk finds.
TEST(HostileTables, OfRandomWordsAreSearchedInBoundedWorkAndWalksAgree) {
    std::mt19937_64 random(5);
    for (int round = 0; round < 200; ++round) {
        TableWords words;
        for (std::uint64_t page = 1; page < 16; ++page) {
            for (std::uint64_t i = 0; i < 512; ++i) {
                if (random() % 8 != 0) continue;
                const std::uint64_t wild = random() % 64 == 0 ? random() : 0;
                words.put(page << 12 | i << 3, (random() % 20) << 12 | (random() & 0xfff) | (random() % 2) | wild);
            }
        }
        PagingState state = long_mode(0x1000 * (1 + random() % 15));
        if (random() % 2) state.cr4 = 0x1020;
        if (random() % 4 == 0) state.efer = 0x500;
        const PhysicalPage wanted{random() % 20};
        const SearchLimits limits{.tables = 300, .mappings = 50};
        const PageMappings found = mappings_of(state, words, wanted, limits);
        EXPECT_LE(found.tables_read, 300u);
        EXPECT_LE(found.list.size(), 50u);
        for (const PageMapping& mapping : found.list) {
            const auto walked = mapping_of(state, words, mapping.page.address());
            ASSERT_TRUE(walked);
            EXPECT_EQ(walked->address.page(), wanted);
            EXPECT_EQ(walked->shift, mapping.shift);
            EXPECT_EQ(walked->type, mapping.type);
            EXPECT_EQ(walked->writable, mapping.writable);
            EXPECT_EQ(walked->user, mapping.user);
        }
    }
}

TEST(HostileTables, OfUnboundedMemoryOfGarbageAreSearchedInBoundedTime) {
    struct Garbage final : TableReader {
        bool read(PhysicalAddress from, std::uint64_t* words, std::size_t count) override {
            ++reads;
            std::mt19937_64 random(from.value);
            for (std::size_t i = 0; i < count; ++i) words[i] = (random() & 0xff'ffff'f000) | 0x67;
            return true;
        }
        std::uint64_t reads = 0;
    } garbage;
    const PageMappings found = mappings_of(long_mode(0x1000), garbage, {0x77}, {.tables = 2000});
    EXPECT_FALSE(found.complete);
    EXPECT_EQ(garbage.reads, 2000u);
}

}  // namespace
}  // namespace remap::cache
