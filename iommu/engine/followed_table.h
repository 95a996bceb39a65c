// SPDX-License-Identifier: MIT
// A paging structure as it is followed: which table it is, and what its entries lead to.
#pragma once

#include "base/address.h"
#include "base/bits.h"
#include "iommu/engine/configuration.h"
#include "iommu/engine/page_counts.h"
#include "iommu/paging/format.h"

#include <compare>
#include <cstdint>

namespace remap::iommu {

// Nested ones are kept apart: they lead to memory only together.
enum class Stage : std::uint8_t { Second, First, NestedSecond, NestedFirst };

// One page may serve as several tables: at several levels, or where entries above give different rights. Each of them
// is followed for itself, once, however many entries lead to it. So tables that lead to each other end after five
// levels, and tables that many entries share cost no more than others.
struct TableKey {
    using Rights = Field<3, 0, std::uint8_t>;
    using Level = Field<6, 4, unsigned>;
    using Kind = Field<8, 7, Stage>;
    static constexpr std::uint64_t address_mask = Field<63, page_shift>::mask;

    std::uint64_t word = 0;

    static constexpr TableKey of(std::uint64_t address, unsigned level, Stage stage, paging::Rights rights) {
        return {(address & address_mask) | Rights::of(rights.bits) | Level::of(level) | Kind::of(stage)};
    }
    constexpr std::uint64_t address() const { return word & address_mask; }  // of NestedFirst, guest-physical
    constexpr unsigned level() const { return Level::get(word); }
    constexpr Stage stage() const { return Kind::get(word); }
    constexpr paging::Rights rights() const { return {Rights::get(word)}; }  // given by the entries above

    friend constexpr auto operator<=>(TableKey, TableKey) = default;
};

// A change of a page is made for its tables in this order: second stages before the first stages on top of them, and
// tables before those that may lead to them.
struct InOrderOfChange {
    constexpr bool operator()(TableKey a, TableKey b) const { return rank(a) != rank(b) ? rank(a) < rank(b) : a < b; }

private:
    static constexpr unsigned rank(TableKey key) { return static_cast<unsigned>(key.stage()) * 8 + key.level(); }
};

// What an entry leads to.
struct Target {
    enum class Kind : std::uint8_t { Nothing, Table, Leaf };

    Kind kind = Kind::Nothing;
    bool snooped = false;        // of a leaf: every access through it snoops
    TableKey table = {};         // as the next
    PageRun leaf = {};           // in memory; guest-physical where the first stage is nested
    paging::Rights rights = {};  // effective ones

    friend constexpr bool operator==(const Target&, const Target&) = default;
};

// As the unit's walk sees the entry, for requests without PASID: those are for users, and need one right that is left.
Target target_of(const Configuration& configuration, TableKey table, std::uint64_t entry);

}  // namespace remap::iommu
