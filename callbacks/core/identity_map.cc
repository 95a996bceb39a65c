// SPDX-License-Identifier: MIT
#include "callbacks/core/identity_map.h"

#include <algorithm>
#include <new>

namespace remap::callbacks {

// ---- the tree ------------------------------------------------------------------------------------------------------

void IdentityMap::refresh(Node& node) {
    const std::int64_t here = sum_of(node.child[0]) + node.begins - node.ends;
    node.sum = here + sum_of(node.child[1]);
    node.lowest = here;
    if (node.child[0] != nullptr) node.lowest = std::min(node.lowest, node.child[0]->lowest);
    if (node.child[1] != nullptr) node.lowest = std::min(node.lowest, here + node.child[1]->lowest);
}

// Recursion is as deep as the tree is high: a small multiple of the binary logarithm of the number of nodes, as
// priorities are random.
void IdentityMap::split(Node* node, std::uint64_t page, Node*& below, Node*& rest) {
    if (node == nullptr) {
        below = rest = nullptr;
    } else if (node->page < page) {
        split(node->child[1], page, node->child[1], rest);
        below = node;
        refresh(*node);
    } else {
        split(node->child[0], page, below, node->child[0]);
        rest = node;
        refresh(*node);
    }
}

IdentityMap::Node* IdentityMap::merge(Node* below, Node* above) {
    if (below == nullptr || above == nullptr) return below != nullptr ? below : above;
    Node* const top = below->priority > above->priority ? below : above;
    if (top == below)
        top->child[1] = merge(below->child[1], above);
    else
        top->child[0] = merge(below, above->child[0]);
    refresh(*top);
    return top;
}

// The page has a node.
void IdentityMap::count(Node* node, std::uint64_t page, std::int64_t begins, std::int64_t ends) {
    if (node->page == page) {
        node->begins += begins;
        node->ends += ends;
    } else {
        count(node->child[node->page < page], page, begins, ends);
    }
    refresh(*node);
}

IdentityMap::Node* IdentityMap::erase(Node* node, std::uint64_t page) {
    if (node->page == page) {
        Node* const rest = merge(node->child[0], node->child[1]);
        delete node;
        return rest;
    }
    Node*& child = node->child[node->page < page];
    child = erase(child, page);
    refresh(*node);
    return node;
}

void IdentityMap::free(Node* node) {
    if (node == nullptr) return;
    free(node->child[0]);
    free(node->child[1]);
    delete node;
}

IdentityMap::~IdentityMap() { free(root_); }

const IdentityMap::Node* IdentityMap::find(std::uint64_t page) const {
    const Node* node = root_;
    while (node != nullptr && node->page != page) node = node->child[node->page < page];
    return node;
}

// Makes sure that a page has a node.
bool IdentityMap::reach(std::uint64_t page) {
    if (find(page) != nullptr) return true;
    Node* const node = new (std::nothrow) Node;
    if (node == nullptr) return false;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    node->page = page;
    node->priority = random_;
    Node* below = nullptr;
    Node* rest = nullptr;
    split(root_, page, below, rest);
    root_ = merge(merge(below, node), rest);
    return true;
}

void IdentityMap::drop_unused(std::uint64_t page) {
    const Node* const node = find(page);
    if (node != nullptr && node->begins == 0 && node->ends == 0) root_ = erase(root_, page);
}

// ---- who is mapped -------------------------------------------------------------------------------------------------

bool IdentityMap::covers(std::uint64_t page) const {
    std::int64_t runs = 0;
    for (const Node* node = root_; node != nullptr;) {
        const bool counts = node->page <= page;
        if (counts) runs += sum_of(node->child[0]) + node->begins - node->ends;
        node = node->child[counts];
    }
    return runs != 0;
}

// The first node behind a page at which no run is left; `before`: the runs in front of the subtree.
const IdentityMap::Node* IdentityMap::first_uncovered(const Node* node, std::uint64_t behind, std::int64_t before) {
    if (node == nullptr || before + node->lowest > 0) return nullptr;
    const std::int64_t here = before + sum_of(node->child[0]) + node->begins - node->ends;
    if (node->page > behind) {
        if (const Node* found = first_uncovered(node->child[0], behind, before)) return found;
        if (here == 0) return node;
    }
    return first_uncovered(node->child[1], behind, here);
}

// Of a page that nobody has mapped: the first one behind it where a run begins, at most `end`.
std::uint64_t IdentityMap::next_begin(std::uint64_t behind, std::uint64_t end) const {
    while (behind < end) {
        const Node* next = nullptr;
        for (const Node* node = root_; node != nullptr; node = node->child[node->page <= behind])
            if (node->page > behind) next = node;
        if (next == nullptr || next->page >= end) return end;
        if (next->begins != 0) return next->page;
        behind = next->page;  // new, of the call that asks
    }
    return end;
}

template <typename Visit>
bool IdentityMap::for_each_gap(std::uint64_t first, std::uint64_t end, Visit visit) const {
    for (std::uint64_t page = first; page < end;) {
        if (covers(page)) {
            const Node* const behind = first_uncovered(root_, page, 0);
            page = behind == nullptr ? end : behind->page;
            continue;
        }
        const std::uint64_t stop = next_begin(page, end);
        if (!visit(PageRun{page, stop - page})) return false;
        page = stop;
    }
    return true;
}

bool IdentityMap::add(DmaPort& port, const PageRun& run) {
    const std::uint64_t end = run.first + run.count;
    std::uint64_t mapped = run.first;  // whatever of the run is below it
    const bool ok = reach(run.first) && reach(end) && for_each_gap(run.first, end, [&](const PageRun& gap) {
                        mapped = gap.first;
                        return port.map({gap.first}, {gap.first}, gap.count);
                    });
    if (!ok) {
        (void)for_each_gap(run.first, mapped,
                           [&](const PageRun& gap) { return port.unmap({gap.first}, gap.count), true; });
        drop_unused(run.first);
        drop_unused(end);
        return false;
    }
    count(root_, run.first, 1, 0);
    count(root_, end, 0, 1);
    return true;
}

void IdentityMap::remove(DmaPort& port, const PageRun& run) {
    const std::uint64_t end = run.first + run.count;
    count(root_, run.first, -1, 0);
    count(root_, end, 0, -1);
    (void)for_each_gap(run.first, end, [&](const PageRun& gap) { return port.unmap({gap.first}, gap.count), true; });
    drop_unused(run.first);
    drop_unused(end);
}

}  // namespace remap::callbacks
