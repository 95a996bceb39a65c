// SPDX-License-Identifier: MIT
// The tree is never higher than an AVL tree may be, in whatever order ranges come and go. The smallest AVL trees of
// heights 1 to 5 have 1, 2, 4, 7 and 12 nodes: one of 3 is at most 2 high, and one of 6 at most 3.
#include "base/extent_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace remap {
namespace {

class ExtentTreeHeight : public testing::Test {
protected:
    static void insert_all(ExtentTree& tree, const std::vector<std::uint64_t>& order) {
        for (const std::uint64_t place : order) {
            ASSERT_TRUE(tree.reserve_one());
            tree.insert({2 * place, 1});
        }
    }

    // Nodes above the lowest of all.
    static std::uint64_t levels_above(ExtentTree& tree, const std::vector<std::uint64_t>& places) {
        std::uint64_t most = 0;
        for (const std::uint64_t place : places) {
            const std::uint64_t before = tree.visited();
            tree.replace(2 * place, {2 * place, 1});
            most = std::max(most, tree.visited() - before);
        }
        return most;
    }

    static std::vector<std::uint64_t> first_order(std::uint64_t count) {
        std::vector<std::uint64_t> order(count);
        std::iota(order.begin(), order.end(), 0);
        return order;
    }
};

TEST_F(ExtentTreeHeight, AfterInsertionsInEveryOrder) {
    for (const auto& [count, most_above] : {std::pair{3, 1u}, std::pair{6, 2u}}) {
        std::vector<std::uint64_t> order = first_order(count);
        do {
            ExtentTree tree;
            insert_all(tree, order);
            ASSERT_LE(levels_above(tree, order), most_above) << testing::PrintToString(order);
        } while (std::next_permutation(order.begin(), order.end()));
    }
}

TEST_F(ExtentTreeHeight, AfterARemovalFromEveryShape) {
    std::vector<std::uint64_t> order = first_order(7);
    do {
        for (const std::uint64_t gone : order) {
            ExtentTree tree;
            insert_all(tree, order);
            tree.erase(2 * gone);
            std::vector<std::uint64_t> rest = order;
            std::erase(rest, gone);
            ASSERT_EQ(tree.size(), 6u);
            ASSERT_LE(levels_above(tree, rest), 2u) << testing::PrintToString(order) << " without " << gone;
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace
}  // namespace remap
