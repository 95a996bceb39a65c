// SPDX-License-Identifier: MIT
// Random stores to tables of every kind. After each of them what was told is what the unit itself answers, page by
// page, and what the unit reads on its way to that answer is watched.
#include "iommu/tests/dma_map_bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace remap::iommu {
namespace {

using test::ScalableMachine;
using test::ToldPages;

constexpr SourceId device{0x10};
constexpr unsigned levels = 4;
constexpr std::uint64_t pool = 0x200000;  // eight pages: second-stage tables of levels 4 to 1, then first-stage ones
constexpr unsigned pool_pages = 8;
constexpr std::uint64_t kinds[] = {pool | 0x89, 0x41, pool | 0xc9};  // PGTT, AW, SSPTPTR
constexpr unsigned indexes[] = {0, 1, 2, 511};  // of entries that are used; not 3: the interrupt range is in its GiB

class RandomTables : public testing::TestWithParam<unsigned> {
protected:
    RandomTables() {
        // Requests without PASID take that of one of four entries: second stage, first stage, nested, pass-through.
        machine_.set_pasid(0, kinds[0], 0x800007, 0x1);
        machine_.set_pasid(1, kinds[1], 0x800008, (pool + 0x4000) | 1);
        machine_.set_pasid(2, kinds[2], 0x800009, (pool + 0x4000) | 1);
        machine_.link_pool(pool);
    }

    unsigned below(unsigned limit) { return std::uniform_int_distribution<unsigned>(0, limit - 1)(random_); }
    unsigned index() { return indexes[below(4)]; }
    std::uint64_t some_page() { return pool + 0x1000 * below(pool_pages); }

    // Of either format: rights in bits 2:0, PS in bit 7. A table of one level may be used at another, or by the other
    // stage, and now and then a bit is set that is reserved.
    std::uint64_t odd_entry() {
        static constexpr std::uint64_t places[] = {0, 0x155000, 0x400000, 0x40000000, 0x3fff000000};
        const std::uint64_t address = below(2) != 0 ? some_page() : places[below(5)];
        return address | below(8) | (below(3) == 0 ? 0x80 : 0) | (below(5) == 0 ? 1ull << 51 : 0);
    }

    // As software sets it.
    std::uint64_t even_entry(unsigned page) {
        const unsigned level = 4 - page % 4;
        const std::uint64_t rights = below(4) == 0 ? below(8) : 7;
        const std::uint64_t low_guest = std::uint64_t{0x1000} * index();
        if (level == 4 || (level > 1 && below(3) != 0)) {
            const bool elsewhere = page >= 4 && below(3) == 0;
            return (elsewhere ? low_guest : pool + 0x1000 * (page + 1)) | rights;
        }
        if (level == 1) return (below(2) != 0 ? some_page() : low_guest) | rights;
        const std::uint64_t size = level == 2 ? 0x200000 : 0x40000000;
        return size * below(level) | 0x80 | rights;
    }

    void change() {
        const unsigned what = below(120);
        if (what < 2) {
            static constexpr unsigned pasids[] = {0, 1, 2, 2, 2, 3};
            store(0x11208, pasids[below(6)]);
        } else if (what == 2) {
            store(0x21000 + 0x40 * below(3), kinds[below(3)]);
        } else if (what == 3) {
            store(0x11200, machine_.ram.get(0x11200) ^ 1);
        } else if (what == 4) {
            machine_.write32(0x18, below(4) == 0 ? 0x04000000 : 0x84000000);
        } else {
            const unsigned page = below(pool_pages);
            const std::uint64_t entry = below(6) == 0 ? 0 : below(6) == 0 ? odd_entry() : even_entry(page);
            store(pool + 0x1000 * page + 8 * index(), entry);
        }
    }

    void store(std::uint64_t address, std::uint64_t word) { test::store(machine_, told_, address, word); }

    // What the unit reads on its way to an access that is allowed counts.
    bool allowed(std::uint64_t address, Access access, Translation& into) {
        std::set<std::uint64_t> read;
        machine_.ram.before_read = [&](std::uint64_t at) { read.insert(at >> page_shift); };
        into = machine_.unit.probe(device, {address}, access);
        machine_.ram.before_read = nullptr;
        if (into.allowed) read_.merge(read);
        return into.allowed;
    }

    // What the unit answers at every address that the indexes make.
    std::vector<std::uint8_t> answers() {
        std::vector<std::uint8_t> pages(told_.pages.size());
        for (unsigned place = 0; place < 256; ++place) {
            std::uint64_t address = 0;
            for (unsigned level = 0; level < levels; ++level)
                address = address << 9 | indexes[place >> (2 * (levels - 1 - level)) & 3];
            address <<= page_shift;
            mark(pages, address);
            if (address >> 47 != 0) mark(pages, address | 0xffff000000000000);
        }
        return pages;
    }

    void mark(std::vector<std::uint8_t>& pages, std::uint64_t address) {
        Translation found;
        if (!allowed(address, Access::Read, found) && !allowed(address, Access::Write, found)) return;
        const std::uint64_t first = (found.address.value & ~(found.granule - 1)) >> page_shift;
        const std::uint64_t last = std::min<std::uint64_t>(first + (found.granule >> page_shift), pages.size());
        for (std::uint64_t page = first; page < last; ++page) pages[page] = 1;
    }

    std::mt19937 random_{GetParam()};
    ScalableMachine machine_{Options{.snoop_control = true}};
    ToldPages told_;
    std::set<std::uint64_t> read_;
};

TEST_P(RandomTables, ToldIsWhatTheUnitAnswers) {
    store(0x11208, GetParam() % 3);
    machine_.unit.follow(device, told_);
    std::uint64_t reached_steps = 0;
    for (int step = 0; step < 400; ++step) {
        change();
        if (step % 50 == 0) {  // or nothing would be reached for long
            machine_.write32(0x18, 0x84000000);
            store(0x11200, 0x20009);
            for (unsigned pasid = 0; pasid < 3; ++pasid) store(0x21000 + 0x40 * pasid, kinds[pasid]);
        }
        const bool translated = !told_.all;
        const std::vector<std::uint8_t> expected =
            translated ? answers() : std::vector<std::uint8_t>(told_.pages.size());
        ASSERT_TRUE(told_.pages == expected) << "step " << step;
        for (const std::uint64_t page : read_)
            ASSERT_TRUE(told_.watched.contains(page)) << "step " << step << ", page " << page;
        read_.clear();
        if (told_.count() != 0) ++reached_steps;
    }
    EXPECT_EQ(told_.incompletes, 0);
    EXPECT_GT(reached_steps, 0u);
    machine_.unit.unfollow(told_);
    EXPECT_EQ(told_.count(), 0u);
    EXPECT_TRUE(told_.watched.empty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTables, testing::Range(1u, 7u));

}  // namespace
}  // namespace remap::iommu
