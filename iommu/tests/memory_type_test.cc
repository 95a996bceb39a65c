// SPDX-License-Identifier: MIT
// Memory types by the tables of the Intel SDM, volume 3, chapter "Memory Cache Control"; all numbers are the manual's.
#include "iommu/paging/memory_type.h"
#include "iommu/paging/mtrr.h"
#include "iommu/paging/x86_long.h"

#include <gtest/gtest.h>

#include <string_view>

namespace remap::paging {
namespace {

using enum MemoryType;

// Table "Memory Types That Can Be Encoded With PAT".
TEST(MemoryTypes, AreEncodedAsTheManualSaysAndTheRestIsReserved) {
    EXPECT_EQ(memory_type_of(0), Uncacheable);
    EXPECT_EQ(memory_type_of(1), WriteCombining);
    EXPECT_EQ(memory_type_of(2), std::nullopt);
    EXPECT_EQ(memory_type_of(3), std::nullopt);
    EXPECT_EQ(memory_type_of(4), WriteThrough);
    EXPECT_EQ(memory_type_of(5), WriteProtected);
    EXPECT_EQ(memory_type_of(6), WriteBack);
    EXPECT_EQ(memory_type_of(7), UncachedMinus);
    for (std::uint64_t encoding = 8; encoding < 256; ++encoding) EXPECT_EQ(memory_type_of(encoding), std::nullopt);
    EXPECT_EQ(memory_type_of(0x100), std::nullopt);
}

TEST(MemoryTypes, HaveNamesForPeopleAndTheManualsAbbreviations) {
    EXPECT_EQ(std::string_view(name_of(WriteBack)), "write-back");
    EXPECT_EQ(std::string_view(name_of(WriteCombining)), "write-combining");
    EXPECT_EQ(std::string_view(abbreviation_of(Uncacheable)), "UC");
    EXPECT_EQ(std::string_view(abbreviation_of(UncachedMinus)), "UC-");
}

// Table "Memory Type Setting of PAT Entries Following a Power-up or Reset".
TEST(PageAttributeTable, HoldsTheseTypesAfterPowerOn) {
    EXPECT_EQ(Pat{}.value, 0x0007040600070406u);
    constexpr MemoryType expected[8] = {WriteBack, WriteThrough, UncachedMinus, Uncacheable,
                                        WriteBack, WriteThrough, UncachedMinus, Uncacheable};
    for (unsigned index = 0; index < 8; ++index) EXPECT_EQ(Pat{}.type(index), expected[index]) << index;
}

TEST(PageAttributeTable, HasEightFieldsOfWhichReservedOnesHaveNoType) {
    constexpr Pat pat{0x4606'0502'0007'0106};
    EXPECT_EQ(pat.type(0), WriteBack);
    EXPECT_EQ(pat.type(1), WriteCombining);
    EXPECT_EQ(pat.type(4), std::nullopt);  // 02
    EXPECT_EQ(pat.type(5), WriteProtected);
    EXPECT_EQ(pat.type(7), std::nullopt);  // 46: the upper five bits are reserved
    EXPECT_EQ(Pat{}.with(1, WriteCombining).value, 0x0007040600070106u);
    EXPECT_EQ(Pat{}.with(7, WriteProtected).value, 0x0507040600070406u);
}

// Table "Selection of PAT Entries with PAT, PCD, and PWT Flags"; the PAT bit is bit 7 of a 4 KiB leaf, bit 12 of
// others.
TEST(PageAttributeTable, IsIndexedByThreeBitsOfALeafOfAnySize) {
    const auto index = [](std::uint64_t entry, unsigned level) {
        return X86Long::pat_index(X86Long::attributes(entry, level));
    };
    EXPECT_EQ(index(0x1001, 1), 0u);
    EXPECT_EQ(index(0x1009, 1), 1u);
    EXPECT_EQ(index(0x1011, 1), 2u);
    EXPECT_EQ(index(0x1019, 1), 3u);
    EXPECT_EQ(index(0x0081, 1), 4u);
    EXPECT_EQ(index(0x1099, 1), 7u);
    for (const unsigned level : {2u, 3u}) {
        EXPECT_EQ(index(0x4000'0081, level), 0u);
        EXPECT_EQ(index(0x4000'0099, level), 3u);
        EXPECT_EQ(index(0x4000'1081, level), 4u);
        EXPECT_EQ(index(0x4000'1099, level), 7u);
    }
    for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(X86Long::pat_index(X86Long::memory_type(i)), i);
}

// Table "Effective Page-Level Memory Types for Pentium III and More Recent Processor Families", whole.
TEST(EffectiveType, IsWhatTheManualsTableSays) {
    constexpr MemoryType pages[6] = {Uncacheable,  UncachedMinus, WriteCombining,
                                     WriteThrough, WriteBack,     WriteProtected};
    constexpr struct {
        MemoryType range;
        MemoryType effective[6];
    } table[] = {
        {Uncacheable, {Uncacheable, Uncacheable, WriteCombining, Uncacheable, Uncacheable, Uncacheable}},
        {WriteCombining, {Uncacheable, WriteCombining, WriteCombining, Uncacheable, WriteCombining, Uncacheable}},
        {WriteThrough, {Uncacheable, Uncacheable, WriteCombining, WriteThrough, WriteThrough, WriteProtected}},
        {WriteBack, {Uncacheable, Uncacheable, WriteCombining, WriteThrough, WriteBack, WriteProtected}},
        {WriteProtected, {Uncacheable, WriteCombining, WriteCombining, WriteThrough, WriteProtected, WriteProtected}},
    };
    for (const auto& [range, effective] : table)
        for (unsigned i = 0; i < 6; ++i)
            EXPECT_EQ(effective_type(pages[i], range), effective[i])
                << abbreviation_of(pages[i]) << " page in a range of " << abbreviation_of(range);
}

// Bit 11 (E) of MSR 0x2ff: without it all memory is uncacheable, whatever else the registers hold.
TEST(RangeRegisters, MakeAllMemoryUncacheableWhenTheyAreOff) {
    EXPECT_EQ((Mtrrs{.capabilities = 0x508, .default_type = 0x406}.type_at({0x1234'5000}, 40)), Uncacheable);
    EXPECT_EQ((Mtrrs{.capabilities = 0x508, .default_type = 0x806}.type_at({0x1234'5000}, 40)), WriteBack);
    EXPECT_EQ((Mtrrs{.capabilities = 0x508, .default_type = 0x801}.type_at({0x1234'5000}, 40)), WriteCombining);
    EXPECT_EQ((Mtrrs{.capabilities = 0x508, .default_type = 0x802}.type_at({0x1234'5000}, 40)), std::nullopt);
    EXPECT_EQ((Mtrrs{.capabilities = 0x508, .default_type = 0x807}.type_at({0x1234'5000}, 40)), std::nullopt);
}

// Table "Address Mapping for Fixed-Range MTRRs": 64 KiB, 16 KiB and 4 KiB fields, the lowest byte the lowest address.
TEST(RangeRegisters, OfTheFirstMebibyteHaveFieldsOfThreeSizes) {
    Mtrrs mtrrs{.capabilities = 0x508, .default_type = 0xc06};
    mtrrs.fixed = {0x0506060606060600, 0x0106060606060606, 0x0000000000000000, 0x0505050505050504,
                   0x0606060606060606, 0x0606060606060606, 0x0606060606060606, 0x0606060606060606,
                   0x0606060606060606, 0x0606060606060606, 0x0406060606060606};
    const auto at = [&](std::uint64_t address) { return mtrrs.type_at({address}, 40); };
    EXPECT_EQ(at(0), Uncacheable);
    EXPECT_EQ(at(0xffff), Uncacheable);
    EXPECT_EQ(at(0x10000), WriteBack);
    EXPECT_EQ(at(0x6ffff), WriteBack);
    EXPECT_EQ(at(0x70000), WriteProtected);
    EXPECT_EQ(at(0x7ffff), WriteProtected);
    EXPECT_EQ(at(0x80000), WriteBack);
    EXPECT_EQ(at(0x9bfff), WriteBack);
    EXPECT_EQ(at(0x9c000), WriteCombining);
    EXPECT_EQ(at(0x9ffff), WriteCombining);
    EXPECT_EQ(at(0xa0000), Uncacheable);
    EXPECT_EQ(at(0xbffff), Uncacheable);
    EXPECT_EQ(at(0xc0000), WriteThrough);
    EXPECT_EQ(at(0xc1000), WriteProtected);
    EXPECT_EQ(at(0xc7fff), WriteProtected);
    EXPECT_EQ(at(0xc8000), WriteBack);
    EXPECT_EQ(at(0xfefff), WriteBack);
    EXPECT_EQ(at(0xff000), WriteThrough);
    EXPECT_EQ(at(0x100000), WriteBack);  // the default

    mtrrs.default_type = 0x806;  // FE, bit 10, is clear
    EXPECT_EQ(at(0), WriteBack);
    mtrrs.default_type = 0xc06;
    mtrrs.capabilities = 0x408;  // FIX, bit 8, is clear
    EXPECT_EQ(at(0), WriteBack);
}

// The manual's example: 64 MiB at 0 with a base of 6 and a mask of 0xf_fc00_0800 for 36 bits.
TEST(RangeRegisters, CoverWhatBaseAndMaskSelect) {
    Mtrrs mtrrs{.capabilities = 0x2, .default_type = 0x800};
    mtrrs.variable[0] = {0x0000'0000'0000'0006, 0x0000'000f'fc00'0800};
    mtrrs.variable[1] = {0x0000'0000'a000'0001, 0x0000'000f'ff80'0800};
    EXPECT_EQ(mtrrs.type_at({0}, 36), WriteBack);
    EXPECT_EQ(mtrrs.type_at({0x03ff'ffff}, 36), WriteBack);
    EXPECT_EQ(mtrrs.type_at({0x0400'0000}, 36), Uncacheable);
    EXPECT_EQ(mtrrs.type_at({0xa000'0000}, 36), WriteCombining);
    EXPECT_EQ(mtrrs.type_at({0xa07f'ffff}, 36), WriteCombining);
    EXPECT_EQ(mtrrs.type_at({0xa080'0000}, 36), Uncacheable);

    mtrrs.variable[1].mask = 0x0000'000f'ff80'0000;  // V, bit 11, is clear
    EXPECT_EQ(mtrrs.type_at({0xa000'0000}, 36), Uncacheable);
    mtrrs.capabilities = 0x1;  // VCNT: one pair only
    mtrrs.variable[1].mask = 0x0000'000f'ff80'0800;
    EXPECT_EQ(mtrrs.type_at({0xa000'0000}, 36), Uncacheable);
    mtrrs.capabilities = 0xff;  // more than are kept
    EXPECT_EQ(mtrrs.type_at({0xa000'0000}, 36), WriteCombining);
}

// Section "MTRR Precedences".
TEST(RangeRegisters, ThatOverlapFollowTheRulesOfPrecedence) {
    constexpr std::uint64_t valid = 0x0000'000f'fff0'0800;
    const auto both = [](std::uint64_t one, std::uint64_t other) {
        Mtrrs mtrrs{.capabilities = 0x2, .default_type = 0x806};
        mtrrs.variable[0] = {0x10'0000 | one, valid};
        mtrrs.variable[1] = {0x10'0000 | other, valid};
        return mtrrs.type_at({0x10'0000}, 36);
    };
    for (const std::uint64_t same : {0, 1, 4, 5, 6}) EXPECT_EQ(both(same, same), memory_type_of(same));
    for (const std::uint64_t other : {1, 2, 4, 5, 6}) {
        EXPECT_EQ(both(0, other), Uncacheable) << other;
        EXPECT_EQ(both(other, 0), Uncacheable) << other;
    }
    EXPECT_EQ(both(4, 6), WriteThrough);
    EXPECT_EQ(both(6, 4), WriteThrough);
    EXPECT_EQ(both(1, 6), std::nullopt);
    EXPECT_EQ(both(5, 6), std::nullopt);
    EXPECT_EQ(both(1, 4), std::nullopt);
    EXPECT_EQ(both(7, 7), std::nullopt);
}

// Bits 30 (CD) and 29 (NW) of CR0.
TEST(CacheControls, TakePageAndRangeTogetherUnlessCachesAreOff) {
    CacheControls controls{.cr0 = 0x8001'0033, .mtrrs = {.default_type = 0x806}, .physical_address_width = 40};
    EXPECT_EQ(controls.effective({0x5000}, 0), WriteBack);
    EXPECT_EQ(controls.effective({0x5000}, 1), WriteThrough);
    EXPECT_EQ(controls.effective({0x5000}, 2), Uncacheable);
    controls.mtrrs.default_type = 0x800;
    EXPECT_EQ(controls.effective({0x5000}, 0), Uncacheable);
    controls.mtrrs.default_type = 0x801;
    EXPECT_EQ(controls.effective({0x5000}, 0), WriteCombining);
    EXPECT_EQ(controls.effective({0x5000}, 2), WriteCombining);
    EXPECT_EQ(controls.effective({0x5000}, 3), Uncacheable);
    controls.mtrrs.default_type = 0x802;
    EXPECT_EQ(controls.effective({0x5000}, 0), Uncacheable);
    controls.mtrrs.default_type = 0x806;
    controls.cr0 = 0xc001'0033;
    EXPECT_EQ(controls.effective({0x5000}, 0), Uncacheable);
    controls.cr0 = 0xe001'0033;
    EXPECT_EQ(controls.effective({0x5000}, 0), Uncacheable);
    controls.cr0 = 0x8001'0033;
    controls.pat.value = 0x0007'0406'0007'0402;
    EXPECT_EQ(controls.effective({0x5000}, 0), Uncacheable);
}

}  // namespace
}  // namespace remap::paging
