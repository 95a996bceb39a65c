// SPDX-License-Identifier: MIT
// What the IOMMU makes of its tables: leaves of every size translate every byte of them, and a device may be let
// through untranslated. Through the GPU's DMA.
#include "base/bits.h"
#include "guest-tests/runtime/iommu_bench.h"
#include "guest-tests/runtime/machine.h"
#include "guest-tests/runtime/test.h"
#include "iommu/spec/registers.h"
#include "iommu/spec/tables.h"

#include <algorithm>

using namespace remap;
using namespace remap::guest;
using vtd_driver::Error;

namespace {

constexpr std::uint64_t refused = DmaProbe::refused;
constexpr std::uint64_t mib_2 = std::uint64_t{2} << 20;
constexpr std::uint64_t gib_1 = std::uint64_t{1} << 30;
constexpr LogicalAddress base{2 * gib_1};  // within reach of every GPU, above all frames of a small machine

// The level of the leaves that a unit uses for a range of this size, by CAP.SLLPS.
unsigned leaf_level(const IommuBench& bench, std::uint64_t bytes) {
    const std::uint64_t sizes = vtd::capability::LargePages::get(bench.unit.capability());
    if (bytes >= gib_1 && (sizes & 2) != 0) return 3;
    return bytes >= mib_2 && (sizes & 1) != 0 ? 2 : 1;
}

// The GPU and the CPU see the same words. The offsets are of whole pages, within RAM.
void expect_same(IommuBench& bench, LogicalAddress logical, PhysicalAddress physical) {
    const PhysicalView view(physical, page_size, CacheType::WriteBack);
    REQUIRE(view);
    for (const std::uint64_t offset : {std::uint64_t{0}, page_size - 8}) {
        volatile std::uint64_t* word = view.as<volatile std::uint64_t>() + offset / 8;
        *word = ~(physical.value + offset);
        EXPECT_EQ(bench.gpu.read(logical + offset), ~(physical.value + offset));
        EXPECT(bench.gpu.write(logical + offset, physical.value + offset));
        EXPECT_EQ(*word, physical.value + offset);
    }
}

// Nothing is there. One fault after the other: a unit may have a single fault record.
void expect_refused(IommuBench& bench, LogicalAddress at) {
    EXPECT_EQ(bench.gpu.read(at), refused);
    EXPECT_EQ(drop_faults(), 1);
}

// 2 MiB of RAM that nobody else has, aligned.
class LargeBlock {
public:
    LargeBlock() {
        REQUIRE(frames().allocate({.pages = pages, .highest = {gib_1 / page_size - 1}, .contiguous = true}, frames_));
        first_ = {round_up(frames_[0].number, mib_2 / page_size)};
    }
    ~LargeBlock() { frames().free(frames_); }
    LargeBlock(const LargeBlock&) = delete;
    LargeBlock& operator=(const LargeBlock&) = delete;

    PhysicalPage first() const { return first_; }

private:
    static constexpr std::uint64_t pages = 2 * mib_2 / page_size;  // one of its halves is aligned

    callbacks::FrameList frames_;
    PhysicalPage first_;
};

}  // namespace

TEST(a_range_of_2_mib_translates_every_page_to_its_own) {
    IommuBench bench;
    const LargeBlock block;
    bench.map(bench.domain, base, block.first(), mib_2 / page_size);
    const SecondStageEntry leaf = leaf_of(bench.gpu.source(), base + 5 * page_size);
    EXPECT_EQ(leaf.level, leaf_level(bench, mib_2));
    EXPECT_EQ(vtd::second_stage::PageSize::get(*leaf.word), leaf.level > 1);
    for (const std::uint64_t page : {0, 1, 255, 256, 511})
        expect_same(bench, base + page * page_size, block.first().address() + page * page_size);
    expect_refused(bench, base - 8);
    expect_refused(bench, base + mib_2);
}

TEST(a_range_of_1_gib_translates_every_page_to_its_own) {
    IommuBench bench;
    const LargeBlock block;
    const MarkedFrame low;
    bench.map(bench.domain, base, {0}, gib_1 / page_size);
    const SecondStageEntry leaf = leaf_of(bench.gpu.source(), base + 5 * mib_2);
    EXPECT_EQ(leaf.level, leaf_level(bench, gib_1));
    EXPECT_EQ(*leaf.word & vtd::second_stage::address, leaf.level == 3 ? 0 : 5 * mib_2);
    EXPECT_EQ(bench.gpu.read(base + low.mark()), low.mark());
    for (const std::uint64_t page : {0, 3, 511})
        expect_same(bench, base + (block.first() + page).address().value, (block.first() + page).address());
    expect_refused(bench, base - 8);
    expect_refused(bench, base + gib_1);
}

TEST(a_hole_cut_into_a_large_leaf_takes_away_its_page_alone) {
    IommuBench bench;
    const LargeBlock block;
    const LogicalAddress hole = base + 77 * page_size;
    bench.map(bench.domain, base, block.first(), mib_2 / page_size);
    expect_same(bench, hole, (block.first() + 77).address());
    REQUIRE_EQ(bench.unit.unmap(bench.domain, hole.page(), 1), Error::None);
    EXPECT_EQ(leaf_of(bench.gpu.source(), base).level, 1);
    expect_refused(bench, hole);
    EXPECT(!bench.gpu.write(hole + (page_size - 8), 0));
    EXPECT_EQ(drop_faults(), 1);
    for (const std::uint64_t page : {0, 76, 78, 511})
        expect_same(bench, base + page * page_size, (block.first() + page).address());
}

TEST(a_leaf_is_forgotten_with_any_page_in_it) {
    IommuBench bench;
    const LargeBlock from, to;
    bench.map(bench.domain, base, from.first(), mib_2 / page_size);
    const LogicalAddress at = base + 9 * page_size;
    expect_same(bench, at, (from.first() + 9).address());
    const SecondStageEntry leaf = leaf_of(bench.gpu.source(), at);
    const std::uint64_t old_frame = *leaf.word & vtd::second_stage::address;
    const std::uint64_t new_frame = old_frame + (to.first() - from.first()) * page_size;
    const EntryChange moved(leaf.word, *leaf.word - old_frame + new_frame);
    expect_same(bench, at, (from.first() + 9).address());
    bench.forget.translations(vtd::IotlbGranularity::Page, bench.id_of(bench.domain), at);
    expect_same(bench, at, (to.first() + 9).address());
}

TEST(rights_are_those_that_every_level_gives) {
    IommuBench bench;
    const MarkedFrame frame;
    bench.map(bench.domain, base, frame.page());
    const EntryWord leaf = leaf_of(bench.gpu.source(), base).word;
    const EntryWord table = entry_above_leaf_of(bench.gpu.source(), base).word;
    const auto rights = [](std::uint64_t entry, bool read, bool write) {
        return vtd::second_stage::Read::set(vtd::second_stage::Write::set(entry, write), read);
    };
    const struct {
        bool leaf_reads, leaf_writes, table_reads, table_writes;
    } cases[] = {{true, true, true, true},  {true, false, true, true}, {false, true, true, true},
                 {true, true, true, false}, {true, true, false, true}, {true, false, false, true}};
    for (const auto& one : cases) {
        const EntryChange of_leaf(leaf, rights(*leaf, one.leaf_reads, one.leaf_writes));
        const EntryChange of_table(table, rights(*table, one.table_reads, one.table_writes));
        bench.forget.everything();
        EXPECT_EQ(bench.gpu.read(base), one.leaf_reads && one.table_reads ? frame.mark() : refused);
        EXPECT_EQ(bench.gpu.write(base + 8, 1), one.leaf_writes && one.table_writes);
    }
    drop_faults();
}

TEST(a_device_that_is_let_through_reaches_physical_addresses) {
    IommuBench bench;
    const MarkedFrame frame;
    const LogicalAddress at{frame.mark()};
    expect_refused(bench, at);
    REQUIRE_EQ(bench.unit.attach_pass_through(bench.gpu.source()), Error::None);
    EXPECT_EQ(vtd::context_entry::Type::get(*context_entry_of(bench.gpu.source())),
              vtd::context_entry::TranslationType::PassThrough);
    EXPECT_EQ(bench.gpu.read(at), frame.mark());
    EXPECT(bench.gpu.write(at + 8, 0x1234));
    EXPECT_EQ(frame.word(1), 0x1234);
    REQUIRE_EQ(bench.unit.attach(bench.gpu.source(), bench.domain), Error::None);
    expect_refused(bench, at);
}
