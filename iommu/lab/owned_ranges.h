// SPDX-License-Identifier: MIT
// Whose a page is: ranges of pages with an owner, in many spaces. The newest word counts: what overlaps is cut.
// Bounded, and each call costs the logarithm of what there is, and what it replaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace remap::lab {

class OwnedRanges {
public:
    struct Range {
        std::uint64_t first = 0;  // page number
        std::uint64_t pages = 0;
        std::uint64_t owner = 0;
        std::uint64_t target = 0;  // a page number that goes with the first; of each page behind it, the next one
        friend bool operator==(const Range&, const Range&) = default;
    };

    explicit OwnedRanges(std::size_t most) : most_(most) {}

    // `range` is not empty and does not wrap. False if there is no room: then what it covers belongs to nobody.
    bool assign(std::uint64_t space, const Range& range);

    // False if a range would have to be two, and there is no room: then the upper part belongs to nobody either.
    bool remove(std::uint64_t space, std::uint64_t first, std::uint64_t pages);
    void remove_owner(std::uint64_t owner);
    void clear();

    std::optional<Range> find(std::uint64_t space, std::uint64_t page) const;

    // The first page of the next range that begins behind this page.
    std::optional<std::uint64_t> next_after(std::uint64_t space, std::uint64_t page) const;

    // visit(space, range) for each range of an owner, in order, until it returns false.
    template <typename Visit>
    void each_of(std::uint64_t owner, Visit&& visit) const {
        for (auto next = by_owner_.lower_bound({owner, {}}); next != by_owner_.end() && next->first == owner; ++next) {
            if (!visit(next->second.first, range_of(*ranges_.find(next->second)))) return;
        }
    }

    std::size_t size() const { return ranges_.size(); }

private:
    using Place = std::pair<std::uint64_t, std::uint64_t>;  // space, first page
    struct Rest {
        std::uint64_t pages = 0;
        std::uint64_t owner = 0;
        std::uint64_t target = 0;
    };
    using Ranges = std::map<Place, Rest>;

    static Range range_of(const Ranges::value_type& entry) {
        return {entry.first.second, entry.second.pages, entry.second.owner, entry.second.target};
    }
    void put(std::uint64_t space, const Range& range);
    Ranges::iterator erase(Ranges::iterator range);

    const std::size_t most_;
    Ranges ranges_;
    std::set<std::pair<std::uint64_t, Place>> by_owner_;
};

}  // namespace remap::lab
