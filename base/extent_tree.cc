// SPDX-License-Identifier: MIT
#include "base/extent_tree.h"

#include <algorithm>
#include <new>

namespace remap {

namespace {

// Nodes of the first block, and the most of a later one: a pool of a few ranges stays small, and no request pays for
// much memory at once.
constexpr std::uint64_t smallest_block = 16;
constexpr std::uint64_t largest_block = 512;

// An AVL tree of height h has at least F(h + 2) - 1 nodes (F: Fibonacci); this many do not fit into 2^64 bytes.
constexpr unsigned most_levels = 92;

}  // namespace

// The places of the nodes from the root to one of them, or to where it would be.
class ExtentTree::Path {
public:
    void add(Node*& place) { places_[length_++] = &place; }
    Node*& end() { return *places_[length_ - 1]; }

    // What changed is at the end: the nodes above learn of it from below, and are brought into balance.
    void repair() {
        while (length_ != 0) balance(*places_[--length_]);
    }

private:
    Node** places_[most_levels];
    unsigned length_ = 0;
};

ExtentTree::~ExtentTree() {
    while (blocks_ != nullptr) {
        Node* const next = blocks_->child[0];
        delete[] blocks_;
        blocks_ = next;
    }
}

bool ExtentTree::reserve_one() {
    if (spare_ != nullptr) return true;
    const std::uint64_t count = std::clamp(nodes_, smallest_block, largest_block);
    Node* const block = new (std::nothrow) Node[count];
    if (block == nullptr) return false;
    block[0].child[0] = blocks_;
    blocks_ = block;
    nodes_ += count;
    for (std::uint64_t i = count; i > 1; --i) {
        block[i - 1].child[0] = spare_;
        spare_ = &block[i - 1];
    }
    return true;
}

void ExtentTree::refresh(Node& node) {
    node.height = 1 + std::max(height_of(node.child[0]), height_of(node.child[1]));
    node.longest = std::max({node.range.count, longest_of(node.child[0]), longest_of(node.child[1])});
}

// Puts a node's child in its place, and the node below it on the other side.
void ExtentTree::lift(Node*& place, bool side) {
    Node* const old = place;
    Node* const risen = old->child[side];
    old->child[side] = risen->child[!side];
    risen->child[!side] = old;
    refresh(*old);
    refresh(*risen);
    place = risen;
}

// Of a node whose children are in balance and differ in height by two at most.
void ExtentTree::balance(Node*& place) {
    if (place == nullptr) return;
    refresh(*place);
    const unsigned lower = height_of(place->child[0]);
    const unsigned higher = height_of(place->child[1]);
    if (lower <= higher + 1 && higher <= lower + 1) return;
    const bool heavy = higher > lower;
    Node*& child = place->child[heavy];
    if (height_of(child->child[!heavy]) > height_of(child->child[heavy])) lift(child, !heavy);
    lift(place, heavy);
}

ExtentTree::Path ExtentTree::path_to(std::uint64_t first) {
    Path path;
    path.add(root_);
    while (path.end() != nullptr && path.end()->range.first != first) {
        ++visited_;
        Node& node = *path.end();
        path.add(node.child[node.range.first < first]);
    }
    return path;
}

void ExtentTree::insert(Range range) {
    Path path = path_to(range.first);
    Node* const node = spare_;
    spare_ = node->child[0];
    *node = {.range = range};
    path.end() = node;
    path.repair();
    ++size_;
}

void ExtentTree::replace(std::uint64_t first, Range range) {
    Path path = path_to(first);
    path.end()->range = range;
    path.repair();
}

// A node with two children gets the range that follows, whose node has one child at most and goes instead.
void ExtentTree::erase(std::uint64_t first) {
    Path path = path_to(first);
    Node* const node = path.end();
    if (node->child[0] != nullptr && node->child[1] != nullptr) {
        path.add(node->child[1]);
        for (; path.end()->child[0] != nullptr; ++visited_) path.add(path.end()->child[0]);
        node->range = path.end()->range;
    }
    Node* const gone = path.end();
    path.end() = gone->child[gone->child[0] == nullptr];
    path.repair();
    gone->child[0] = spare_;
    spare_ = gone;
    --size_;
}

std::uint64_t ExtentTree::longest(Window window) const {
    const Node* top = root_;
    for (; top != nullptr && !window.touches(top->range); ++visited_) top = top->child[top->range.first < window.low];
    if (top == nullptr) return 0;
    std::uint64_t best = window.cut(top->range).count;
    // On each side of it the edge of the window is somewhere below: what lies between the way there and `top` is
    // inside.
    for (const bool side : {false, true}) {
        for (const Node* node = top->child[side]; node != nullptr; ++visited_) {
            const bool inside = window.touches(node->range);
            if (inside) best = std::max({best, window.cut(node->range).count, longest_of(node->child[!side])});
            node = node->child[inside ? side : !side];
        }
    }
    return best;
}

}  // namespace remap
