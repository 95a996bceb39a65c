// SPDX-License-Identifier: MIT
// Bytes of a line, and who stored or wrote each of them last.
#pragma once

#include "hw/cache/coherency.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace remap::cache {

using Bytes = std::array<std::uint8_t, line_bytes>;
using Mask = std::uint64_t;  // of the bytes of a line: bit 0 is the first

inline Mask mask_of(unsigned at, unsigned bytes) { return bytes == 0 ? 0 : (~Mask{0} >> (line_bytes - bytes)) << at; }

inline unsigned first_of(Mask mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

template <typename Visit>
void for_each_byte(Mask mask, Visit&& visit) {
    for (; mask != 0; mask &= mask - 1) visit(first_of(mask));
}

// The bytes in which two lines differ. Eight at a time: every access to a line that is not clean asks this.
inline Mask differing(const Bytes& one, const Bytes& other) {
    constexpr std::uint64_t low_bits_of_bytes = 0x7f7f'7f7f'7f7f'7f7f;
    constexpr std::uint64_t gather = 0x0102'0408'1020'4080;  // bit 0 of byte i to bit 56 + i
    Mask mask = 0;
    for (unsigned at = 0; at < line_bytes; at += 8) {
        std::uint64_t first, second;
        std::memcpy(&first, &one[at], 8);
        std::memcpy(&second, &other[at], 8);
        const std::uint64_t change = first ^ second;
        const std::uint64_t high_bits = ((change & low_bits_of_bytes) + low_bits_of_bytes) | change;
        mask |= ((high_bits >> 7 & ~low_bits_of_bytes >> 7) * gather >> 56) << at;
    }
    return mask;
}

inline void copy(Bytes& to, const Bytes& from, Mask mask) {
    for (unsigned at = 0; at < line_bytes; at += 8) {
        const Mask part = mask >> at & 0xff;
        if (part == 0xff) {
            std::memcpy(&to[at], &from[at], 8);
        } else if (part != 0) {
            for_each_byte(part << at, [&](unsigned i) { to[i] = from[i]; });
        }
    }
}

// An entry for each instruction and mapping, not for each store: a loop that fills a line takes one.
class Stores {
public:
    // `origin` is a store to `bytes` bytes of the line from its byte `at` on; its address is that of its first byte
    // there.
    void add(const Origin& origin, unsigned at, unsigned bytes) {
        const Mask mask = mask_of(at, bytes);
        for (unsigned i = at; i < at + bytes; ++i) starts_[i] = static_cast<std::uint8_t>(at);
        Origin line = origin;
        line.address = origin.address - at;
        Entry* found = nullptr;
        for (Entry& entry : entries_) {
            entry.mask &= ~mask;
            if (same(entry.line, line)) found = &entry;
        }
        if (found == nullptr) found = unused();
        found->line = line;
        found->mask |= mask;
    }

    // The last store to a byte.
    std::optional<Origin> at(unsigned byte) const {
        for (const Entry& entry : entries_) {
            if ((entry.mask >> byte & 1) == 0) continue;
            Origin origin = entry.line;
            origin.address = origin.address + starts_[byte];
            return origin;
        }
        return std::nullopt;
    }

    void clear() { entries_.clear(); }

private:
    struct Entry {
        Origin line;  // with the address of the line's first byte in this mapping
        Mask mask = 0;
    };

    static bool same(const Origin& one, const Origin& other) {
        return one.code == other.code && one.address == other.address && one.cpu == other.cpu && one.type == other.type;
    }

    // Never more than one entry a byte: each has a byte that is no other's.
    Entry* unused() {
        const auto empty = std::find_if(entries_.begin(), entries_.end(), [](const Entry& e) { return e.mask == 0; });
        return empty != entries_.end() ? &*empty : &entries_.emplace_back();
    }

    std::vector<Entry> entries_;
    std::array<std::uint8_t, line_bytes> starts_{};  // of the last store to each byte: its first byte in the line
};

// The same for what devices wrote: the bytes whose newest value is a device's.
class DmaWrites {
public:
    void add(const DmaOrigin& origin, Mask mask) {
        remove(mask);
        entries_.push_back({origin, mask});
    }

    void remove(Mask mask) {
        std::erase_if(entries_, [mask](Entry& entry) { return (entry.mask &= ~mask) == 0; });
    }

    std::optional<DmaOrigin> at(unsigned byte) const {
        for (const Entry& entry : entries_) {
            if ((entry.mask >> byte & 1) != 0) return entry.origin;
        }
        return std::nullopt;
    }

    void clear() { entries_.clear(); }

private:
    struct Entry {
        DmaOrigin origin;
        Mask mask = 0;
    };

    std::vector<Entry> entries_;
};

}  // namespace remap::cache
