// SPDX-License-Identifier: MIT
#include "callbacks/core/interval_tree.h"

#include <gtest/gtest.h>

#include <list>
#include <random>
#include <vector>

namespace remap::callbacks {
namespace {

struct Item : IntervalLink<Item> {
    Item(std::uint64_t from, std::uint64_t to) : first(from), last(to) {}
    const std::uint64_t first;
    const std::uint64_t last;
};

TEST(IntervalTree, AgreesWithALookAtEachElement) {
    IntervalTree<Item> tree;
    std::list<Item> items;
    std::mt19937_64 random(1);
    for (unsigned step = 0; step < 20'000; ++step) {
        if (items.size() < 60 && random() % 2 == 0) {
            const std::uint64_t first = random() % 100;
            Item& item = items.emplace_back(first, first + random() % 10);
            tree.add(item, item.first, item.last);
        } else if (!items.empty()) {
            const auto item = std::next(items.begin(), static_cast<std::ptrdiff_t>(random() % items.size()));
            tree.remove(*item);
            items.erase(item);
        }
        const std::uint64_t first = random() % 110;
        const std::uint64_t last = first + random() % 4;
        const auto touches = [&](const Item& item) { return item.first <= last && item.last >= first; };
        const Item* found = tree.find(first, last);
        ASSERT_EQ(found != nullptr, std::ranges::any_of(items, touches)) << "step " << step;
        ASSERT_TRUE(found == nullptr || touches(*found));
        unsigned seen = 0;
        (void)tree.find(first, last, [&](const Item& item) {
            EXPECT_TRUE(touches(item));
            return ++seen, false;
        });
        ASSERT_EQ(seen, std::ranges::count_if(items, touches));
    }
}

TEST(IntervalTree, KeepsElementsOfTheSameIntervalApart) {
    IntervalTree<Item> tree;
    Item a(5, 5);
    Item b(5, 5);
    Item all(0, ~std::uint64_t{0});
    tree.add(a, 5, 5);
    tree.add(b, 5, 5);
    EXPECT_EQ(tree.find(5, 5, [&](const Item& item) { return &item == &b; }), &b);
    tree.remove(a);
    EXPECT_EQ(tree.find(5, 5), &b);
    tree.add(all, 0, ~std::uint64_t{0});
    EXPECT_EQ(tree.find(7, 7), &all);
    tree.remove(b);
    tree.remove(all);
    EXPECT_EQ(tree.find(0, ~std::uint64_t{0}), nullptr);
}

}  // namespace
}  // namespace remap::callbacks
