// SPDX-License-Identifier: MIT
// First-stage tables in scalable mode (VT-d sections 3.6 and 9.7): the CPU's format, with bits that the unit sets.
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/scalable_bench.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/fault.h"

using namespace remap;
using namespace remap::guest;
using vtd::FaultReason;

namespace {

namespace first = vtd::first_stage;

constexpr std::uint64_t refused = DmaProbe::refused;
constexpr LogicalAddress at{std::uint64_t{2} << 30};
constexpr unsigned levels = 4;

// The GPU goes through the first stage and finds a frame at `at`.
struct Bench : ScalableBench {
    explicit Bench(bool writable = true) {
        map_first(at, frame.page(), writable);
        write_pasid(by_first_stage());
    }

    EntryWord leaf() const { return first_stage_entry(at, 1); }
    void forget() { invalidate().pasid_translations(first_stage_id, pasid); }

    MarkedFrame frame, another;
};

void expect_fault(Bench& bench, LogicalAddress page, FaultReason reason) {
    const auto fault = bench.unit.take_fault();
    REQUIRE(fault);
    if (!EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(reason))) note("%s", vtd::text_of(reason));
    EXPECT_EQ(fault->page, page);
    EXPECT_EQ(drop_faults(), 0);
}

// With `value` in an entry the GPU's read is refused for this reason; which page is recorded depends on the level.
void expect_reason(Bench& bench, EntryWord word, std::uint64_t value, FaultReason reason) {
    {
        const EntryChange broken(word, value);
        bench.forget();
        EXPECT_EQ(bench.gpu.read(at), refused);
        const auto fault = bench.unit.take_fault();
        REQUIRE(fault);
        if (!EXPECT_EQ(fault->reason, static_cast<std::uint8_t>(reason))) note("%s", vtd::text_of(reason));
        drop_faults();
    }
    bench.forget();
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
}

}  // namespace

TEST(a_page_of_the_first_stage_is_read_and_written) {
    Bench bench;
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    EXPECT(bench.gpu.write(at + 8, 0x1234));
    EXPECT_EQ(bench.frame.word(1), 0x1234);
    EXPECT_EQ(drop_faults(), 0);
}

// Section 9.6: AW is the width of the second stage. Four levels of a first stage always are 48 bits.
TEST(the_width_of_the_second_stage_means_nothing_to_a_first_stage) {
    Bench bench;
    ScalableBench::PasidWords words = bench.by_first_stage();
    words[0] &= ~vtd::pasid_entry::AddressWidth::mask;
    bench.write_pasid(words);
    bench.invalidate().everything();
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    EXPECT_EQ(drop_faults(), 0);
}

TEST(what_is_wrong_with_an_entry_is_named_at_every_level) {
    Bench bench;
    for (unsigned level = 1; level <= levels; ++level) {
        const EntryWord word = bench.first_stage_entry(at, level);
        expect_reason(bench, word, 0, FaultReason::FirstStageNotPresent);
        expect_reason(bench, word, *word & ~first::User::mask, FaultReason::NotForUser);
        expect_reason(bench, word, *word | std::uint64_t{1} << 51, FaultReason::FirstStageReserved);
    }
}

TEST(a_page_that_is_read_only_is_not_written) {
    Bench bench(false);
    EXPECT(!bench.gpu.write(at, 0));
    EXPECT_EQ(bench.frame.word(0), bench.frame.mark());
    expect_fault(bench, at, FaultReason::ScalableNoWrite);
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
}

TEST(a_write_through_a_cached_read_only_page_is_refused_and_recorded) {
    Bench bench(false);
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    EXPECT(!bench.gpu.write(at, 0));
    EXPECT_EQ(bench.frame.word(0), bench.frame.mark());
    expect_fault(bench, at, FaultReason::ScalableNoWrite);
}

TEST(an_address_that_is_not_canonical_is_named) {
    Bench bench;
    const LogicalAddress wild{std::uint64_t{1} << 47};
    EXPECT_EQ(bench.gpu.read(wild), refused);
    expect_fault(bench, wild, FaultReason::NotCanonical);
}

// Section 3.6.2, as the next cases too.
TEST(an_access_marks_the_entries_on_its_way_as_accessed) {
    Bench bench;
    EXPECT(!first::Accessed::get(*bench.leaf()));
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    for (unsigned level = 1; level <= levels; ++level)
        EXPECT(first::Accessed::get(*bench.first_stage_entry(at, level)));
    EXPECT(!first::Dirty::get(*bench.leaf()));
}

TEST(a_write_marks_its_page_as_dirty) {
    Bench bench;
    EXPECT(bench.gpu.write(at + 8, 1));
    EXPECT(first::Dirty::get(*bench.leaf()));
}

TEST(a_write_marks_a_page_as_dirty_that_is_accessed_already) {
    Bench bench;
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    bench.forget();
    EXPECT(bench.gpu.write(at + 8, 1));
    EXPECT(first::Dirty::get(*bench.leaf()));
}

// The read has filled the IOTLB; the write must reach the table all the same.
TEST(a_write_marks_a_page_as_dirty_that_is_in_the_iotlb) {
    Bench bench;
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    store_entry(bench.leaf(), *bench.leaf() & ~first::Accessed::mask);
    EXPECT(bench.gpu.write(at + 8, 1));
    EXPECT(first::Dirty::get(*bench.leaf()));
}

TEST(a_changed_leaf_is_stale_until_its_page_is_invalidated) {
    Bench bench;
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    const EntryChange moved(bench.leaf(), (*bench.leaf() & ~first::address) | bench.another.mark());
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    bench.invalidate().pasid_page(ScalableBench::first_stage_id, ScalableBench::pasid, at + page_size);
    bench.invalidate().pasid_page(ScalableBench::first_stage_id + 1, ScalableBench::pasid, at);
    bench.invalidate().pasid_page(ScalableBench::first_stage_id, ScalableBench::pasid + 1, at);
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    bench.invalidate().pasid_page(ScalableBench::first_stage_id, ScalableBench::pasid, at);
    EXPECT_EQ(bench.gpu.read(at), bench.another.mark());
}

TEST(a_changed_leaf_is_stale_until_its_pasid_is_invalidated) {
    Bench bench;
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    const EntryChange moved(bench.leaf(), (*bench.leaf() & ~first::address) | bench.another.mark());
    bench.invalidate().pasid_translations(ScalableBench::first_stage_id + 1, ScalableBench::pasid);
    bench.invalidate().pasid_translations(ScalableBench::first_stage_id, ScalableBench::pasid + 1);
    EXPECT_EQ(bench.gpu.read(at), bench.frame.mark());
    bench.forget();
    EXPECT_EQ(bench.gpu.read(at), bench.another.mark());
}
