// SPDX-License-Identifier: MIT
// The free ranges of a pool (extents.h) in the order of their pages: a balanced tree (AVL) in which each node knows the
// longest range at or below it, so that a range long enough is found without looking at the shorter ones.
#pragma once

#include <cstdint>

namespace remap {

class ExtentTree {
public:
    enum class From : std::uint8_t { Bottom, Top };

    struct Range {
        std::uint64_t first = 0;  // page number
        std::uint64_t count = 0;  // pages

        // Of a range that is not empty and does not wrap.
        constexpr std::uint64_t last() const { return first + (count - 1); }
    };

    // The pages from `low` to `high`, both inside.
    struct Window {
        std::uint64_t low = 0;
        std::uint64_t high = ~std::uint64_t{0};

        constexpr bool touches(const Range& range) const { return range.first <= high && range.last() >= low; }
        // What of a range that touches it is inside.
        constexpr Range cut(const Range& range) const {
            const std::uint64_t first = range.first < low ? low : range.first;
            const std::uint64_t last = range.last() > high ? high : range.last();
            return {first, last - first + 1};
        }
    };

    ExtentTree() = default;
    ~ExtentTree();
    ExtentTree(const ExtentTree&) = delete;
    ExtentTree& operator=(const ExtentTree&) = delete;

    // Makes sure that one more range can be inserted. False, and nothing changed, if there is no memory for it.
    bool reserve_one();

    // Ranges never overlap. insert: after reserve_one. erase and replace: a range begins at `first`; what replaces it
    // has the same place in the order.
    void insert(Range range);
    void erase(std::uint64_t first);
    void replace(std::uint64_t first, Range range);

    // The first range, seen from the end that is asked for, that has a page inside the window, holds at least
    // `shortest` pages and for which fits(range) is true; null if there is none. Valid until the tree is changed. Apart
    // from the way down it visits only ranges for which it asks fits().
    template <typename Fits>
    const Range* find(From from, Window window, std::uint64_t shortest, Fits fits) const {
        const Node* const found = search(root_, from, {window, shortest}, fits);
        return found != nullptr ? &found->range : nullptr;
    }
    const Range* find(From from, Window window) const {
        return find(from, window, 1, [](const Range&) { return true; });
    }

    // Pages of the longest range inside the window, whose edges cut ranges; 0 if there is none.
    std::uint64_t longest(Window window) const;

    std::uint64_t size() const { return size_; }

    // Nodes visited since the tree was made: tests bound the work of an operation by it.
    std::uint64_t visited() const { return visited_; }

private:
    struct Node {
        Range range;
        std::uint64_t longest = 0;  // pages of the longest range at or below this node
        Node* child[2] = {};        // of lower ranges, of higher ones
        unsigned height = 1;        // of a node without children
    };
    struct Wanted {
        Window window;
        std::uint64_t shortest = 1;
    };
    class Path;

    static unsigned height_of(const Node* node) { return node != nullptr ? node->height : 0; }
    static std::uint64_t longest_of(const Node* node) { return node != nullptr ? node->longest : 0; }
    static void refresh(Node& node);
    static void lift(Node*& place, bool side);
    static void balance(Node*& place);
    Path path_to(std::uint64_t first);

    // Calls itself for one side and goes on with the other: as deep as the tree is high, which is less than 1.45 times
    // the binary logarithm of the number of ranges.
    template <typename Fits>
    const Node* search(const Node* node, From from, const Wanted& wanted, Fits& fits) const {
        const bool near = from == From::Top;
        while (node != nullptr && node->longest >= wanted.shortest) {
            ++visited_;
            const Range& range = node->range;
            const bool reaches[2] = {range.first > wanted.window.low, range.last() < wanted.window.high};
            if (reaches[near]) {
                const Node* const found = search(node->child[near], from, wanted, fits);
                if (found != nullptr) return found;
            }
            if (range.count >= wanted.shortest && wanted.window.touches(range) && fits(range)) return node;
            if (!reaches[!near]) return nullptr;
            node = node->child[!near];
        }
        return nullptr;
    }

    Node* root_ = nullptr;
    Node* spare_ = nullptr;    // nodes not in use, a list through child[0]
    Node* blocks_ = nullptr;   // what nodes are allocated in: the first of each is a link of this list
    std::uint64_t nodes_ = 0;  // in all blocks
    std::uint64_t size_ = 0;
    mutable std::uint64_t visited_ = 0;
};

}  // namespace remap
