// SPDX-License-Identifier: MIT
// A device is followed while processors and devices do what they do.
#include "iommu/tests/dma_map_bench.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace remap::iommu {
namespace {

using test::Machine;
using test::ToldPages;

TEST(DmaMapThreads, RegistersStoresAndAccessesAtOnce) {
    constexpr int rounds = 300;
    Machine machine;
    machine.write_tables();
    machine.set_root();
    machine.ram.set(0x12008, 0);  // nothing large
    ToldPages steady, passing;
    machine.unit.follow({0x10}, steady);

    std::vector<std::thread> threads;
    threads.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) machine.write32(0x18, i % 2 == 0 ? 0x80000000 : 0);
    });
    threads.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) machine.unit.stored({0x10000}, 0x10000);
    });
    threads.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) machine.access(0x10, 0x1000);
    });
    threads.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) {
            machine.unit.follow({0x10}, passing);
            machine.unit.unfollow(passing);
        }
    });
    for (std::thread& thread : threads) thread.join();

    EXPECT_EQ(passing.count(), 0u);
    EXPECT_TRUE(passing.watched.empty());
    EXPECT_TRUE(steady.all) << "translation was switched off last";
    machine.write32(0x18, 0x80000000);
    EXPECT_EQ(steady.count(), 3u + 512);
}

}  // namespace
}  // namespace remap::iommu
