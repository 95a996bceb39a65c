// SPDX-License-Identifier: MIT
// Random stores to tables of every kind. After each of them what was told is what the unit itself answers, page by
// page, and what the unit reads on its way to that answer is watched.
#include "iommu/tests/dma_map_bench.h"

#include <gtest/gtest.h>

#include <random>

namespace remap::iommu {
namespace {

using test::ScalableMachine;
using test::ToldPages;

constexpr SourceId device{0x10};
constexpr unsigned levels = 4;
constexpr std::uint64_t pool = 0x100000;  // eight pages that are used as tables at every level
constexpr unsigned pool_pages = 8;
constexpr std::uint64_t kinds[] = {pool | 0x89, 0x41, (pool + 0x2000) | 0xc9};  // PGTT, AW, SSPTPTR
constexpr unsigned indexes[] = {0, 1, 2, 511};  // of entries that are used; not 3: the interrupt range is in its GiB

class RandomTables : public testing::TestWithParam<unsigned> {
protected:
    RandomTables() {
        // Requests without PASID take that of one of four entries: second stage, first stage, nested, pass-through.
        machine_.set_pasid(0, kinds[0], 0x800007, 0x1);
        machine_.set_pasid(1, kinds[1], 0x800008, (pool + 0x1000) | 1);
        machine_.set_pasid(2, kinds[2], 0x800009, (pool + 0x3000) | 1);
        // Guest-physical addresses below 2 MiB, the pool among them, are those of memory, for a beginning.
        machine_.ram.set(pool + 0x2000, (pool + 0x4000) | 3);
        machine_.ram.set(pool + 0x4000, (pool + 0x5000) | 3);
        machine_.ram.set(pool + 0x5000, 0x83);
    }

    unsigned below(unsigned limit) { return std::uniform_int_distribution<unsigned>(0, limit - 1)(random_); }

    // Of either format: rights in bits 2:0, PS in bit 7, SNP in bit 11; now and then a bit that is reserved.
    std::uint64_t entry() {
        if (below(5) == 0) return 0;
        static constexpr std::uint64_t places[] = {0, 0, 0x155000, 0x200000, 0x600000, 0x40000000, 0x3fff000000};
        const std::uint64_t address = below(3) != 0 ? pool + 0x1000 * below(pool_pages) : places[below(7)];
        const std::uint64_t rights = below(3) == 0 ? below(8) : 7;
        const std::uint64_t large = below(3) == 0 ? 0x80 : 0;
        const std::uint64_t odd = below(20) == 0 ? 1ull << 51 : 0;
        return address | rights | large | odd;
    }

    void change() {
        const unsigned what = below(40);
        if (what == 0) {
            store(0x11208, below(4));
        } else if (what == 1) {
            store(0x21000 + 0x40 * below(3), kinds[below(3)]);
        } else if (what == 2) {
            store(0x11200, machine_.ram.get(0x11200) ^ 1);
        } else if (what == 3) {
            machine_.write32(0x18, below(4) == 0 ? 0x04000000 : 0x84000000);
        } else {
            store(pool + 0x1000 * below(pool_pages) + 8 * indexes[below(4)], entry());
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
        for (std::uint64_t page = first; page < first + (found.granule >> page_shift) && page < pages.size(); ++page)
            pages[page] = 1;
    }

    std::mt19937 random_{GetParam()};
    ScalableMachine machine_{Options{.snoop_control = true}};
    ToldPages told_;
    std::set<std::uint64_t> read_;
};

TEST_P(RandomTables, ToldIsWhatTheUnitAnswers) {
    store(0x11208, GetParam() % 3);
    machine_.unit.follow(device, told_);
    std::uint64_t most_reached = 0;
    for (int step = 0; step < 2000; ++step) {
        change();
        const bool translated = !told_.all;
        const std::vector<std::uint8_t> expected =
            translated ? answers() : std::vector<std::uint8_t>(told_.pages.size());
        ASSERT_TRUE(told_.pages == expected) << "step " << step;
        for (const std::uint64_t page : read_)
            ASSERT_TRUE(told_.watched.contains(page)) << "step " << step << ", page " << page;
        read_.clear();
        most_reached = std::max(most_reached, told_.count());
    }
    EXPECT_EQ(told_.incompletes, 0);
    EXPECT_GT(most_reached, 0u);
    machine_.unit.unfollow(told_);
    EXPECT_EQ(told_.count(), 0u);
    EXPECT_TRUE(told_.watched.empty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTables, testing::Range(1u, 10u));

}  // namespace
}  // namespace remap::iommu
