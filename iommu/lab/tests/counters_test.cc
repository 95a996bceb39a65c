// SPDX-License-Identifier: MIT
// Nothing that is counted gets lost, whoever counts.
#include "iommu/lab/counters.h"

#include "iommu/lab/event.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

namespace remap::lab {
namespace {

TEST(Counters, ThreadsLoseNothing) {
    const auto counters = std::make_unique<Counters>();
    const auto table = std::make_unique<CounterTable>();
    constexpr unsigned threads = 40;  // more than have a share of their own
    constexpr unsigned rounds = 2000;
    {
        std::vector<std::jthread> workers;
        for (unsigned worker = 0; worker < threads; ++worker)
            workers.emplace_back([&, worker] {
                for (unsigned i = 0; i < rounds; ++i) {
                    counters->add(static_cast<std::uint16_t>(worker % 4 * 0x100), Count::Reads);
                    counters->add(0x10, Count::ReadBytes, 3);
                    if (worker == 0 && i % 100 == 0) counters->publish_to(*table);
                }
            });
    }
    for (unsigned device = 0; device < 4; ++device)
        EXPECT_EQ(counters->total_of(static_cast<std::uint16_t>(device * 0x100), Count::Reads), threads / 4 * rounds);
    EXPECT_EQ(counters->total_of(0x10, Count::ReadBytes), 3u * threads * rounds);
    counters->publish_to(*table);
    const unsigned row = counters->row_of(0x10);
    EXPECT_EQ(table->sources[row], 0x11u);
    EXPECT_EQ(table->words[row][static_cast<unsigned>(Count::ReadBytes)], 3u * threads * rounds);
}

TEST(Counters, ARowStaysWithItsDeviceAndTheRestShareOne) {
    const auto counters = std::make_unique<Counters>();
    std::vector<unsigned> rows;
    for (std::uint32_t source = 0; source < CounterTable::devices; ++source)
        rows.push_back(counters->row_of(static_cast<std::uint16_t>(source * 0x51)));
    for (std::uint32_t source = 0; source < CounterTable::devices; ++source)
        EXPECT_EQ(counters->row_of(static_cast<std::uint16_t>(source * 0x51)), rows[source]);
    std::ranges::sort(rows);
    EXPECT_TRUE(std::ranges::adjacent_find(rows) == rows.end());
    EXPECT_EQ(rows.back(), CounterTable::devices - 1);
    EXPECT_EQ(counters->row_of(0xfffe), CounterTable::others);
    EXPECT_EQ(counters->row_of(0xfffd), CounterTable::others);
    EXPECT_EQ(counters->row_of(no_source), CounterTable::unit);
}

TEST(Counters, AreAllPublishedAndRowsOfNobodyAreNobodys) {
    const auto counters = std::make_unique<Counters>();
    const auto table = std::make_unique<CounterTable>();
    counters->add(0x10, Count::Reads, 2);
    counters->add_to_row(CounterTable::others, Count::Faults, 3);
    counters->add_to_row(CounterTable::unit, Count::StaleUses, 4);
    counters->publish_to(*table);
    const auto published = [&](unsigned row, Count what) {
        return table->words[row][static_cast<unsigned>(what)].load();
    };
    EXPECT_EQ(published(counters->row_of(0x10), Count::Reads), 2u);
    EXPECT_EQ(published(CounterTable::others, Count::Faults), 3u);
    EXPECT_EQ(published(CounterTable::unit, Count::StaleUses), 4u);
    EXPECT_EQ(std::ranges::count_if(table->sources, [](const auto& source) { return source != 0; }), 1);
}

}  // namespace
}  // namespace remap::lab
