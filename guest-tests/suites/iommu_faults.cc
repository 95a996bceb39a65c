// SPDX-License-Identifier: MIT
// How the IOMMU reports what it refuses: the reason for each kind of broken entry, and a fault log that overflows
// (VT-d sections 7.1.3 and 7.2.1).
#include "guest-tests/runtime/iommu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/fault.h"
#include "iommu/spec/tables.h"

using namespace remap;
using namespace remap::guest;
using vtd::FaultReason;

namespace {

namespace fsts = vtd::fault_status;
namespace ctx = vtd::context_entry;
namespace second = vtd::second_stage;

constexpr std::uint64_t refused = DmaProbe::refused;
constexpr LogicalAddress nowhere{std::uint64_t{2} << 30};  // mapped by nobody

// With one page that the GPU reaches.
struct Bench : IommuBench {
    Bench() { map(domain, at, frame.page()); }

    std::uint32_t status() { return registers.read32(fsts::offset); }

    MarkedFrame frame;
    LogicalAddress at{frame.mark()};
};

// Where no memory is: behind the highest frame.
PhysicalAddress hole() { return (frames().highest_installed() + 0x100).address(); }

// With `value` in an entry the GPU's read is refused for this reason; what page is recorded depends on which of its
// pages the GPU asks for first.
void expect_reason(Bench& bench, EntryWord word, std::uint64_t value, FaultReason reason) {
    {
        const EntryChange broken(word, value);
        bench.forget.everything();
        EXPECT_EQ(bench.gpu.read(bench.at), refused);
    }
    const auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    if (!EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(reason))) note("%s", vtd::text_of(reason));
    EXPECT_EQ(fault->source, bench.gpu.source());
    EXPECT(!fault->write);
    drop_faults();
    bench.forget.everything();
    EXPECT_EQ(bench.gpu.read(bench.at), bench.frame.mark());
}

std::uint64_t moved_to(std::uint64_t entry, PhysicalAddress table) { return (entry & ~second::address) | table.value; }

}  // namespace

TEST(a_broken_root_entry_is_named) {
    Bench bench;
    const EntryWord root = root_entry_of(bench.gpu.source());
    expect_reason(bench, root, 0, FaultReason::RootNotPresent);
    expect_reason(bench, root, *root | 1 << 1, FaultReason::RootReserved);
    expect_reason(bench, root + 1, 1, FaultReason::RootReserved);
    expect_reason(bench, root, moved_to(*root, hole()), FaultReason::ContextUnreadable);
}

TEST(a_broken_context_entry_is_named) {
    Bench bench;
    const EntryWord context = context_entry_of(bench.gpu.source());
    expect_reason(bench, context, 0, FaultReason::ContextNotPresent);
    expect_reason(bench, context, *context | 1 << 4, FaultReason::ContextReserved);
    expect_reason(bench, context + 1, context[1] | std::uint64_t{1} << 24, FaultReason::ContextReserved);
    expect_reason(bench, context, ctx::Type::set(*context, ctx::TranslationType::Reserved),
                  FaultReason::ContextInvalid);
    expect_reason(bench, context + 1, ctx::AddressWidth::set(context[1], 3), FaultReason::ContextInvalid);  // 57 bits
    expect_reason(bench, context, moved_to(*context, hole()), FaultReason::ContextInvalid);
}

TEST(a_broken_second_stage_entry_is_named) {
    Bench bench;
    const EntryWord leaf = leaf_of(bench.gpu.source(), bench.at).word;
    const EntryWord table = entry_above_leaf_of(bench.gpu.source(), bench.at).word;
    expect_reason(bench, leaf, 0, FaultReason::NoRead);
    expect_reason(bench, leaf, *leaf | second::snoop, FaultReason::PagingReserved);
    expect_reason(bench, leaf, *leaf | second::transient_mapping, FaultReason::PagingReserved);
    expect_reason(bench, leaf, *leaf | std::uint64_t{1} << 51, FaultReason::PagingReserved);  // beyond the host width
    expect_reason(bench, table, 0, FaultReason::NoRead);
    expect_reason(bench, table, moved_to(*table, hole()), FaultReason::PagingEntryUnreadable);
    // A leaf of 2 MiB at an address that is not a multiple of it, or where there are no such leaves.
    expect_reason(bench, table, *table | second::PageSize::mask | page_size, FaultReason::PagingReserved);
    // A page that may be translated, and to which no memory answers, is no fault of the IOMMU's.
    {
        const EntryChange away(leaf, moved_to(*leaf, hole()));
        bench.forget.everything();
        EXPECT_EQ(bench.gpu.read(bench.at), refused);
        EXPECT_EQ(drop_faults(), 0);
    }
}

TEST(an_entry_of_all_ones_has_reserved_bits_set) {
    Bench bench;
    constexpr std::uint64_t ones = ~std::uint64_t{0};
    expect_reason(bench, leaf_of(bench.gpu.source(), bench.at).word, ones, FaultReason::PagingReserved);
    expect_reason(bench, entry_above_leaf_of(bench.gpu.source(), bench.at).word, ones, FaultReason::PagingReserved);
}

// Section 3.15: only accesses that end up in 0xfee00000 to 0xfeefffff are interrupts gone astray.
TEST(a_translation_into_the_interrupt_range_is_blocked) {
    Bench bench;
    const EntryWord leaf = leaf_of(bench.gpu.source(), bench.at).word;
    expect_reason(bench, leaf, moved_to(*leaf, {vtd::interrupt_range_first}), FaultReason::InterruptOutput);
    expect_reason(bench, leaf, moved_to(*leaf, {vtd::interrupt_range_last & ~(page_size - 1)}),
                  FaultReason::InterruptOutput);
}

TEST(a_large_leaf_that_reaches_into_the_interrupt_range_translates_the_rest_of_it) {
    Bench bench;
    if ((vtd::capability::LargePages::get(bench.unit.capability()) & 1) == 0) return;  // there are no such leaves
    const LogicalAddress at{std::uint64_t{2} << 30};
    bench.map(bench.domain, at, bench.frame.page());
    const EntryWord table = entry_above_leaf_of(bench.gpu.source(), at).word;
    const EntryChange large(table, moved_to(*table, {vtd::interrupt_range_first}) | second::PageSize::mask);
    bench.forget.everything();
    EXPECT_EQ(bench.gpu.read(at + (vtd::interrupt_range_last + 1 - vtd::interrupt_range_first)), refused);
    EXPECT_EQ(drop_faults(), 0);  // refused because no memory answers there
}

TEST(a_read_of_the_interrupt_range_is_blocked) {
    Bench bench;
    EXPECT_EQ(bench.gpu.read({vtd::interrupt_range_first}), refused);
    const auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(FaultReason::NoRead));
    EXPECT_EQ(fault->page.value, vtd::interrupt_range_first);
}

TEST(a_device_whose_faults_are_disabled_is_refused_in_silence) {
    Bench bench;
    const EntryWord context = context_entry_of(bench.gpu.source());
    {
        const EntryChange quiet(context, ctx::FaultProcessingDisable::set(*context, true));
        bench.forget.everything();
        EXPECT_EQ(bench.gpu.read(nowhere), refused);
        EXPECT(!bench.gpu.write(nowhere, 1));
        EXPECT_EQ(drop_faults(), 0);
    }
    bench.forget.everything();
    EXPECT_EQ(bench.gpu.read(nowhere), refused);
    EXPECT_EQ(drop_faults(), 1);
}

// Section 7.2.1: when the next record is taken the fault is lost and PFO is set, and nothing is recorded before
// software clears that.
TEST(a_full_fault_log_keeps_the_oldest_and_says_that_it_overflowed) {
    Bench bench;
    const auto records = static_cast<unsigned>(vtd::capability::FaultRecords::get(bench.unit.capability())) + 1;
    const auto read_page = [&](unsigned page) { return bench.gpu.read(nowhere + page * page_size); };
    for (unsigned page = 0; page < records; ++page) EXPECT_EQ(read_page(page), refused);
    EXPECT(fsts::Pending::get(bench.status()));
    EXPECT(!fsts::Overflow::get(bench.status()));
    EXPECT_EQ(read_page(records), refused);
    EXPECT(fsts::Overflow::get(bench.status()));

    auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    EXPECT_EQ(fault->page, nowhere);
    EXPECT_EQ(read_page(records + 1), refused);  // there is room now, but the overflow is not acknowledged
    for (unsigned page = 1; page < records; ++page) {
        EXPECT(fsts::Overflow::get(bench.status()));
        fault = bench.unit.take_fault();
        REQUIRE(fault);
        EXPECT_EQ(fault->page, nowhere + page * page_size);
    }
    EXPECT(!bench.unit.take_fault());
    EXPECT_EQ(bench.status(), 0);  // with the last record the driver has cleared the overflow

    EXPECT_EQ(read_page(records + 2), refused);
    fault = bench.unit.take_fault();
    REQUIRE(fault);
    EXPECT_EQ(fault->page, nowhere + (records + 2) * page_size);
    EXPECT_EQ(drop_faults(), 0);
}
