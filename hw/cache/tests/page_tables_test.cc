// SPDX-License-Identifier: MIT
// Mappings by tables made by hand, in the numbers of the Intel SDM, volume 3, chapter "Paging".
#include "hw/cache/page_tables.h"

#include "hw/cache/tests/table_words.h"

#include <gtest/gtest.h>

namespace remap::cache {
namespace {

using enum MemoryType;
using test::long_mode;
using test::TableWords;

// PML4 at 0x1000, PDPT at 0x2000, PD at 0x3000, PT at 0x4000.
class PageTables : public testing::Test {
protected:
    PageTables() {
        words.put(0x1000, 0x2067);  // present, writable, user, accessed, dirty
        words.put(0x2000, 0x3067);
        words.put(0x3000, 0x4067);
    }

    std::optional<Mapping> at(std::uint64_t address) { return mapping_of(state, words, {address}); }
    std::vector<PageMapping> of(std::uint64_t page) { return mappings_of(state, words, {page}).list; }

    TableWords words;
    PagingState state = long_mode(0x1000);
};

TEST_F(PageTables, MapFourKilobytesWithRightsOfAllLevels) {
    words.put(0x4000 + 8 * 5, 0x0000'0012'3456'7867);
    auto found = at(0x5abc);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->address.value, 0x12'3456'7abcu);
    EXPECT_EQ(found->shift, 12u);
    EXPECT_EQ(found->type, WriteBack);
    EXPECT_TRUE(found->writable && found->user && found->executable);

    words.put(0x4000 + 8 * 5, 0x8000'0012'3456'7861);  // no writes, no user, no execution
    found = at(0x5abc);
    ASSERT_TRUE(found);
    EXPECT_TRUE(!found->writable && !found->user && !found->executable);

    words.put(0x4000 + 8 * 5, 0x0000'0012'3456'7867);
    words.put(0x2000, 0x3065);  // a table without the right to write
    found = at(0x5abc);
    ASSERT_TRUE(found);
    EXPECT_TRUE(!found->writable && found->user);
    EXPECT_FALSE(at(0x6000));
}

// PWT is bit 3, PCD bit 4; the PAT bit is bit 7 of a 4 KiB leaf and bit 12 of larger ones.
TEST_F(PageTables, TakeTheTypeFromThePatEntryThatALeafOfAnySizeSelects) {
    state.controls.pat = {0x0105'0407'0004'0106};  // WB WC WT UC | UC- WT WP WC
    const MemoryType expected[8] = {WriteBack,   WriteCombining, WriteThrough,   Uncacheable,
                                    Uncacheable, WriteThrough,   WriteProtected, WriteCombining};
    for (std::uint64_t i = 0; i < 8; ++i) {
        const std::uint64_t flags = (i & 1) << 3 | (i & 2) << 3;
        words.put(0x4000 + 8 * i, 0x10'0003 | flags | (i & 4) << 5);
        words.put(0x3000 + 8 * (i + 1), 0x4000'0083 | flags | (i & 4) << 10);
        words.put(0x2000 + 8 * (i + 1), 0x8000'0083 | flags | (i & 4) << 10);
        EXPECT_EQ(at(i << 12)->type, expected[i]) << i;
        EXPECT_EQ(at((i + 1) << 21)->type, expected[i]) << i;
        EXPECT_EQ(at((i + 1) << 30)->type, expected[i]) << i;
    }
    EXPECT_EQ(at(0x20'1234)->address.value, 0x4000'1234u);
    EXPECT_EQ(at(0x20'1234)->shift, 21u);
    EXPECT_EQ(at(0x4012'3456)->address.value, 0x8012'3456u);
    EXPECT_EQ(at(0x4012'3456)->shift, 30u);
}

TEST_F(PageTables, AreOverruledByMtrrsForEachPageOfALargeLeaf) {
    words.put(0x3000, 0x0000'0083);  // 2 MiB at 0
    state.controls.mtrrs.capabilities = 0x508;
    state.controls.mtrrs.default_type = 0xc06;
    state.controls.mtrrs.fixed[2] = 0;  // 0xa0000 to 0xbffff: UC
    for (unsigned i : {0u, 1u, 3u}) state.controls.mtrrs.fixed[i] = 0x0606'0606'0606'0606;
    EXPECT_EQ(at(0x9f000)->type, WriteBack);
    EXPECT_EQ(at(0xa0000)->type, Uncacheable);
    EXPECT_EQ(of(0x9f)[0].type, WriteBack);
    EXPECT_EQ(of(0xbf)[0].type, Uncacheable);
}

TEST_F(PageTables, OfFiveLevelsReachFurther) {
    words.put(0x5000 + 8 * 0x1ff, 0x1067);
    words.put(0x1000 + 8 * 0x100, 0x2067);
    words.put(0x4000, 0x77003);
    state.cr3 = 0x5000;
    state.cr4 = 0x1020;  // LA57
    EXPECT_EQ(at(0xffff'8000'0000'0123)->address.value, 0x77123u);
    EXPECT_EQ(of(0x77),
              (std::vector<PageMapping>{{.page = {0xf'fff0'0000'0000}, .type = WriteBack, .writable = true},
                                        {.page = {0xf'fff8'0000'0000}, .type = WriteBack, .writable = true}}));
    EXPECT_FALSE(at(0x00ff'8000'0000'0123));
    EXPECT_FALSE(at(0x0100'0000'0000'0000));  // not canonical
}

TEST_F(PageTables, MapNothingAtAddressesThatAreNotCanonical) {
    words.put(0x4000, 0x77003);
    words.put(0x1000 + 8 * 0x100, 0x2067);
    EXPECT_TRUE(at(0xffff'8000'0000'0000));
    EXPECT_FALSE(at(0x0000'8000'0000'0000));
    EXPECT_FALSE(at(0xfffe'8000'0000'0000));
}

TEST_F(PageTables, MapNothingWhereABitIsReserved) {
    words.put(0x4000, 0x77003);
    EXPECT_TRUE(at(0));
    words.put(0x4000, 0x0000'0100'0007'7003);  // bit 40 of 40
    EXPECT_FALSE(at(0));
    EXPECT_TRUE(of(0x1'0000'0077).empty());
    words.put(0x4000, 0x77003);
    words.put(0x1000, 0x20e7);  // the page size bit of a PML4 entry
    EXPECT_FALSE(at(0));
    EXPECT_TRUE(of(0x77).empty());
    words.put(0x1000, 0x8000'0000'0000'2067);  // no execution
    EXPECT_TRUE(at(0));
    state.efer = 0x500;  // which is reserved without NXE
    EXPECT_FALSE(at(0));
    EXPECT_TRUE(of(0x77).empty());
    words.put(0x1000, 0x2067);
    words.put(0x3000, 0x20'2083);  // bit 13 of a 2 MiB leaf
    EXPECT_FALSE(at(0));
    words.put(0x2000, 0x4000'0083);
    EXPECT_TRUE(at(0));
    state.largest_leaf = 21;  // a processor without leaves of 1 GiB
    EXPECT_FALSE(at(0));
}

TEST_F(PageTables, InMemoryThatIsNotThereMapNothing) {
    words.put(0x2000, 0x9'9000'0003);
    EXPECT_FALSE(at(0));
    const PageMappings found = mappings_of(state, words, {0x77});
    EXPECT_TRUE(found.list.empty());
    EXPECT_FALSE(found.complete);
}

TEST_F(PageTables, WithoutPagingEveryAddressIsItsOwnWithTheTypeOfItsRange) {
    state.controls.cr0 = 0x1;
    state.efer = 0;
    EXPECT_EQ(at(0x12345)->address.value, 0x12345u);
    EXPECT_EQ(at(0x12345)->type, WriteBack);
    EXPECT_EQ(of(0x12)[0].page.number, 0x12u);
    state.controls.pat = {0};  // which no page selects from
    EXPECT_EQ(at(0x12345)->type, WriteBack);
    state.controls.mtrrs.default_type = 0x801;
    EXPECT_EQ(at(0x12345)->type, WriteCombining);
    EXPECT_FALSE(at(0x100'0000'0000));  // beyond 40 bits
}

TEST_F(PageTables, Of32BitModesAreNotModelledAndSaidToBe) {
    words.put(0x4000, 0x77003);
    state.efer = 0;
    EXPECT_FALSE(state.is_modelled());
    EXPECT_FALSE(at(0));
    EXPECT_FALSE(mappings_of(state, words, {0x77}).complete);
}

TEST_F(PageTables, IgnoreTheFlagsOfCr3) {
    words.put(0x4000, 0x77003);
    state.cr3 = 0x8000'0000'0000'101f;
    EXPECT_EQ(state.root().value, 0x1000u);
    EXPECT_TRUE(at(0));
}

TEST_F(PageTables, AreSearchedForEveryMappingOfAPage) {
    words.put(0x4000 + 8 * 7, 0x40'0000'5007);      // write-back, user, writable
    words.put(0x3000 + 8 * 4, 0x40'0000'0099);      // 2 MiB around it, uncacheable, read-only, the kernel's
    words.put(0x1000 + 8 * 0x1ff, 0x6003);          // the upper half, not the user's
    words.put(0x6000 + 8 * 0x1fe, 0x40'0000'008f);  // 1 GiB, PWT: write-through
    words.put(0x4000 + 8 * 8, 0x40'0000'6007);      // a neighbour
    const PageMappings found = mappings_of(state, words, {0x400'0005});
    EXPECT_TRUE(found.complete);
    EXPECT_EQ(found.list,
              (std::vector<PageMapping>{
                  {.page = {0x7}, .shift = 12, .type = WriteBack, .writable = true, .user = true},
                  {.page = {0x805}, .shift = 21, .type = Uncacheable, .writable = false, .user = false},
                  {.page = {0xf'ffff'fff8'0005}, .shift = 30, .type = WriteThrough, .writable = true, .user = false}}));
    EXPECT_EQ(found.tables_read, 5u);
}

}  // namespace
}  // namespace remap::cache
