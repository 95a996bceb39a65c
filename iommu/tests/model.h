// SPDX-License-Identifier: MIT
// A simple model of what tables mean, and of the memory they lie in: address spaces with two stages, of which each has
// three 2 MiB regions of a few pages. No caches, no walks: what the model says is what a device has to get.
#pragma once

#include "iommu/tests/fake_machine.h"

#include <array>
#include <cstdint>
#include <random>
#include <vector>

namespace remap::test {

using Random = std::mt19937_64;

// Pages of tables out of RAM, zeroed; what is given back is spoiled, so that whoever still walks it is found out.
class TablePages {
public:
    TablePages(Ram& ram, std::uint64_t first, std::uint64_t end) : ram_(ram), next_(first), end_(end) {}

    std::uint64_t take() {
        std::uint64_t page = next_;
        if (free_.empty()) {
            next_ += 0x1000;
        } else {
            page = free_.back();
            free_.pop_back();
        }
        if (page >= end_) return 0;
        for (std::uint64_t at = 0; at < 0x1000; at += 8) ram_.set(page + at, 0);
        return page;
    }
    void give_back(std::uint64_t page) {
        for (std::uint64_t at = 0; at < 0x1000; at += 8) ram_.set(page + at, 0xa5a5a5a5a5a5a5a5);
        free_.insert(free_.begin(), page);
    }

private:
    Ram& ram_;
    std::uint64_t next_, end_;
    std::vector<std::uint64_t> free_;
};

struct Leaf {
    bool present = false;
    std::uint64_t target = 0;  // page number
    // Second stage: read and write. First stage: write and user.
    bool read = false, write = false, user = false;
};

struct Region {
    enum class State { Empty, Table, Huge } state = State::Empty;
    std::uint64_t table = 0;  // where its leaves lie
    Leaf huge;
    std::array<Leaf, 16> pages;
};

constexpr unsigned regions = 3;

// One stage: four levels, of which only the entries of the last two ever change.
struct Stage {
    bool second = false;
    std::uint64_t root = 0, middle = 0;  // the table of level 4, and that of level 2
    std::array<Region, regions> region;

    const Leaf* leaf(std::uint64_t page) const {
        if (page >> 9 >= regions) return nullptr;
        const Region& one = region[page >> 9];
        if (one.state == Region::State::Huge) return &one.huge;
        if (one.state == Region::State::Empty || (page & 511) >= one.pages.size()) return nullptr;
        return &one.pages[page & 511];
    }
    std::uint64_t end(const Leaf& leaf, std::uint64_t page) const {
        const bool huge = region[page >> 9].state == Region::State::Huge;
        return leaf.target + (huge ? page & 511 : 0);
    }
    std::uint64_t word(const Leaf& leaf, bool huge) const {
        if (!leaf.present) return 0;
        const std::uint64_t rights =
            second ? (leaf.read ? 1 : 0) | (leaf.write ? 2 : 0) : 1 | (leaf.write ? 2 : 0) | (leaf.user ? 4 : 0);
        return leaf.target << 12 | rights | (huge ? 0x80 : 0);
    }
};

// What a device gets: a page, or a reason.
struct Answer {
    std::uint64_t page = 0;
    unsigned reason = 0;
    friend bool operator==(const Answer&, const Answer&) = default;
};

struct Space {
    enum class Kind { First = 1, Second = 2, Nested = 3 } kind = Kind::Second;
    unsigned pasid = 0;
    std::uint16_t domain = 0;
    bool present = true;  // the PASID entry
    Stage first, second;

    Answer second_answer(std::uint64_t page, bool write) const {
        const Leaf* const leaf = second.leaf(page);
        if (leaf == nullptr || !leaf->present) return {.reason = 0x79};
        if (write ? !leaf->write : !leaf->read) return {.reason = write ? 0x85u : 0x86u};
        return {.page = second.end(*leaf, page)};
    }
    Answer answer(std::uint64_t page, bool write, bool privileged) const {
        if (!present) return {.reason = 0x59};
        if (kind == Kind::Second) return second_answer(page, write);
        const Leaf* const leaf = first.leaf(page);
        if (leaf == nullptr || !leaf->present) return {.reason = 0x71};
        if (!privileged && !leaf->user) return {.reason = 0x81};
        if (write && !leaf->write && !privileged) return {.reason = 0x85};
        const std::uint64_t end = first.end(*leaf, page);
        return kind == Kind::Nested ? second_answer(end, write) : Answer{.page = end};
    }
};

// Makes up leaves. Of nested first stages they lead into the second stage's regions, else to pages of their own.
class LeafMaker {
public:
    explicit LeafMaker(Random& random) : random_(random) {}

    Leaf make(const Space& space, const Stage& stage, bool huge) {
        Leaf leaf{.present = random_() % 5 != 0,
                  .target = huge ? (next_ += 512) & ~511ull : ++next_,
                  .read = true,
                  .write = random_() % 3 != 0,
                  .user = random_() % 4 != 0};
        if (leaf.write && stage.second) leaf.read = random_() % 5 != 0;
        if (space.kind == Space::Kind::Nested && !stage.second)
            leaf.target = random_() % regions * 512 + (huge ? 0 : random_() % 16);
        return leaf;
    }

private:
    Random& random_;
    std::uint64_t next_ = 0x10000;
};

}  // namespace remap::test
