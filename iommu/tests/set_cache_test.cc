// SPDX-License-Identifier: MIT
// The set-associative cache itself, and the IOTLB with geometries of its kind.
#include "iommu/engine/set_cache.h"
#include "iommu/tests/fake_machine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

namespace remap::iommu {
namespace {

using Cache = SetCache<3>;
constexpr auto nobody = [](const Cache::Entry&, std::uint64_t) { return false; };

CacheKey key(std::uint64_t first, std::uint64_t second = 0) { return {first, second}; }
void insert(Cache& cache, std::uint64_t hash, std::uint64_t first, std::uint64_t value, std::uint64_t stamp) {
    cache.insert(hash, key(first), {first, 0, value}, stamp, nobody);
}
std::uint64_t find(const Cache& cache, std::uint64_t hash, std::uint64_t first) {
    const auto hit = cache.find(hash, key(first));
    return hit ? hit->words[2] : 0;
}

TEST(CacheGeometry, WhatIsPossible) {
    EXPECT_TRUE((CacheGeometry{1, 1}.valid(1024)));
    EXPECT_TRUE((CacheGeometry{64, 64}.valid(1024)));
    EXPECT_TRUE((CacheGeometry{3, 3}.valid(1024)));
    EXPECT_TRUE((CacheGeometry{24, 3}.valid(1024)));
    EXPECT_FALSE((CacheGeometry{0, 0}.valid(1024)));
    EXPECT_FALSE((CacheGeometry{0, 1}.valid(1024)));
    EXPECT_FALSE((CacheGeometry{65, 65}.valid(1024)));
    EXPECT_FALSE((CacheGeometry{12, 4}.valid(1024))) << "three sets";
    EXPECT_FALSE((CacheGeometry{10, 4}.valid(1024)));
    EXPECT_FALSE((CacheGeometry{2048, 4}.valid(1024)));
}

TEST(SetCache, FindsWhatWasInserted) {
    Cache cache({8, 2});
    EXPECT_EQ(cache.size(), 8u);
    EXPECT_EQ(find(cache, 1, 100), 0u);
    insert(cache, 1, 100, 7, 10);
    EXPECT_EQ(find(cache, 1, 100), 7u);
    EXPECT_EQ(cache.find(1, key(100))->stamp, 10u);
    EXPECT_EQ(find(cache, 1, 101), 0u);
    EXPECT_EQ(find(cache, 2, 100), 0u) << "another set";
    insert(cache, 1, 100, 8, 11);
    EXPECT_EQ(find(cache, 1, 100), 8u) << "in the place of the old one";
    insert(cache, 1, 101, 9, 12);
    EXPECT_EQ(find(cache, 1, 100), 8u) << "the other way was free";
}

TEST(SetCache, TheSecondWordIsComparedWhereTheMaskSays) {
    Cache cache({4, 4});
    cache.insert(0, key(1, 0xab), {1, 0xab, 7}, 1, nobody);
    EXPECT_TRUE(cache.find(0, CacheKey{1, 0xab}));
    EXPECT_FALSE(cache.find(0, CacheKey{1, 0xac}));
    EXPECT_TRUE(cache.find(0, CacheKey{1, 0xcb, 0x0f}));
    EXPECT_TRUE(cache.find(0, CacheKey{1, 0, 0}));
}

TEST(SetCache, PlacesAreTakenInTurn) {
    Cache cache({4, 4});
    for (std::uint64_t i = 1; i <= 4; ++i) insert(cache, 0, i, i, i);
    for (std::uint64_t i = 5; i <= 12; ++i) {
        insert(cache, 0, i, i, i);
        std::set<std::uint64_t> there;
        for (std::uint64_t old = 1; old <= i; ++old) {
            if (find(cache, 0, old) != 0) there.insert(old);
        }
        EXPECT_EQ(there, (std::set<std::uint64_t>{i - 3, i - 2, i - 1, i}));
    }
}

TEST(SetCache, WhatNobodyNeedsMakesWayFirst) {
    Cache cache({4, 4});
    for (std::uint64_t i = 1; i <= 4; ++i) insert(cache, 0, i, i, i);
    cache.insert(0, key(9), {9, 0, 9}, 9, [](const Cache::Entry& held, std::uint64_t stamp) {
        EXPECT_EQ(held[0], stamp);
        return held[0] == 3;
    });
    EXPECT_EQ(find(cache, 0, 3), 0u);
    for (const std::uint64_t i : {1, 2, 4, 9}) EXPECT_EQ(find(cache, 0, i), i);
}

TEST(SetCache, ForgetsByStamp) {
    Cache cache({64, 4});
    for (std::uint64_t i = 1; i <= 20; ++i) insert(cache, i, i, i, i);
    cache.forget_up_to(10);
    for (std::uint64_t i = 1; i <= 20; ++i) EXPECT_EQ(find(cache, i, i), i <= 10 ? 0 : i);
    insert(cache, 5, 5, 55, 21);
    EXPECT_EQ(find(cache, 5, 5), 55u);
}

TEST(SetCache, RemovesWhatIsAskedFor) {
    Cache cache({8, 2});
    for (std::uint64_t i = 1; i <= 8; ++i) insert(cache, i, i, i, i);
    cache.forget_up_to(1);
    std::set<std::uint64_t> visited;
    cache.remove_if([&](const Cache::Entry& entry, std::uint64_t stamp) {
        visited.insert(entry[2]);
        return stamp % 2 == 0;
    });
    EXPECT_EQ(visited, (std::set<std::uint64_t>{2, 3, 4, 5, 6, 7, 8})) << "live ones only";
    for (std::uint64_t i = 1; i <= 8; ++i) EXPECT_EQ(find(cache, i, i), i % 2 == 0 || i == 1 ? 0 : i);
    visited.clear();
    cache.remove_from_set(7, [&](const Cache::Entry& entry, std::uint64_t) {
        visited.insert(entry[2]);
        return true;
    });
    EXPECT_EQ(visited, (std::set<std::uint64_t>{3, 7})) << "one set";
    EXPECT_EQ(find(cache, 5, 5), 5u);
}

// Readers never see an entry that nobody inserted: the three words of each belong together.
TEST(SetCache, ReadersSeeWholeEntriesOnly) {
    Cache cache({8, 2});
    std::atomic<bool> stop{false};
    std::atomic<int> torn{0};
    std::atomic<std::uint64_t> hits{0};
    std::vector<std::thread> readers;
    for (unsigned reader = 0; reader < 3; ++reader) {
        readers.emplace_back([&] {
            for (std::uint64_t i = 0; !stop; ++i) {
                const std::uint64_t first = i % 16 + 1;
                const auto hit = cache.find(first, key(first, 0));
                if (!hit) continue;
                ++hits;
                if (hit->words[0] != first || hit->words[2] != hit->stamp * 16 + first) ++torn;
            }
        });
    }
    std::uint64_t stamp = 1;
    for (int i = 0; i < 20'000 || hits < 1000; ++i) {
        const std::uint64_t first = static_cast<std::uint64_t>(i) * 7 % 16 + 1;
        ++stamp;
        insert(cache, first, first, stamp * 16 + first, stamp);
        if (i % 64 == 0) cache.remove_if([](const Cache::Entry& entry, std::uint64_t) { return entry[0] % 2 == 0; });
        if (i % 256 == 0) cache.forget_up_to(stamp);
        if (i % 1024 == 0) std::this_thread::yield();
    }
    stop = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(torn, 0);
}

// What a reader looks for after it has seen that a removal is over is not there any more.
TEST(SetCache, RemovedIsRemoved) {
    Cache cache({8, 2});
    std::atomic<std::uint64_t> removed{0};
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::thread reader([&] {
        while (!stop) {
            const std::uint64_t gone = removed;
            const auto hit = cache.find(3, key(3));
            if (hit && hit->stamp <= gone) ++wrong;
        }
    });
    for (std::uint64_t stamp = 1; stamp < 30'000; ++stamp) {
        insert(cache, 3, 3, stamp, stamp);
        if (stamp % 2 != 0) {
            cache.forget_up_to(stamp);
        } else {
            cache.remove_from_set(3, [](const Cache::Entry&, std::uint64_t) { return true; });
        }
        removed = stamp;
    }
    stop = true;
    reader.join();
    EXPECT_EQ(wrong, 0);
}

// Translations are right with any geometry, and come from the cache as far as it holds them.
TEST(IotlbGeometry, OneWayAndManyWays) {
    struct Case {
        CacheGeometry iotlb;
        std::uint64_t walks_of_second_round;  // of 64 pages one after the other
    };
    for (const Case& one :
         {Case{{1, 1}, 64}, Case{{64, 1}, 0}, Case{{64, 64}, 0}, Case{{32, 32}, 64}, Case{{128, 64}, 0}}) {
        test::Machine machine({.caches = {.iotlb = one.iotlb}});
        machine.start();
        for (std::uint64_t page = 0; page < 64; ++page) machine.ram.set(0x14000 + 8 * page, (0x100 + page) << 12 | 3);
        const auto round = [&] {
            for (std::uint64_t page = 0; page < 64; ++page)
                EXPECT_EQ(machine.access(0x10, page << 12).address.value, (0x100 + page) << 12);
            return machine.unit.statistics().walks;
        };
        const std::uint64_t first = round();
        EXPECT_EQ(first, 64u);
        EXPECT_EQ(round() - first, one.walks_of_second_round) << one.iotlb.entries << " by " << one.iotlb.ways;
        for (std::uint64_t page = 0; page < 64; ++page) machine.ram.set(0x14000 + 8 * page, (0x200 + page) << 12 | 3);
        machine.write64(0xf0, 0x6);
        machine.write64(0xf8, 0xb000000700000000);
        for (std::uint64_t page = 0; page < 64; ++page)
            EXPECT_EQ(machine.access(0x10, page << 12).address.value, (0x200 + page) << 12);
    }
}

TEST(IotlbGeometry, WhatIsImpossibleIsReplacedByTheDefault) {
    test::Machine machine({.caches = {.iotlb = {7, 2}}});
    machine.start();
    EXPECT_EQ(machine.access(0x10, 0).address.value, 0x55000u);
    EXPECT_EQ(machine.access(0x10, 0).address.value, 0x55000u);
    EXPECT_EQ(machine.unit.statistics().walks, 1u);
}

}  // namespace
}  // namespace remap::iommu
