// SPDX-License-Identifier: MIT
// Physical memory as a list of words, for tables made by hand.
#pragma once

#include "hw/cache/page_tables.h"

#include <cstdint>
#include <map>
#include <set>

namespace remap::cache::test {

// A page exists when a word was put into it; its other words are 0.
class TableWords final : public TableReader {
public:
    void put(std::uint64_t address, std::uint64_t word) {
        words_[address] = word;
        pages_.insert(address >> 12);
    }

    bool read(PhysicalAddress from, std::uint64_t* words, std::size_t count) override {
        ++reads;
        if (!pages_.contains(from.value >> 12)) return false;
        for (std::size_t i = 0; i < count; ++i) {
            const auto found = words_.find(from.value + 8 * i);
            words[i] = found == words_.end() ? 0 : found->second;
        }
        return true;
    }

    std::uint64_t reads = 0;

private:
    std::map<std::uint64_t, std::uint64_t> words_;
    std::set<std::uint64_t> pages_;
};

// 64-bit mode: CR0 has PG, WP, PE; CR4 has PAE; EFER has NXE, LMA, LME; the PAT as after power-on; all memory
// write-back.
inline PagingState long_mode(std::uint64_t cr3) {
    return {.cr3 = cr3,
            .cr4 = 0x20,
            .efer = 0xd00,
            .controls = {.cr0 = 0x8001'0001, .mtrrs = {.default_type = 0x806}, .physical_address_width = 40}};
}

}  // namespace remap::cache::test
