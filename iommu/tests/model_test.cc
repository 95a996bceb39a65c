// SPDX-License-Identifier: MIT
// Random legal software against a model of what its tables mean: what a device gets is what the model says; between a
// change and the end of its invalidation, what it said before will do as well. And no use is ever called stale.
#include "iommu/tests/model.h"
#include "iommu/engine/stale_report.h"

#include <gtest/gtest.h>

namespace remap::iommu {
namespace {

using test::Answer;
using test::Leaf;
using test::Random;
using test::Region;
using test::Space;
using test::Stage;

constexpr std::uint64_t directory = 0x20000, pasid_table = 0x21000, queue = 0x60000;
constexpr std::uint16_t sources[] = {0x10, 0x18};  // both devices have the same PASIDs

class World {
public:
    World(unsigned seed, Options options)
        : random_(seed),
          maker_(random_),
          machine_(with(options), &clock_),
          ram_(machine_.ram),
          caching_(options.caching_mode) {
        ram_.set(0x10000, 0x11001);
        for (const std::uint16_t source : sources) ram_.set(0x11000 + 0x20 * source, directory | 9);
        ram_.set(directory, pasid_table | 1);
        for (unsigned pasid = 0; pasid < spaces_.size(); ++pasid) build(pasid);
        machine_.set_root(0x10400);
        machine_.write64(0x90, queue | 0x800);
        machine_.write32(0x18, 0x84000000);
    }

    void run(unsigned steps) {
        for (unsigned step = 0; step < steps && !testing::Test::HasFatalFailure(); ++step) {
            ask(spaces_[random_() % spaces_.size()], nullptr);
            if (step % 16 == 0) change();
            if (step % 4096 == 0) settle();
        }
        settle();
    }
    const Statistics statistics() { return machine_.unit.statistics(); }

private:
    static Options with(Options options) {
        options.scalable = true;
        options.detect_stale_uses = true;
        options.stale_grace = 1'000'000'000;
        return options;
    }

    // All that was late has been invalidated by now: what is open is stale.
    void settle() {
        clock_.now += 10'000'000'000;
        ASSERT_EQ(machine_.unit.statistics().stale_uses, 0u) << text_of(machine_.unit.stale_uses().at(0));
    }

    void build(unsigned pasid) {
        Space& space = spaces_[pasid];
        space.kind = static_cast<Space::Kind>(1 + pasid % 3);
        space.pasid = pasid;
        space.domain = static_cast<std::uint16_t>(++domains_);
        space.second.second = true;
        build_stage(space.first, space.kind == Space::Kind::Nested ? nested_ : plain_);
        build_stage(space.second, plain_);
        // The first stage's tables are at guest-physical addresses that equal the physical ones: 6 MiB and on.
        ram_.set(space.second.middle + 24, 0x600083);
        for (unsigned i = 0; i < test::regions; ++i) {
            if (space.kind != Space::Kind::Second) set_region(space, space.first, i);
            if (space.kind != Space::Kind::First) set_region(space, space.second, i);
        }
        write_pasid(space);
    }
    void build_stage(Stage& stage, test::TablePages& pages) {
        const std::uint64_t rights = stage.second ? 3 : 7;
        const std::uint64_t upper = pages.take();
        stage.root = pages.take();
        stage.middle = pages.take();
        ram_.set(stage.root, upper | rights);
        ram_.set(upper, stage.middle | rights);
    }
    void write_pasid(const Space& space) {
        const std::uint64_t at = pasid_table + 64 * space.pasid;
        const auto type = static_cast<std::uint64_t>(space.kind);
        ram_.set(at + 8, 0x800000 | space.domain);
        ram_.set(at + 16, space.first.root | 1);
        ram_.set(at, space.second.root | (space.pasid >= 3 ? 0x200 : 0) | type << 6 | 2 << 2 | (space.present ? 1 : 0));
    }

    std::uint64_t set_region(Space& space, Stage& stage, unsigned index) {
        Region& region = stage.region[index];
        const bool nested_first = space.kind == Space::Kind::Nested && !stage.second;
        const std::uint64_t old = region.state == Region::State::Table ? region.table : 0;
        region = {};
        region.state = static_cast<Region::State>(random_() % 3);
        std::uint64_t word = 0;
        if (region.state == Region::State::Huge) {
            region.huge = maker_.make(space, stage, true);
            word = stage.word(region.huge, true);
        } else if (region.state == Region::State::Table) {
            region.table = (nested_first ? nested_ : plain_).take();
            for (unsigned i = 0; i < region.pages.size(); ++i) {
                region.pages[i] = maker_.make(space, stage, false);
                ram_.set(region.table + 8 * i, stage.word(region.pages[i], false));
            }
            word = region.table | (stage.second ? 3 : 7);
        }
        ram_.set(stage.middle + 8 * index, word);
        return old;
    }

    void command(std::uint64_t low, std::uint64_t high = 0) {
        ram_.set(queue + tail_, low);
        ram_.set(queue + tail_ + 8, high);
        tail_ = (tail_ + 0x20) & 0xfff;
        machine_.write64(0x88, tail_);
        ASSERT_EQ(machine_.read32(0x34) & 0x10, 0u);
    }

    // A random request of a device; `before` is the space as it was, while that may count as well.
    void ask(const Space& space, const Space* before) {
        const std::uint64_t page = random_() % test::regions << 9 | random_() % 17;
        const bool write = random_() % 2, privileged = random_() % 4 == 0 && space.kind != Space::Kind::Second;
        Request request{.source = {sources[random_() % 2]}, .address = {page << 12 | (random_() & 0xfff)}};
        request.access = write ? Access::Write : Access::Read;
        request.privileged = privileged;
        if (space.pasid != 0 || privileged || random_() % 2 != 0) request.pasid = Pasid{space.pasid};
        const Translation got = machine_.unit.translate(request);
        const Answer answer{.page = got.allowed ? got.address.value >> 12 : 0, .reason = got.fault_reason};
        const Answer due = space.answer(page, write, privileged);
        const Answer old = before != nullptr ? before->answer(page, write, privileged) : due;
        ASSERT_TRUE(same(answer, due) || same(answer, old))
            << std::hex << "PASID " << space.pasid << " page " << page << (write ? " write" : " read")
            << (privileged ? " privileged" : "") << ": got " << answer.page << " or reason " << answer.reason
            << ", not " << due.page << " or " << due.reason << ", nor " << old.page << " or " << old.reason;
        if (got.allowed && write && before == nullptr && space.kind != Space::Kind::Second)
            expect_dirty(space.first, page);
    }
    // A page that is cached as refused to every access has one reason for all of them.
    bool same(const Answer& a, const Answer& b) const { return a == b || (caching_ && a.reason != 0 && b.reason != 0); }
    void expect_dirty(const Stage& stage, std::uint64_t page) {
        const Region& region = stage.region[page >> 9];
        const bool huge = region.state == Region::State::Huge;
        const std::uint64_t at = huge ? stage.middle + 8 * (page >> 9) : region.table + 8 * (page & 511);
        ASSERT_EQ(ram_.get(at) & 0x60, 0x60u) << "accessed and dirty";
    }
    void ask_some(const Space& space, const Space& before) {
        for (unsigned i = random_() % 12; i > 0; --i) ask(space, &before);
    }

    void change() {
        Space& space = spaces_[random_() % spaces_.size()];
        Stage& stage = space.kind == Space::Kind::Second || (space.kind == Space::Kind::Nested && random_() % 2)
                           ? space.second
                           : space.first;
        const unsigned index = static_cast<unsigned>(random_() % test::regions);
        switch (random_() % 8) {
            case 0: change_domain(space); break;
            case 1:
            case 2: change_region(space, stage, index); break;
            default: change_leaf(space, stage, index); break;
        }
    }

    void change_leaf(Space& space, Stage& stage, unsigned index) {
        Region& region = stage.region[index];
        if (region.state != Region::State::Table) return;
        const Space before = space;
        const std::uint64_t slot = random_() % region.pages.size();
        const bool was_present = region.pages[slot].present;
        region.pages[slot] = maker_.make(space, stage, false);
        ram_.set(region.table + 8 * slot, stage.word(region.pages[slot], false));
        if (!was_present && !caching_) return;  // needs no invalidation
        ask_some(space, before);
        invalidate(space, stage, index << 9 | slot, static_cast<unsigned>(random_() % 12), random_() % 2 != 0);
    }

    void change_region(Space& space, Stage& stage, unsigned index) {
        const Space before = space;
        const Region::State state = stage.region[index].state;
        const bool was_empty =
            state == Region::State::Empty || (state == Region::State::Huge && !stage.region[index].huge.present);
        const std::uint64_t table = set_region(space, stage, index);
        if (was_empty && !caching_) return;
        ask_some(space, before);
        const bool leaves_only = state != Region::State::Table && random_() % 2 != 0;
        invalidate(space, stage, index << 9, static_cast<unsigned>(9 + random_() % 10), leaves_only);
        const bool nested_first = space.kind == Space::Kind::Nested && !stage.second;
        if (table != 0) (nested_first ? nested_ : plain_).give_back(table);
    }

    // The PASID entry goes, its caches are invalidated (section 6.5.3.3), and it comes back with another domain.
    void change_domain(Space& space) {
        const Space before = space;
        space.present = false;
        write_pasid(space);
        ask_some(space, before);
        const std::uint64_t tags = std::uint64_t{space.pasid} << 32 | std::uint64_t{space.domain} << 16;
        command(tags | 0x17);
        ask_some(space, before);
        command(space.kind == Space::Kind::First ? tags | 0x26 : (tags & 0xffff0000) | 0x22);
        ask(space, nullptr);
        if (random_() % 2 != 0) space.domain = static_cast<std::uint16_t>(++domains_ % 0xfff0 + 1);
        space.present = true;
        write_pasid(space);
        if (caching_) command(std::uint64_t{space.pasid} << 32 | 0x17);  // what is not present belongs to domain 0
    }

    // Any of the invalidations that do for 2^mask pages around this one.
    void invalidate(const Space& space, const Stage& stage, std::uint64_t page, unsigned mask, bool leaves_only) {
        const std::uint64_t domain = std::uint64_t{space.domain} << 16;
        const std::uint64_t pasid = std::uint64_t{space.pasid} << 32;
        const std::uint64_t range = page << 12 | mask | (leaves_only ? 0x40 : 0);
        switch (random_() % 8) {
            case 0: return command(0x12);
            case 1: return command(domain | 0x22);
            case 2:
                if (!stage.second) return command(pasid | domain | 0x26);
                [[fallthrough]];
            default: return command(stage.second ? domain | 0x32 : pasid | domain | 0x36, range);
        }
    }

    test::Clock clock_;
    Random random_;
    test::LeafMaker maker_;
    test::Machine machine_;
    test::Ram& ram_;
    const bool caching_;
    test::TablePages plain_{ram_, 0x100000, 0x600000};
    test::TablePages nested_{ram_, 0x600000, 0x800000};
    std::array<Space, 6> spaces_;
    unsigned domains_ = 0;
    std::uint64_t tail_ = 0;
};

constexpr unsigned steps = 150'000;

TEST(Model, LegalSoftwareGetsWhatItsTablesSay) {
    for (unsigned seed = 1; seed <= 4; ++seed) {
        World world(seed, {});
        world.run(steps);
        EXPECT_GT(world.statistics().late_invalidations, 100u) << "old translations were used";
    }
}

TEST(Model, WithSmallCaches) {
    for (unsigned seed = 11; seed <= 13; ++seed) {
        World world(seed, {.caches = {.contexts = {1, 1}, .pasids = {4, 2}, .tables = {16, 2}, .iotlb = {16, 4}}});
        world.run(steps);
    }
}

TEST(Model, WithCachingMode) {
    for (unsigned seed = 21; seed <= 23; ++seed) {
        World world(seed, {.caching_mode = true});
        world.run(steps);
    }
}

}  // namespace
}  // namespace remap::iommu
