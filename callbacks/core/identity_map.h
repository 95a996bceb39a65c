// SPDX-License-Identifier: MIT
// The pages of a domain in which logical addresses equal physical ones. A page may be mapped for several reasons at
// once (two ADLs of one object, an MDL of the driver's own): it can be reached until the last of them ends.
//
// Kept are the pages where runs begin and end, each with how many do, in a balanced tree (a treap) whose nodes know the
// sum and the lowest partial sum of what is below them. Taking a run back needs no memory: it cannot fail. The time of
// a call grows with the logarithm of the number of live runs, and with the pieces that it maps or unmaps.
#pragma once

#include "callbacks/core/page_runs.h"
#include "callbacks/core/ports.h"

#include <cstdint>

namespace remap::callbacks {

class IdentityMap {
public:
    IdentityMap() = default;
    ~IdentityMap();
    IdentityMap(const IdentityMap&) = delete;
    IdentityMap& operator=(const IdentityMap&) = delete;

    // Maps the pages that nobody has mapped, and counts. All or nothing: false when there is no memory. The run is not
    // empty and does not wrap.
    bool add(DmaPort& port, const PageRun& run);

    // Takes back a run that was added, as it was added: unmaps the pages whose last reason it was.
    void remove(DmaPort& port, const PageRun& run);

    bool empty() const { return root_ == nullptr; }

private:
    struct Node {
        std::uint64_t page = 0;
        std::int64_t begins = 0;  // runs
        std::int64_t ends = 0;    // runs whose last page is the one before
        std::int64_t sum = 0;     // of begins - ends in this subtree
        std::int64_t lowest = 0;  // least sum of a front part of this subtree, in the order of pages, of a node or more
        std::uint64_t priority = 0;
        Node* child[2] = {};  // of lower pages, of higher ones
    };

    static std::int64_t sum_of(const Node* node) { return node != nullptr ? node->sum : 0; }
    static void refresh(Node& node);
    static void split(Node* node, std::uint64_t page, Node*& below, Node*& rest);
    static Node* merge(Node* below, Node* above);
    static void count(Node* node, std::uint64_t page, std::int64_t begins, std::int64_t ends);
    static Node* erase(Node* node, std::uint64_t page);
    static void free(Node* node);
    static const Node* first_uncovered(const Node* node, std::uint64_t behind, std::int64_t before);

    const Node* find(std::uint64_t page) const;
    bool reach(std::uint64_t page);
    void drop_unused(std::uint64_t page);
    bool covers(std::uint64_t page) const;
    std::uint64_t next_begin(std::uint64_t behind, std::uint64_t end) const;

    // Calls `visit(run)` for what nobody has mapped of a range, as long as it returns true.
    template <typename Visit>
    bool for_each_gap(std::uint64_t first, std::uint64_t end, Visit visit) const;

    Node* root_ = nullptr;
    std::uint64_t random_ = 0x9e37'79b9'7f4a'7c15;
};

}  // namespace remap::callbacks
