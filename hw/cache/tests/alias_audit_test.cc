// SPDX-License-Identifier: MIT
#include "hw/cache/alias_audit.h"

#include "hw/cache/tests/table_words.h"

#include <gtest/gtest.h>

#include <thread>

namespace remap::cache {
namespace {

using enum MemoryType;
using test::long_mode;
using test::TableWords;

struct Findings final : FindingPort {
    void found(const Finding& finding) override { list.push_back(finding); }
    std::vector<Finding> list;
};

// Two roots, 0x1000 and 0x6000, with the same tables below for the lower half but the second level: 0x2000 and 0x7000.
// PWT selects WC here, PCD UC-, both UC.
class Aliases : public testing::Test {
protected:
    Aliases() {
        for (const std::uint64_t base : {0x1000, 0x6000}) {
            words.put(base, base + 0x1067);
            words.put(base + 0x1000, base + 0x2067);
            words.put(base + 0x2000, base + 0x3067);
            words.put(base + 0x3000 + 8 * 511, 0);
        }
        for (PagingState* state : {&first, &second}) state->controls.pat = {0x0007'0406'0007'0106};
    }

    // A leaf in the tables of a root, at one of the first 512 pages.
    void map(const PagingState& state, std::uint64_t at, std::uint64_t entry) {
        words.put(state.cr3 + 0x3000 + 8 * at, entry);
    }
    // A load or store by an instruction, as the emulated TLB is filled.
    void use(const PagingState& state, std::uint64_t at, std::uint64_t code, unsigned cpu = 0) {
        const auto found = mapping_of(state, words, {at << 12});
        ASSERT_TRUE(found);
        audit.seen(found->address.page(), {.page = {at}, .type = found->type, .code = code, .cpu = cpu}, state);
    }

    TableWords words;
    Findings findings;
    AliasAudit audit{words, findings};
    PagingState first = long_mode(0x1000), second = long_mode(0x6000);
};

TEST_F(Aliases, OfDifferentTypesAreFoundWhenTheSecondAppears) {
    map(first, 5, 0x77003);
    map(first, 9, 0x7700b);
    use(first, 5, 0x401000);
    EXPECT_TRUE(findings.list.empty());
    use(first, 9, 0x402000, 3);
    ASSERT_EQ(findings.list.size(), 1u);
    const Finding& found = findings.list[0];
    EXPECT_EQ(found.kind, FindingKind::TypeConflict);
    EXPECT_EQ(found.first.value, 0x77000u);
    EXPECT_EQ(found.bytes, 4096u);
    ASSERT_TRUE(found.store && found.other_mapping);
    EXPECT_EQ(found.store->code, 0x402000u);
    EXPECT_EQ(found.store->address.value, 0x9000u);
    EXPECT_EQ(found.store->cpu, 3u);
    EXPECT_EQ(found.store->type, WriteCombining);
    EXPECT_EQ(found.other_mapping->code, 0x401000u);
    EXPECT_EQ(found.other_mapping->address.value, 0x5000u);
    EXPECT_EQ(found.other_mapping->type, WriteBack);
}

TEST_F(Aliases, OfOneTypeAreNone) {
    map(first, 5, 0x7700b);
    map(first, 9, 0x7700b);
    map(first, 10, 0x78003);
    use(first, 5, 1);
    use(first, 9, 2);
    use(first, 10, 3);
    EXPECT_TRUE(findings.list.empty());
    EXPECT_EQ(audit.counters().pages, 2u);
}

TEST_F(Aliases, OfTheTwoKindsOfUncacheableAreNone) {
    EXPECT_FALSE(types_conflict(Uncacheable, UncachedMinus));
    EXPECT_TRUE(types_conflict(Uncacheable, WriteCombining));
    EXPECT_TRUE(types_conflict(WriteBack, WriteThrough));
    map(first, 5, 0x77013);
    map(first, 9, 0x7701b);
    use(first, 5, 1);
    use(first, 9, 2);
    EXPECT_TRUE(findings.list.empty());
}

TEST_F(Aliases, ThatWentBeforeTheOtherCameAreNone) {
    map(first, 5, 0x77003);
    use(first, 5, 1);
    map(first, 5, 0);
    map(first, 9, 0x7700b);
    use(first, 9, 2);
    EXPECT_TRUE(findings.list.empty());
    map(first, 5, 0x77003);  // and it comes back
    use(first, 5, 1);
    EXPECT_EQ(findings.list.size(), 1u);
}

TEST_F(Aliases, WhoseAddressShowsAnotherPageNowAreNone) {
    map(first, 5, 0x77003);
    use(first, 5, 1);
    map(first, 5, 0x78003);
    map(first, 9, 0x7700b);
    use(first, 9, 2);
    EXPECT_TRUE(findings.list.empty());
}

TEST_F(Aliases, ThatAreOneMappingWhichChangedItsTypeAreNone) {
    map(first, 5, 0x77003);
    use(first, 5, 1);
    map(first, 5, 0x7700b);
    use(first, 5, 2);
    map(first, 5, 0x77003);
    use(first, 5, 3);
    EXPECT_TRUE(findings.list.empty());
}

TEST_F(Aliases, AreFoundAcrossProcesses) {
    map(first, 5, 0x77003);
    map(second, 5, 0x7700b);
    use(first, 5, 1);
    use(second, 5, 2);
    ASSERT_EQ(findings.list.size(), 1u);
    EXPECT_EQ(findings.list[0].other_mapping->code, 1u);
}

// The kernel's half is the same under every root; one of them may be gone and its memory be something else.
class UpperAliases : public Aliases {
protected:
    UpperAliases() {
        for (const PagingState* state : {&first, &second}) words.put(state->cr3 + 8 * 0x100, state->cr3 + 0x1067);
    }
    void use_upper(const PagingState& state, std::uint64_t code) {
        const CpuVirtualPage page{0xf'fff8'0000'0000};
        const auto found = mapping_of(state, words, page.address());
        ASSERT_TRUE(found);
        audit.seen(found->address.page(), {.page = page, .type = found->type, .code = code}, state);
    }
};

TEST_F(UpperAliases, AreOneMappingUnderAllRoots) {
    map(first, 0, 0x77003);
    map(second, 0, 0x77003);
    use_upper(first, 1);
    use_upper(second, 2);
    words.put(0x1000 + 8 * 0x100, 0);  // the first root is memory of somebody else
    map(second, 5, 0x7700b);
    use(second, 5, 3);
    ASSERT_EQ(findings.list.size(), 1u);
    EXPECT_EQ(findings.list[0].other_mapping->code, 1u);
}

TEST_F(UpperAliases, OfARootThatIsGoneAreNotHeldAgainstTheNext) {
    map(first, 0, 0x77003);
    map(second, 0, 0x7700b);
    use_upper(first, 1);
    use_upper(second, 2);
    EXPECT_TRUE(findings.list.empty());
}

TEST_F(Aliases, AreToldOnceForEachPairOfCodeAddresses) {
    for (std::uint64_t i = 0; i < 10; ++i) {
        map(first, 2 * i, 0x77003 + i * 0x1000);
        map(first, 2 * i + 1, 0x7700b + i * 0x1000);
        use(first, i % 2 ? 2 * i : 2 * i + 1, i % 2 ? 1 : 2);
        use(first, i % 2 ? 2 * i + 1 : 2 * i, i % 2 ? 2 : 1);
    }
    EXPECT_EQ(findings.list.size(), 1u);
    EXPECT_EQ(audit.counters().repeats, 9u);
    map(first, 100, 0x7700b);
    use(first, 100, 3);
    EXPECT_EQ(findings.list.size(), 2u);
}

TEST_F(Aliases, AreForgottenWithTheirPages) {
    map(first, 5, 0x77003);
    map(first, 9, 0x7700b);
    use(first, 5, 1);
    audit.forget({0x70}, 8);
    use(first, 9, 2);
    EXPECT_TRUE(findings.list.empty());
    for (const std::uint64_t first_kept : {0x77, 0x78, 0x1000}) audit.forget({first_kept + 1}, 1 << 30);
    audit.forget({0}, 0x77);
    EXPECT_EQ(audit.counters().pages, 1u);
    audit.forget({0}, ~std::uint64_t{0});
    EXPECT_EQ(audit.counters().pages, 0u);
    use(first, 9, 2);
    audit.forget_all();
    EXPECT_EQ(audit.counters().pages, 0u);
}

TEST_F(Aliases, TakeBoundedMemory) {
    AliasAudit small(words, findings, {.mappings_a_page = 2, .most_pages = 3, .most_findings = 1});
    for (std::uint64_t page = 0; page < 100; ++page) {
        for (std::uint64_t at = 0; at < 100; ++at)
            small.seen({page}, {.page = {at}, .type = WriteBack, .code = at}, first);
    }
    EXPECT_EQ(small.counters().pages, 3u);
    EXPECT_EQ(small.counters().dropped, 3u * 98 + 97 * 100);
    map(first, 98, 0x2003);
    map(first, 99, 0x2003);
    map(first, 5, 0x200b);
    small.seen({2}, {.page = {5}, .type = WriteCombining, .code = 0x1234}, first);
    EXPECT_EQ(findings.list.size(), 1u);
    EXPECT_EQ(small.counters().untold, 1u);
}

TEST_F(Aliases, MayBeSeenByAnyThread) {
    map(first, 5, 0x77003);
    map(first, 9, 0x7700b);
    {
        const auto hammer = [&](std::uint64_t at, MemoryType type) {
            for (int i = 0; i < 2000; ++i) audit.seen({0x77}, {.page = {at}, .type = type, .code = at}, first);
        };
        std::jthread one(hammer, 5, WriteBack), other(hammer, 9, WriteCombining);
    }
    EXPECT_EQ(findings.list.size(), 1u);
}

}  // namespace
}  // namespace remap::cache
