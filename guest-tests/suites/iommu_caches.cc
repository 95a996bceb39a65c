// SPDX-License-Identifier: MIT
// What the IOMMU remembers, and what makes it forget (VT-d sections 6.1, 6.2, 6.5, 6.6): an invalidation that software
// has forgotten shows in what a device reads. Entries are changed behind the driver's back.
#include "guest-tests/runtime/iommu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/tables.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/fault.h"
#include "iommu/spec/tables.h"

using namespace remap;
using namespace remap::guest;
using vtd::ContextGranularity;
using vtd::IotlbGranularity;

namespace {

constexpr std::uint64_t refused = DmaProbe::refused;

// A logical page with a frame behind it in the GPU's domain, one in the other domain, and one untranslated: a read says
// which way it went.
struct Place {
    MarkedFrame mapped, otherwise, untranslated;
    LogicalAddress at{untranslated.mark()};
};

// `used` has been translated and is in the IOTLB; `fresh` has not.
struct Bench : IommuBench {
    Bench() {
        for (const Place* place : {&used, &fresh}) {
            map(domain, place->at, place->mapped.page());
            map(other, place->at, place->otherwise.page());
        }
        REQUIRE_EQ(gpu.read(used.at), used.mapped.mark());
    }

    Place used, fresh;
};

// Another frame stands in the leaf and is not seen until `forget` says so.
template <typename Forget>
void expect_stale_until(Bench& bench, Forget forget) {
    bench.point_leaf(bench.used.at, bench.used.otherwise.page());
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());
    forget();
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.otherwise.mark());
    bench.point_leaf(bench.used.at, bench.used.mapped.page());
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.otherwise.mark());
}

// A new context entry counts for no page until the context cache was told, and for a page in the IOTLB not until that
// was told too (section 6.2.7: an IOTLB entry is used without a look at the context entry).
void expect_context_change(Bench& bench, const ContextWords& words, std::uint64_t used_then, std::uint64_t fresh_then) {
    const ContextWords before = bench.context_of(bench.domain);
    bench.write_context(words);
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());
    bench.forget.translations(IotlbGranularity::Global);
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());  // walked again, by the cached context entry
    bench.forget.contexts(ContextGranularity::Device, bench.id_of(bench.domain), bench.gpu.source());
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());  // by the IOTLB
    EXPECT_EQ(bench.gpu.read(bench.fresh.at), fresh_then);
    bench.forget.translations(IotlbGranularity::Domain, bench.id_of(bench.domain));
    EXPECT_EQ(bench.gpu.read(bench.used.at), used_then);
    bench.write_context(before);
    bench.forget.everything();
}

// The one fault that is recorded. One after the other: a unit may have a single record.
void expect_fault(Bench& bench, LogicalAddress page, vtd::FaultReason reason) {
    const auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(reason));
    EXPECT_EQ(fault->page, page);
    EXPECT_EQ(drop_faults(), 0);
}

// Two pages side by side, so that one table has the leaves of both, and a copy of that table in which the second page
// leads elsewhere.
struct TwoTables {
    explicit TwoTables(Bench& bench) : above(mapped(bench)), entry(*above), copy(allocate_copy(bench)) {}
    ~TwoTables() {
        store_entry(above, entry);
        tables.free_table(copy);
    }

    // The copy takes the table's place.
    void exchange() const { store_entry(above, (entry & ~vtd::second_stage::address) | copy.address().value); }

    static constexpr LogicalAddress first{std::uint64_t{2} << 30};  // mapped by nobody else
    static constexpr LogicalAddress second = first + page_size;
    MarkedFrame before, after;  // behind the second page
    DeviceTables tables;
    const EntryWord above;
    const std::uint64_t entry;
    const PhysicalPage copy;

private:
    EntryWord mapped(Bench& bench) const {
        bench.map(bench.domain, first, bench.used.mapped.page());
        bench.map(bench.domain, second, before.page());
        return entry_above_leaf_of(bench.gpu.source(), first).word;
    }

    PhysicalPage allocate_copy(const Bench& bench) {
        const auto page = tables.allocate_table();
        REQUIRE(page);
        volatile std::uint64_t* words = tables.words(*page);
        words[0] = *leaf_of(bench.gpu.source(), first).word;
        words[1] = (words[0] & ~vtd::second_stage::address) | after.mark();
        tables.publish(*page, 0, 2);
        return *page;
    }
};

// The old frame is still behind the page after something else was forgotten.
template <typename Forget>
void expect_untouched_by(Bench& bench, Forget forget) {
    bench.point_leaf(bench.used.at, bench.used.otherwise.page());
    forget();
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());
    bench.point_leaf(bench.used.at, bench.used.mapped.page());
}

}  // namespace

TEST(the_unit_promises_no_more_than_the_cases_below_expect) {
    Bench bench;
    EXPECT(!vtd::capability::CachingMode::get(bench.unit.capability()));
    EXPECT(!vtd::capability::EnhancedRootTable::get(bench.unit.capability()));
    EXPECT(vtd::capability::PageSelectiveInvalidation::get(bench.unit.capability()));
}

TEST(a_changed_leaf_is_stale_until_its_page_is_invalidated) {
    Bench bench;
    expect_stale_until(
        bench, [&] { bench.forget.translations(IotlbGranularity::Page, bench.id_of(bench.domain), bench.used.at); });
}

TEST(a_changed_leaf_is_stale_until_its_domain_is_invalidated) {
    Bench bench;
    expect_stale_until(bench, [&] { bench.forget.translations(IotlbGranularity::Domain, bench.id_of(bench.domain)); });
}

TEST(a_changed_leaf_is_stale_until_all_translations_are_invalidated) {
    Bench bench;
    expect_stale_until(bench, [&] { bench.forget.translations(IotlbGranularity::Global); });
}

TEST(a_page_is_invalidated_with_the_block_that_a_mask_names) {
    Bench bench;
    constexpr unsigned mask = 4;  // 16 pages
    const LogicalAddress block{round_down(bench.used.at.value, page_size << mask)};
    expect_untouched_by(bench, [&] {
        const LogicalAddress next = block + (page_size << mask);
        bench.forget.translations(IotlbGranularity::Page, bench.id_of(bench.domain), next, mask);
    });
    expect_stale_until(
        bench, [&] { bench.forget.translations(IotlbGranularity::Page, bench.id_of(bench.domain), block, mask); });
}

TEST(a_cleared_leaf_stays_reachable_until_invalidated_and_faults_then) {
    Bench bench;
    const EntryChange cleared(leaf_of(bench.gpu.source(), bench.used.at).word, 0);
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());
    EXPECT(bench.gpu.write(bench.used.at + 8, 0x5ec2e7));
    EXPECT_EQ(bench.used.mapped.word(1), 0x5ec2e7);
    EXPECT_EQ(drop_faults(), 0);

    bench.forget.translations(IotlbGranularity::Page, bench.id_of(bench.domain), bench.used.at);
    EXPECT_EQ(bench.gpu.read(bench.used.at), refused);
    expect_fault(bench, bench.used.at, vtd::FaultReason::NoRead);
    EXPECT(!bench.gpu.write(bench.used.at + 8, 0x707070));
    expect_fault(bench, bench.used.at, vtd::FaultReason::NoWrite);
    EXPECT_EQ(bench.used.mapped.word(1), 0x5ec2e7);
}

// Section 6.2.5: the unit may remember tables on the way to a leaf, and this one does.
TEST(a_replaced_table_is_stale_until_an_address_in_it_is_invalidated) {
    Bench bench;
    TwoTables tables(bench);
    EXPECT_EQ(bench.gpu.read(tables.first), bench.used.mapped.mark());
    tables.exchange();
    EXPECT_EQ(bench.gpu.read(tables.second), tables.before.mark());  // by the old table, which the first page led to
    bench.forget.translations(IotlbGranularity::Page, bench.id_of(bench.domain), tables.second);
    EXPECT_EQ(bench.gpu.read(tables.second), tables.after.mark());
}

TEST(an_invalidation_of_leaves_only_leaves_a_replaced_table_stale) {
    Bench bench;
    TwoTables tables(bench);
    EXPECT_EQ(bench.gpu.read(tables.first), bench.used.mapped.mark());
    tables.exchange();
    bench.forget.leaves(bench.id_of(bench.domain), tables.second);
    EXPECT_EQ(bench.gpu.read(tables.second), tables.before.mark());
    bench.forget.translations(IotlbGranularity::Domain, bench.id_of(bench.domain));
    EXPECT_EQ(bench.gpu.read(tables.second), tables.after.mark());
}

TEST(a_context_entry_changed_to_pass_through_counts_when_both_caches_are_invalidated) {
    Bench bench;
    expect_context_change(bench, bench.pass_through_context(), bench.used.untranslated.mark(),
                          bench.fresh.untranslated.mark());
}

TEST(a_context_entry_changed_to_another_domain_counts_when_both_caches_are_invalidated) {
    Bench bench;
    expect_context_change(bench, bench.context_of(bench.other), bench.used.otherwise.mark(),
                          bench.fresh.otherwise.mark());
}

TEST(setting_the_root_table_again_empties_no_cache) {
    Bench bench;
    const ContextWords before = bench.context_of(bench.domain);
    bench.point_leaf(bench.used.at, bench.used.otherwise.page());
    bench.write_context(bench.context_of(bench.other));
    set_root_table_again();
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());    // the IOTLB
    EXPECT_EQ(bench.gpu.read(bench.fresh.at), bench.fresh.mapped.mark());  // the context cache
    bench.forget.everything();
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.otherwise.mark());
    EXPECT_EQ(bench.gpu.read(bench.fresh.at), bench.fresh.otherwise.mark());
    bench.write_context(before);
}

TEST(translation_switched_off_and_on_again_empties_no_cache) {
    Bench bench;
    const ContextWords before = bench.context_of(bench.domain);
    bench.point_leaf(bench.used.at, bench.used.otherwise.page());
    bench.write_context(bench.context_of(bench.other));
    switch_translation(false);
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.untranslated.mark());
    switch_translation(true);
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());
    EXPECT_EQ(bench.gpu.read(bench.fresh.at), bench.fresh.mapped.mark());
    bench.forget.everything();
    EXPECT_EQ(bench.gpu.read(bench.fresh.at), bench.fresh.otherwise.mark());
    bench.write_context(before);
}

TEST(a_leaf_that_is_not_present_is_not_remembered) {
    Bench bench;
    {
        const EntryChange cleared(leaf_of(bench.gpu.source(), bench.fresh.at).word, 0);
        EXPECT_EQ(bench.gpu.read(bench.fresh.at), refused);
    }
    EXPECT_EQ(bench.gpu.read(bench.fresh.at), bench.fresh.mapped.mark());
    drop_faults();
}

TEST(a_context_entry_that_is_not_present_is_not_remembered) {
    Bench bench;
    {
        const EntryChange cleared(context_entry_of(bench.gpu.source()), 0);
        bench.forget.everything();
        EXPECT(!bench.gpu.works());
    }
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());
    drop_faults();
}

TEST(a_write_through_a_cached_read_only_entry_is_refused_and_recorded) {
    Bench bench;
    const EntryWord leaf = leaf_of(bench.gpu.source(), bench.fresh.at).word;
    const std::uint64_t writable = *leaf;
    const EntryChange read_only(leaf, vtd::second_stage::Write::set(writable, false));
    EXPECT_EQ(bench.gpu.read(bench.fresh.at), bench.fresh.mapped.mark());
    store_entry(leaf, writable);  // the right is cached with the address
    EXPECT(!bench.gpu.write(bench.fresh.at, 0));
    EXPECT_EQ(bench.fresh.mapped.word(0), bench.fresh.mapped.mark());
    const auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    EXPECT_EQ(fault->source, bench.gpu.source());
    EXPECT_EQ(fault->page, bench.fresh.at);
    EXPECT(fault->write);
    EXPECT_EQ(fault->reason, 5);  // no write permission
    EXPECT_EQ(bench.gpu.read(bench.fresh.at), bench.fresh.mapped.mark());
    bench.forget.translations(IotlbGranularity::Page, bench.id_of(bench.domain), bench.fresh.at);
    EXPECT(bench.gpu.write(bench.fresh.at + 8, 1));
    EXPECT_EQ(drop_faults(), 0);
}

TEST(an_invalidation_of_another_page_or_domain_leaves_a_translation_alone) {
    Bench bench;
    const std::uint16_t own = bench.id_of(bench.domain), another = bench.id_of(bench.other);
    expect_untouched_by(bench, [&] {
        bench.forget.translations(IotlbGranularity::Page, own, bench.used.at + page_size);
        bench.forget.translations(IotlbGranularity::Page, own, bench.used.at - page_size);
        bench.forget.translations(IotlbGranularity::Page, another, bench.used.at);
        bench.forget.translations(IotlbGranularity::Domain, another);
        bench.forget.contexts(ContextGranularity::Global);
    });
}

TEST(an_invalidation_of_another_device_or_domain_leaves_a_context_entry_alone) {
    Bench bench;
    const ContextWords before = bench.context_of(bench.domain);
    const std::uint16_t own = bench.id_of(bench.domain), another = bench.id_of(bench.other);
    const std::uint16_t source = bench.gpu.source();
    bench.write_context(bench.context_of(bench.other));
    bench.forget.contexts(ContextGranularity::Domain, another);
    bench.forget.contexts(ContextGranularity::Device, another, source);
    bench.forget.contexts(ContextGranularity::Device, own, static_cast<std::uint16_t>(source + 8));
    bench.forget.contexts(ContextGranularity::Device, own, static_cast<std::uint16_t>(source + 0x100));
    bench.forget.translations(IotlbGranularity::Global);
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.mapped.mark());
    bench.forget.contexts(ContextGranularity::Domain, own);
    bench.forget.translations(IotlbGranularity::Global);
    EXPECT_EQ(bench.gpu.read(bench.used.at), bench.used.otherwise.mark());
    bench.write_context(before);
}
