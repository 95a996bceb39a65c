// SPDX-License-Identifier: MIT
// The address translation cache of the function (PCIe's ATS): small and set-associative. It keeps what it was told
// until it is told to forget, or needs the place. Used on the engine thread alone.
#pragma once

#include "hw/gpu/translation.h"

#include <array>
#include <cstdint>

namespace remap::gpu {

class AddressCache {
public:
    static constexpr unsigned sets = 16, ways = 4;
    static constexpr unsigned small_page = 12, large_page = 21;  // shifts of what an entry can cover

    struct Entry {
        bool valid = false;
        Context context;
        std::uint64_t first = 0;   // address of its first byte
        unsigned shift = 0;        // small_page or large_page
        std::uint64_t target = 0;  // where that byte is
        bool readable = false;
        bool writable = false;
        bool snooped = false;  // accesses have to snoop

        bool covers(std::uint64_t address) const { return valid && first == address >> shift << shift; }
        bool allows(bool write) const { return write ? writable : readable; }
        std::uint64_t translate(std::uint64_t address) const { return target + (address - first); }

        template <typename Archive>
        void state(Archive& archive);
    };

    Entry* find(const Context& context, std::uint64_t address);

    // What a translation request for the address brought; it takes the place of older answers.
    void insert(const Context& context, std::uint64_t address, const Translated& answer);

    void forget(const Invalidation& what);
    void forget_all() { *this = {}; }

    template <typename Archive>
    void state(Archive& archive);

private:
    using Set = std::array<Entry, ways>;

    void drop(const Context& context, std::uint64_t address);
    static unsigned set_of(const Context& context, std::uint64_t address, unsigned shift);

    std::array<Set, sets> sets_{};
    std::array<std::uint8_t, sets> next_{};  // the way that is replaced next
};

}  // namespace remap::gpu
