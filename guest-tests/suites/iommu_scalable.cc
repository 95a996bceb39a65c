// SPDX-License-Identifier: MIT
// Scalable mode (VT-d sections 3.4.3, 6.2 and 7.1.3): what a device's request without a PASID meets on its way through
// root, context and PASID tables, and what of that the unit remembers. Behind it are second-stage tables.
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/scalable_bench.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/fault.h"
#include "iommu/spec/invalidation.h"

using namespace remap;
using namespace remap::guest;
using vtd::FaultReason;

namespace {

namespace entry = vtd::pasid_entry;

constexpr std::uint64_t refused = DmaProbe::refused;
constexpr LogicalAddress nowhere{std::uint64_t{2} << 30};  // mapped by nobody

// The GPU in `domain`, with one page there, and another behind the same address in the other domain.
struct Bench : ScalableBench {
    Bench() {
        map(domain, at, mapped.page());
        map(other, at, otherwise.page());
        write_pasid(by_second_stage(domain));
        REQUIRE_EQ(gpu.read(at), mapped.mark());
    }

    MarkedFrame mapped, otherwise, untranslated;
    LogicalAddress at{untranslated.mark()};
};

void expect_fault(Bench& bench, LogicalAddress page, FaultReason reason) {
    const auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    if (!EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(reason))) note("%s", vtd::text_of(reason));
    EXPECT_EQ(fault->page, page);
}

// With `value` in an entry the GPU's read is refused for this reason; which page is recorded depends on which of its
// pages the GPU asks for first.
void expect_reason(Bench& bench, EntryWord word, std::uint64_t value, FaultReason reason) {
    {
        const EntryChange broken(word, value);
        bench.invalidate().everything();
        EXPECT_EQ(bench.gpu.read(bench.at), refused);
    }
    const auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    if (!EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(reason))) note("%s", vtd::text_of(reason));
    EXPECT_EQ(fault->source, bench.gpu.source());
    EXPECT(!fault->write);
    drop_faults();
    bench.invalidate().everything();
    EXPECT_EQ(bench.gpu.read(bench.at), bench.mapped.mark());
}

// Where no memory is: behind the highest frame.
std::uint64_t hole() { return (frames().highest_installed() + 0x100).address().value; }

}  // namespace

TEST(a_request_goes_through_the_second_stage_that_its_pasid_entry_names) {
    Bench bench;
    EXPECT(bench.gpu.write(bench.at + 8, 0x1234));
    EXPECT_EQ(bench.mapped.word(1), 0x1234);
    bench.write_pasid(bench.by_second_stage(bench.other));
    bench.invalidate().everything();
    EXPECT_EQ(bench.gpu.read(bench.at), bench.otherwise.mark());
    EXPECT_EQ(drop_faults(), 0);
}

TEST(a_request_passes_where_its_pasid_entry_says_so) {
    Bench bench;
    bench.write_pasid(bench.pass_through());
    bench.invalidate().everything();
    EXPECT_EQ(bench.gpu.read(bench.at), bench.untranslated.mark());
    bench.write_pasid(bench.by_second_stage(bench.domain));
    bench.invalidate().everything();
    EXPECT_EQ(bench.gpu.read(bench.at), bench.mapped.mark());
}

// Section 7.1.3, tables of faults: scalable mode has reasons of its own, as in the next cases too.
TEST(a_wrong_root_or_context_entry_is_named_by_scalable_modes_reasons) {
    Bench bench;
    const EntryWord root = bench.root_word(), context = bench.context_words();
    expect_reason(bench, root, 0, FaultReason::ScalableRootNotPresent);
    expect_reason(bench, root, *root | 1 << 1, FaultReason::ScalableRootReserved);
    expect_reason(bench, root, hole() | 1, FaultReason::ScalableContextUnreadable);
    expect_reason(bench, context, 0, FaultReason::ScalableContextNotPresent);
    expect_reason(bench, context, *context | 1 << 5, FaultReason::ScalableContextReserved);
    expect_reason(bench, context + 3, 1, FaultReason::ScalableContextReserved);
}

TEST(a_right_that_no_entry_of_the_second_stage_gives_is_named_by_scalable_modes_reasons) {
    Bench bench;
    bench.map(bench.domain, nowhere, bench.mapped.page(), 1, {.read = true, .write = false});
    bench.map(bench.domain, nowhere + page_size, bench.mapped.page(), 1, {.read = false, .write = true});
    EXPECT(!bench.gpu.write(nowhere, 1));
    expect_fault(bench, nowhere, FaultReason::ScalableNoWrite);
    EXPECT_EQ(bench.gpu.read(nowhere + page_size), refused);
    expect_fault(bench, nowhere + page_size, FaultReason::ScalableNoRead);
    EXPECT_EQ(bench.gpu.read(nowhere + 2 * page_size), refused);
    expect_fault(bench, nowhere + 2 * page_size, FaultReason::SecondStageNotPresent);
}

TEST(a_pasid_directory_that_does_not_lead_on_is_named) {
    Bench bench;
    expect_reason(bench, bench.context_words(), hole() | 1, FaultReason::PasidDirectoryUnreadable);
    expect_reason(bench, bench.directory_word(), 0, FaultReason::PasidDirectoryNotPresent);
    expect_reason(bench, bench.directory_word(), hole() | 1, FaultReason::PasidUnreadable);
}

TEST(a_reserved_bit_of_a_pasid_directory_entry_is_named) {
    Bench bench;
    expect_reason(bench, bench.directory_word(), *bench.directory_word() | 1 << 2,
                  FaultReason::PasidDirectoryReserved);
}

TEST(an_empty_pasid_entry_is_named_as_not_present) {
    Bench bench;
    expect_reason(bench, bench.pasid_words(), 0, FaultReason::PasidNotPresent);
}

TEST(a_pasid_entry_that_was_made_not_present_is_named) {
    Bench bench;
    expect_reason(bench, bench.pasid_words(), *bench.pasid_words() & ~entry::Present::mask,
                  FaultReason::PasidNotPresent);
}

TEST(a_reserved_bit_of_a_pasid_entry_is_named) {
    Bench bench;
    expect_reason(bench, bench.pasid_words(), *bench.pasid_words() | 1 << 5, FaultReason::PasidReserved);
    expect_reason(bench, bench.pasid_words() + 7, 1, FaultReason::PasidReserved);
}

TEST(a_pasid_entry_of_no_type_or_a_width_that_is_not_offered_is_named) {
    Bench bench;
    const std::uint64_t low = *bench.pasid_words();
    expect_reason(bench, bench.pasid_words(), low & ~entry::Type::mask, FaultReason::PasidInvalid);
    expect_reason(bench, bench.pasid_words(), low | entry::Type::mask, FaultReason::PasidInvalid);
    expect_reason(bench, bench.pasid_words(), entry::AddressWidth::set(low, 0), FaultReason::PasidInvalid);
}

// Section 11.4.7.6: PP is set where the request had a PASID, not where the unit found one for it.
TEST(the_fault_of_a_request_without_a_pasid_has_none) {
    Bench bench;
    EXPECT_EQ(bench.gpu.read(nowhere), refused);
    const auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    EXPECT(!fault->pasid);
}

TEST(a_device_whose_pasid_entry_disables_faults_is_refused_in_silence) {
    Bench bench;
    {
        const EntryChange quiet(bench.pasid_words(), *bench.pasid_words() | entry::FaultProcessingDisable::mask);
        bench.invalidate().everything();
        EXPECT_EQ(bench.gpu.read(nowhere), refused);
        EXPECT_EQ(drop_faults(), 0);
    }
    bench.invalidate().everything();
    EXPECT_EQ(bench.gpu.read(nowhere), refused);
    EXPECT_EQ(drop_faults(), 1);
}

// Section 6.2: PASID entries are cached, and an IOTLB that is emptied is filled again by the cached one.
TEST(a_changed_pasid_entry_counts_when_the_pasid_cache_is_invalidated) {
    Bench bench;
    bench.write_pasid(bench.by_second_stage(bench.other));
    bench.invalidate().translations(bench.id_of(bench.domain));
    EXPECT_EQ(bench.gpu.read(bench.at), bench.mapped.mark());
    bench.invalidate().pasid_entries(bench.id_of(bench.domain), ScalableBench::pasid);
    bench.invalidate().translations(bench.id_of(bench.domain));
    EXPECT_EQ(bench.gpu.read(bench.at), bench.otherwise.mark());
}

TEST(a_translation_is_kept_when_the_pasid_cache_alone_is_invalidated) {
    Bench bench;
    bench.write_pasid(bench.by_second_stage(bench.other));
    bench.invalidate().pasid_entries(bench.id_of(bench.domain), ScalableBench::pasid);
    EXPECT_EQ(bench.gpu.read(bench.at), bench.mapped.mark());
    bench.invalidate().translations(bench.id_of(bench.domain));
    EXPECT_EQ(bench.gpu.read(bench.at), bench.otherwise.mark());
}

// Section 6.5.2: descriptors of 128 bits are for legacy mode.
TEST(a_queue_of_narrow_descriptors_stops_in_scalable_mode) {
    Bench bench;
    namespace fsts = vtd::fault_status;
    bench.end_invalidations();
    {
        RawQueue narrow;
        narrow.put(vtd::descriptor::make_wait_status(narrow.status().value, 1));
        narrow.submit();
        EXPECT(wait_until(100, [&] { return fsts::QueueError::get(bench.registers.read32(fsts::offset)); }));
        EXPECT_EQ(narrow.status_value(), 0);
    }
    bench.registers.write32(fsts::offset, fsts::QueueError::mask);
    bench.begin_invalidations();
}
