// SPDX-License-Identifier: MIT
// A set-associative cache of fixed size that is read without a lock.
//
// One writer at a time (the engine's lock) inserts and removes; any number of readers look up at the same time. Each
// line begins with a stamp that is unique to what the line holds: a reader that sees the same stamp before and after it
// copied the words has a whole entry, any other sees a miss. Emptying the cache raises the lowest stamp that counts and
// costs the same whatever is in it. Nothing is allocated after construction.
//
// Removals and the stamps that readers look at are sequentially consistent, as AccessGate is: a reader that announces
// itself after a removal was followed by a look at the gate never finds what was removed.
#pragma once

#include "base/bits.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace remap::iommu {

// How many entries a cache holds, and how many places one entry may go to. Sets are a power of two.
struct CacheGeometry {
    unsigned entries = 0;
    unsigned ways = 0;

    constexpr bool valid(unsigned most_entries) const {
        return ways >= 1 && ways <= 64 && entries >= ways && entries <= most_entries && entries % ways == 0 &&
               is_power_of_two(entries / ways);
    }
    friend constexpr bool operator==(CacheGeometry, CacheGeometry) = default;
};

// An entry: `key_words` words that tell it from others, then what is known about it.
template <std::size_t Words>
using CacheWords = std::array<std::uint64_t, Words>;

// The first two words of an entry, and which of their bits have to agree.
struct CacheKey {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::uint64_t second_mask = ~std::uint64_t{0};

    bool matches(std::uint64_t other_first, std::uint64_t other_second) const {
        return first == other_first && ((second ^ other_second) & second_mask) == 0;
    }
};

template <std::size_t Words>
class SetCache {
public:
    using Entry = CacheWords<Words>;

    struct Hit {
        Entry words;
        std::uint64_t stamp = 0;  // when it was inserted, on the clock of insertions and invalidations
    };

    explicit SetCache(CacheGeometry geometry)
        : ways_(geometry.ways),
          first_way_mask_(std::bit_floor(geometry.ways) - 1),
          set_mask_(geometry.entries / geometry.ways - 1),
          set_bits_(static_cast<unsigned>(std::popcount(set_mask_))),
          lines_(new Line[geometry.entries]()),
          next_(new std::uint8_t[geometry.entries / geometry.ways]()) {}

    std::size_t size() const { return (set_mask_ + 1) * ways_; }

    // Any thread. `hash` is what the entry was inserted with. What is found goes to `hit`, for a struct that is
    // returned in pieces and read whole stalls the processor for longer than the lookup takes.
    bool find(std::uint64_t hash, const CacheKey& key, Hit& hit) const {
        const std::uint64_t oldest = oldest_.load(std::memory_order_seq_cst);
        const Line* const begin = set_of(hash);
        unsigned way = first_way(hash);
        for (unsigned tried = 0; tried < ways_; ++tried, way = after(way)) {
            const Line* const line = begin + way;
            const std::uint64_t stamp = line->stamp.load(std::memory_order_seq_cst);
            if (line->words[0].load(std::memory_order_relaxed) != key.first || stamp <= oldest) continue;
            hit.words = line->copy();
            if (!key.matches(hit.words[0], hit.words[1])) continue;
            std::atomic_thread_fence(std::memory_order_acquire);
            hit.stamp = stamp;
            if (line->stamp.load(std::memory_order_relaxed) == stamp) return true;
        }
        return false;
    }

    // Any thread. Has the processor fetch what find will look at first.
    void prepare(std::uint64_t hash) const { __builtin_prefetch(set_of(hash) + first_way(hash)); }

    std::optional<Hit> find(std::uint64_t hash, const CacheKey& key) const {
        Hit hit;
        return find(hash, key, hit) ? std::optional(hit) : std::nullopt;
    }

    // The writer. Takes the place of the entry with this key, else a free one, else that of another entry of the set,
    // in turn. `stamp` is greater than all before. `dead(entry, stamp)` tells which entries need not be kept.
    template <typename Dead>
    void insert(std::uint64_t hash, const CacheKey& key, const Entry& words, std::uint64_t stamp, Dead&& dead) {
        Line* const begin = set_of(hash);
        Line* free = nullptr;
        unsigned way = first_way(hash);
        for (unsigned tried = 0; tried < ways_; ++tried, way = after(way)) {
            Line* const line = begin + way;
            const Entry held = line->copy();
            if (is_live(*line) && key.matches(held[0], held[1])) return line->put(words, stamp);
            if (free != nullptr) continue;
            if (!is_live(*line) || dead(held, line->stamp.load(std::memory_order_relaxed))) free = line;
        }
        if (free == nullptr) {
            std::uint8_t& turn = next_[hash & set_mask_];
            free = begin + turn;
            turn = static_cast<std::uint8_t>((turn + 1) % ways_);
        }
        free->put(words, stamp);
    }

    // The writer. Forgets everything that was inserted up to this stamp.
    void forget_up_to(std::uint64_t stamp) { oldest_.store(stamp, std::memory_order_seq_cst); }

    // The writer. Calls `visit(words, stamp)` for each live entry, of the set of a hash or of all sets, and forgets
    // those for which it returns true.
    template <typename Visit>
    void remove_from_set(std::uint64_t hash, Visit&& visit) {
        remove_from(set_of(hash), ways_, visit);
    }
    template <typename Visit>
    void remove_if(Visit&& visit) {
        remove_from(lines_.get(), size(), visit);
    }

    // What is live, one entry after the other, for a snapshot; and back. `place(words, to)` sets the hash and the key
    // that an entry belongs to, and tells whether there can be such an entry.
    struct Place {
        std::uint64_t hash = 0;
        CacheKey key;
    };
    template <typename Archive, typename Placer>
    void state(Archive& archive, const char* field, std::uint64_t newest_stamp, Placer&& place) {
        std::vector<Saved> saved;
        if constexpr (!Archive::reading) {
            remove_if([&](const Entry& words, std::uint64_t stamp) {
                saved.push_back({words, stamp});
                return false;
            });
        }
        archive.list(field, saved, static_cast<std::uint32_t>(size()));
        if constexpr (Archive::reading) {
            // Stamps of another unit's clock may be older than what was forgotten here.
            remove_if([](const Entry&, std::uint64_t) { return true; });
            oldest_.store(0, std::memory_order_relaxed);
            for (const Saved& one : saved) {
                Place to;
                const bool possible = one.stamp != 0 && one.stamp <= newest_stamp && place(one.words, to);
                archive.check(possible, field, "has an entry that the unit cannot have made");
                if (!archive.ok()) return;
                insert(to.hash, to.key, one.words, one.stamp, [](const Entry&, std::uint64_t) { return false; });
            }
        }
    }

private:
    struct Saved {
        Entry words{};
        std::uint64_t stamp = 0;

        template <typename Archive>
        void state(Archive& archive) {
            archive("words", words);
            archive("stamp", stamp);
        }
    };

    // Entries of four words do not lie in two of the processor's lines.
    struct alignas((Words + 1) % 4 == 0 ? 32 : 8) Line {
        std::atomic<std::uint64_t> stamp{0};  // 0: nothing is here
        std::array<std::atomic<std::uint64_t>, Words> words{};

        Entry copy() const {
            Entry entry;
            for (std::size_t i = 0; i < Words; ++i) entry[i] = words[i].load(std::memory_order_relaxed);
            return entry;
        }
        void put(const Entry& entry, std::uint64_t new_stamp) {
            stamp.store(0, std::memory_order_relaxed);
            std::atomic_thread_fence(std::memory_order_release);
            for (std::size_t i = 0; i < Words; ++i) words[i].store(entry[i], std::memory_order_relaxed);
            stamp.store(new_stamp, std::memory_order_release);
        }
    };

    bool is_live(const Line& line) const {
        return line.stamp.load(std::memory_order_relaxed) > oldest_.load(std::memory_order_relaxed);
    }
    // Where in its set an entry is looked for first, and put if it is free: most entries are found at once.
    unsigned first_way(std::uint64_t hash) const { return static_cast<unsigned>(hash >> set_bits_) & first_way_mask_; }
    unsigned after(unsigned way) const { return way + 1 == ways_ ? 0 : way + 1; }

    Line* set_of(std::uint64_t hash) const { return &lines_[(hash & set_mask_) * ways_]; }

    template <typename Visit>
    void remove_from(Line* line, std::size_t count, Visit& visit) {
        for (Line* const end = line + count; line != end; ++line) {
            if (is_live(*line) && visit(line->copy(), line->stamp.load(std::memory_order_relaxed)))
                line->stamp.store(0, std::memory_order_seq_cst);
        }
    }

    const unsigned ways_;
    const unsigned first_way_mask_;
    const std::uint64_t set_mask_;
    const unsigned set_bits_;
    const std::unique_ptr<Line[]> lines_;
    const std::unique_ptr<std::uint8_t[]> next_;  // of each set: the way to replace
    std::atomic<std::uint64_t> oldest_{0};        // entries with this stamp or a lower one are gone
};

}  // namespace remap::iommu
