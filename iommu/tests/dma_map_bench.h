// SPDX-License-Identifier: MIT
// A machine that follows its tables: who is told what a device can reach, and stores that are told as a machine does
// it.
#pragma once

#include "iommu/engine/dma_map_port.h"
#include "iommu/tests/scalable_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <vector>

namespace remap::test {

// Keeps what it is told, and holds whoever tells it to the rules.
class ToldPages final : public iommu::DmaMapPort {
public:
    static constexpr std::uint64_t span = std::uint64_t{4} << 30;  // bytes of memory that are kept apart

    void reachable(PhysicalPage first, std::uint64_t pages) override { mark(first, pages, true); }
    void unreachable(PhysicalPage first, std::uint64_t pages) override { mark(first, pages, false); }
    void watch(PhysicalPage page) override {
        if (before_watch) before_watch(page.number);
        EXPECT_TRUE(watched.insert(page.number).second) << "page " << page.number << " is watched twice";
    }
    void unwatch(PhysicalPage page) override {
        EXPECT_EQ(watched.erase(page.number), 1u) << "page " << page.number << " was not watched";
    }
    void everything(bool is) override {
        EXPECT_NE(all, is);
        all = is;
    }
    void incomplete() override { ++incompletes; }
    void settled() override { ++changes; }

    bool reaches(std::uint64_t address) const { return pages.at(address >> page_shift) != 0; }
    std::uint64_t count() const { return count_; }

    std::function<void(std::uint64_t)> before_watch;  // is told of the page; may change memory
    std::vector<std::uint8_t> pages = std::vector<std::uint8_t>(span >> page_shift);
    std::set<std::uint64_t> watched;
    std::uint64_t told = 0;  // calls of reachable and unreachable
    std::uint64_t changes = 0;
    int incompletes = 0;
    bool all = false;

private:
    void mark(PhysicalPage first, std::uint64_t length, bool is) {
        ++told;
        EXPECT_GT(length, 0u);
        const auto begin =
            pages.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(first.number, pages.size()));
        const auto end = begin + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(length, pages.end() - begin));
        EXPECT_EQ(std::find(begin, end, is), end) << "pages from " << first.number << " on are told again";
        std::fill(begin, end, is);
        count_ += is ? end - begin : begin - end;
    }

    std::uint64_t count_ = 0;
};

// A store of a processor: the machine tells the unit if the page is watched.
inline void store(Machine& machine, const ToldPages& told, std::uint64_t address, std::uint64_t word) {
    machine.ram.set(address, word);
    if (told.watched.contains(address >> page_shift)) machine.unit.stored({address}, 8);
}

}  // namespace remap::test
