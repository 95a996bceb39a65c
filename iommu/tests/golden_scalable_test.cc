// SPDX-License-Identifier: MIT
// Scalable-mode tables and first-stage entries as the manual draws them (VT-d sections 9.2 to 9.8): one field at a
// time against a literal number, and the reserved bits of units that offer nothing, or all there is.
#include "iommu/paging/vtd_first_stage.h"
#include "iommu/paging/vtd_second_stage.h"
#include "iommu/paging/walker.h"
#include "iommu/spec/scalable_tables.h"

#include <gtest/gtest.h>

#include <map>

namespace remap::vtd {
namespace {

// Every optional feature that has a field in these tables, at the bits of ECAP_REG.
constexpr std::uint64_t everything = 0x0023'a904'e200'0084;

TEST(GoldenScalable, RootEntry) {
    namespace entry = scalable_root_entry;
    EXPECT_EQ(entry::bytes, 16u);
    EXPECT_EQ(entry::Present::mask, 0x1u);
    EXPECT_EQ(entry::context_table, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(entry::reserved(46), 0xffff'c000'0000'0ffeu);
    EXPECT_EQ(entry::word_of(0x7f), 0u);
    EXPECT_EQ(entry::word_of(0x80), 1u);
}

TEST(GoldenScalable, ContextEntry) {
    namespace entry = scalable_context_entry;
    EXPECT_EQ(entry::bytes, 32u);
    EXPECT_EQ(entry::Present::mask, 0x1u);
    EXPECT_EQ(entry::FaultProcessingDisable::mask, 0x2u);
    EXPECT_EQ(entry::DeviceTlb::mask, 0x4u);
    EXPECT_EQ(entry::Pasid::mask, 0x8u);
    EXPECT_EQ(entry::PageRequest::mask, 0x10u);
    EXPECT_EQ(entry::DirectorySize::mask, 0xe00u);
    EXPECT_EQ(entry::pasid_directory, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(entry::RequesterPasid::mask, 0xf'ffffu);
    EXPECT_EQ(entry::RequesterPrivilege::mask, 0x10'0000u);
    EXPECT_EQ(entry::index_of(0xff), 127u);
    EXPECT_EQ(entry::index_of(0x80), 0u);
    EXPECT_EQ(entry::pasid_limit(0x1), 0x2000u);
    EXPECT_EQ(entry::pasid_limit(0xe01), 0x10'0000u);
    EXPECT_EQ(entry::reserved(0, 46), (entry::Words{0xffff'c000'0000'01fc, ~0ull, ~0ull, ~0ull}));
    EXPECT_EQ(entry::reserved(everything, 46),
              (entry::Words{0xffff'c000'0000'01e0, 0xffff'ffff'ffe0'0000, ~0ull, ~0ull}));
}

TEST(GoldenScalable, ContextEntryBitsByCapability) {
    namespace entry = scalable_context_entry;
    const auto freed = [](std::uint64_t ecap, unsigned word) {
        return entry::reserved(0, 52)[word] & ~entry::reserved(ecap, 52)[word];
    };
    EXPECT_EQ(freed(1ull << 2, 0), 0x4u) << "DT: DTE";
    EXPECT_EQ(freed(1ull << 40, 0), 0x8u) << "PASID: PASIDE";
    EXPECT_EQ(freed(1ull << 29, 0), 0x10u) << "PRS: PRE";
    EXPECT_EQ(freed(1ull << 49, 1), 0xf'ffffu) << "RPS: RID_PASID";
    EXPECT_EQ(freed(1ull << 53, 1), 0x10'0000u) << "RPRIVS: RID_PRIV";
}

TEST(GoldenScalable, PasidDirectoryEntry) {
    namespace entry = pasid_directory_entry;
    EXPECT_EQ(entry::bytes, 8u);
    EXPECT_EQ(entry::Present::mask, 0x1u);
    EXPECT_EQ(entry::FaultProcessingDisable::mask, 0x2u);
    EXPECT_EQ(entry::pasid_table, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(entry::reserved(39), 0xffff'ff80'0000'0ffcu);
    EXPECT_EQ(entry::index_of(0xf'ffff), 0x3fffu);
    EXPECT_EQ(entry::index_of(0x3f), 0u);
}

TEST(GoldenScalable, PasidEntryFields) {
    namespace entry = pasid_entry;
    EXPECT_EQ(entry::bytes, 64u);
    EXPECT_EQ(entry::index_of(0x7f), 0x3fu);
    EXPECT_EQ(entry::Present::mask, 0x1u);
    EXPECT_EQ(entry::FaultProcessingDisable::mask, 0x2u);
    EXPECT_EQ(entry::AddressWidth::mask, 0x1cu);
    EXPECT_EQ(entry::Type::mask, 0x1c0u);
    EXPECT_EQ(entry::Type::of(entry::TranslationType::FirstStage), 0x40u);
    EXPECT_EQ(entry::Type::of(entry::TranslationType::SecondStage), 0x80u);
    EXPECT_EQ(entry::Type::of(entry::TranslationType::Nested), 0xc0u);
    EXPECT_EQ(entry::Type::of(entry::TranslationType::PassThrough), 0x100u);
    EXPECT_EQ(entry::SecondStageAccessedDirty::mask, 0x200u);
    EXPECT_EQ(entry::second_stage, 0xffff'ffff'ffff'f000u);
    EXPECT_EQ(entry::Domain::mask, 0xffffu);
    EXPECT_EQ(entry::WalkSnoop::mask, 0x80'0000u);
    EXPECT_EQ(entry::PageSnoop::mask, 0x100'0000u);
    EXPECT_EQ(entry::CacheDisable::mask, 0x200'0000u);
    EXPECT_EQ(entry::ExtendedMemoryType::mask, 0x400'0000u);
    EXPECT_EQ(entry::AttributeTable::mask, 0xffff'ffff'0000'0000u);
    EXPECT_EQ(entry::SupervisorRequest::mask, 0x1u);
    EXPECT_EQ(entry::ExecuteRequest::mask, 0x2u);
    EXPECT_EQ(entry::FirstStageMode::mask, 0xcu);
    EXPECT_EQ(entry::FirstStageMode::of(entry::PagingMode::FourLevels), 0x0u);
    EXPECT_EQ(entry::FirstStageMode::of(entry::PagingMode::FiveLevels), 0x4u);
    EXPECT_EQ(entry::WriteProtect::mask, 0x10u);
    EXPECT_EQ(entry::NoExecute::mask, 0x20u);
    EXPECT_EQ(entry::SupervisorExecutePrevention::mask, 0x40u);
    EXPECT_EQ(entry::ExtendedAccessed::mask, 0x80u);
    EXPECT_EQ(entry::first_stage, 0xffff'ffff'ffff'f000u);
}

TEST(GoldenScalable, PasidEntryReservedBits) {
    namespace entry = pasid_entry;
    const std::uint64_t all = ~0ull;
    EXPECT_EQ(entry::reserved(0, 46), (entry::Words{0xffff'c000'0000'0e20, 0xffff'ffff'ffff'0000, 0xffff'ffff'ffff'ff9f,
                                                    all, all, all, all, all}));
    EXPECT_EQ(entry::reserved(everything, 46),
              (entry::Words{0xffff'c000'0000'0c20, 0xf87f'0000, 0xffff'c000'0000'0f00, all, all, all, all, all}));
    const auto freed = [](std::uint64_t ecap, unsigned word) {
        return entry::reserved(0, 52)[word] & ~entry::reserved(ecap, 52)[word];
    };
    EXPECT_EQ(freed(1ull << 45, 0), 0x200u) << "SSADS: SSADE";
    EXPECT_EQ(freed(1ull << 48, 1), 0x80'0000u) << "SMPWCS: PWSNP";
    EXPECT_EQ(freed(1ull << 7, 1), 0x100'0000u) << "SC: PGSNP";
    EXPECT_EQ(freed(1ull << 25, 1), 0xffff'ffff'0600'0000u) << "MTS: CD, EMTE, PAT";
    EXPECT_EQ(freed(1ull << 31, 2), 0x1u) << "SRS: SRE";
    EXPECT_EQ(freed(1ull << 30, 2), 0x2u) << "ERS: ERE";
    EXPECT_EQ(freed(1ull << 34, 2), 0x80u) << "EAFS: EAFE";
    EXPECT_EQ(freed(1ull << 47, 2), 0x000f'ffff'ffff'f01cu) << "FSTS: FSPM, WPE, FSPTPTR";
}

// What stock Linux writes for a device of its own: second stage of 48 bits at 0x12345000 in domain 7, walks that snoop.
TEST(GoldenScalable, APasidEntryOfLinuxHasNoReservedBit) {
    namespace entry = pasid_entry;
    const entry::Words words{0x1234'5089, 0x80'0007, 0, 0, 0, 0, 0, 0};
    const std::uint64_t ecap = 1ull << 43 | 1ull << 46 | 1ull << 48;  // SMTS, SSTS, SMPWCS
    for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(words[i] & entry::reserved(ecap, 46)[i], 0u) << i;
    EXPECT_EQ(entry::Type::get(words[0]), entry::TranslationType::SecondStage);
    EXPECT_EQ(entry::AddressWidth::get(words[0]), 2u);
    EXPECT_EQ(entry::Domain::get(words[1]), 7u);
}

TEST(GoldenScalable, FirstStageEntry) {
    EXPECT_EQ(first_stage::Present::mask, 0x1u);
    EXPECT_EQ(first_stage::Write::mask, 0x2u);
    EXPECT_EQ(first_stage::User::mask, 0x4u);
    EXPECT_EQ(first_stage::WriteThrough::mask, 0x8u);
    EXPECT_EQ(first_stage::CacheDisable::mask, 0x10u);
    EXPECT_EQ(first_stage::Accessed::mask, 0x20u);
    EXPECT_EQ(first_stage::Dirty::mask, 0x40u);
    EXPECT_EQ(first_stage::PageSize::mask, 0x80u);
    EXPECT_EQ(first_stage::ExtendedAccessed::mask, 0x400u);
    EXPECT_EQ(first_stage::ExecuteDisable::mask, 0x8000'0000'0000'0000u);
    EXPECT_EQ(first_stage::address, 0x000f'ffff'ffff'f000u);
}

TEST(GoldenScalable, SecondStageEntry) {
    using Format = paging::VtdSecondStage;
    EXPECT_EQ(second_stage::Accessed::mask, 0x100u);
    EXPECT_EQ(second_stage::Dirty::mask, 0x200u);
    const Format::Limits plain{.host_address_width = 46};
    const Format::Limits snooping{.host_address_width = 46, .snoop_control = true};
    EXPECT_EQ(Format::reserved(~0x80ull, 1, plain), 0x400f'c000'0000'0800u);
    EXPECT_EQ(Format::reserved(~0x80ull, 1, snooping), 0x400f'c000'0000'0000u);
    EXPECT_EQ(Format::reserved(~0x80ull, 2, snooping), 0x400f'c000'0000'0800u) << "of leaves only";
    EXPECT_EQ(Format::reserved(~0ull, 2, snooping), 0x400f'c000'001f'f000u);
    EXPECT_EQ(Format::reserved(~0ull, 3, snooping), 0x400f'c000'3fff'f000u);
    EXPECT_EQ(Format::reserved(~0ull, 4, snooping), 0x400f'c000'0000'0880u);
    EXPECT_EQ(Format::reserved(~0ull, 5, snooping), 0x400f'c000'0000'0880u);
}

TEST(GoldenScalable, FirstStageReservedBits) {
    using Format = paging::VtdFirstStage;
    const Format::Limits large{.host_address_width = 46};
    const Format::Limits small{.host_address_width = 46, .largest_leaf = paging::leaf_2m};
    EXPECT_EQ(Format::reserved(~0ull, 1, large), 0x000f'c000'0000'0000u);
    EXPECT_EQ(Format::reserved(~0x80ull, 2, large), 0x000f'c000'0000'0000u);
    EXPECT_EQ(Format::reserved(~0ull, 2, large), 0x000f'c000'001f'e000u);
    EXPECT_EQ(Format::reserved(~0ull, 3, large), 0x000f'c000'3fff'e000u);
    EXPECT_EQ(Format::reserved(~0ull, 3, small), 0x000f'c000'0000'0080u);
    EXPECT_EQ(Format::reserved(~0ull, 4, large), 0x000f'c000'0000'0080u);
    EXPECT_EQ(Format::reserved(~0ull, 5, large), 0x000f'c000'0000'0080u);
}

// 57 bits: tables at 0x1000 (level 5) to 0x5000, indices 0x1ff, 0, 0, 0, 1.
TEST(GoldenScalable, FiveFirstStageLevelsTranslate) {
    using Format = paging::VtdFirstStage;
    std::map<std::uint64_t, std::uint64_t> memory{
        {0x1ff8, 0x2007}, {0x2000, 0x3007}, {0x3000, 0x4007}, {0x4000, 0x5003}, {0x5008, 0x8000'0000'0006'6005},
    };
    const auto reached = [&](paging::Rights wanted) {
        const paging::WalkRequest<Format> request{
            {0x1000}, 5, 0xffff'0000'0000'1abc, wanted, {.host_address_width = 46}};
        return paging::walk<Format>(request, [&](PhysicalAddress at) -> std::optional<std::uint64_t> {
            const auto found = memory.find(at.value);
            return found == memory.end() ? std::nullopt : std::optional(found->second);
        });
    };
    const paging::Walk walk = reached(paging::right_read);
    ASSERT_TRUE(walk.found());
    EXPECT_EQ(walk.translate(0xffff'0000'0000'1abc).value, 0x66abcu);
    EXPECT_EQ(walk.rights, paging::right_read) << "the level 2 entry is the supervisor's, the leaf read-only and XD";
    EXPECT_EQ(reached(paging::right_user).level, 2u);
    EXPECT_EQ(reached(paging::right_write).level, 1u);
    EXPECT_EQ(reached(paging::right_execute).end, paging::WalkEnd::NoRight);
}

TEST(GoldenScalable, CanonicalAddressesOfTheFirstStage) {
    using Format = paging::VtdFirstStage;
    const auto reach = [](std::uint64_t first, std::uint64_t last, unsigned levels) {
        return Format::in_range(LogicalPage{first}, LogicalPage{last}, levels);
    };
    EXPECT_TRUE(reach(0x0, 0x7'ffff'ffff, 4));
    EXPECT_FALSE(reach(0x0, 0x8'0000'0000, 4));
    EXPECT_TRUE(reach(0xf'fff8'0000'0000, 0xf'ffff'ffff'ffff, 4));
    EXPECT_FALSE(reach(0xf'fff7'ffff'ffff, 0xf'ffff'ffff'ffff, 4));
    EXPECT_TRUE(reach(0x0, 0xfff'ffff'ffff, 5));
    EXPECT_FALSE(reach(0x0, 0x1000'0000'0000, 5));
    EXPECT_TRUE(reach(0xf'f000'0000'0000, 0xf'ffff'ffff'ffff, 5));
    EXPECT_FALSE(reach(0x0, 0xf'ffff'ffff'ffff, 5)) << "two halves";
}

}  // namespace
}  // namespace remap::vtd
