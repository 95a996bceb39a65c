// SPDX-License-Identifier: MIT
// Intervals of numbers, which may overlap, found by a number or a range: a balanced tree (a treap) through members of
// its elements. It needs no memory and owns nothing; the time of a call grows with the logarithm of the number of
// elements.
#pragma once

#include <algorithm>
#include <cstdint>

namespace remap::callbacks {

template <typename T>
struct IntervalLink {
    std::uint64_t interval_first = 0;
    std::uint64_t interval_last = 0;
    std::uint64_t interval_highest = 0;  // last of any interval in this subtree
    std::uint64_t interval_priority = 0;
    T* interval_child[2] = {};  // of lower first numbers, of higher ones
};

// T derives from IntervalLink<T>. An element is in one tree at a time.
template <typename T>
class IntervalTree {
public:
    // first <= last.
    void add(T& element, std::uint64_t first, std::uint64_t last) {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        static_cast<Link&>(element) = {first, last, last, random_, {}};
        T* below = nullptr;
        T* rest = nullptr;
        split(root_, element, below, rest);
        root_ = merge(merge(below, &element), rest);
    }

    // The element is in the tree.
    void remove(T& element) { root_ = without(root_, element); }

    // The first element that has a number of [first, last] and for which accept(element) is true; null if there is
    // none.
    template <typename Accept>
    T* find(std::uint64_t first, std::uint64_t last, Accept accept) const {
        return search(root_, first, last, accept);
    }
    T* find(std::uint64_t first, std::uint64_t last) const {
        return find(first, last, [](const T&) { return true; });
    }

private:
    using Link = IntervalLink<T>;

    // Elements with the same first number are ordered by their place in memory.
    static bool before(const T& a, const T& b) {
        return a.interval_first != b.interval_first ? a.interval_first < b.interval_first : &a < &b;
    }

    static void refresh(T& node) {
        node.interval_highest = node.interval_last;
        for (const T* child : node.interval_child)
            if (child != nullptr) node.interval_highest = std::max(node.interval_highest, child->interval_highest);
    }

    // Recursion is as deep as the tree is high: a small multiple of the binary logarithm of its size.
    static void split(T* node, const T& at, T*& below, T*& rest) {
        if (node == nullptr) {
            below = rest = nullptr;
        } else if (before(*node, at)) {
            split(node->interval_child[1], at, node->interval_child[1], rest);
            below = node;
            refresh(*node);
        } else {
            split(node->interval_child[0], at, below, node->interval_child[0]);
            rest = node;
            refresh(*node);
        }
    }

    static T* merge(T* below, T* above) {
        if (below == nullptr || above == nullptr) return below != nullptr ? below : above;
        const bool first = below->interval_priority > above->interval_priority;
        T* const top = first ? below : above;
        if (first)
            top->interval_child[1] = merge(below->interval_child[1], above);
        else
            top->interval_child[0] = merge(below, above->interval_child[0]);
        refresh(*top);
        return top;
    }

    static T* without(T* node, T& element) {
        if (node == &element) return merge(node->interval_child[0], node->interval_child[1]);
        T*& child = node->interval_child[before(*node, element)];
        child = without(child, element);
        refresh(*node);
        return node;
    }

    template <typename Accept>
    static T* search(T* node, std::uint64_t first, std::uint64_t last, Accept& accept) {
        if (node == nullptr || node->interval_highest < first) return nullptr;
        if (T* found = search(node->interval_child[0], first, last, accept)) return found;
        if (node->interval_first > last) return nullptr;
        if (node->interval_last >= first && accept(*node)) return node;
        return search(node->interval_child[1], first, last, accept);
    }

    T* root_ = nullptr;
    std::uint64_t random_ = 0x9e37'79b9'7f4a'7c15;
};

}  // namespace remap::callbacks
