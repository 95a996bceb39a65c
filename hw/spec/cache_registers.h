// SPDX-License-Identifier: MIT
// The cache model's registers (-machine cache-model=...): a page of memory-mapped registers at a fixed address through
// which a guest's tests read what was found and a guest's driver side names what it maps. No hardware has them; where
// the model is off reads return all ones. Registers are 8 bytes and are accessed as 8 bytes.
#pragma once

#include <cstdint>

namespace remap::spec::cache {

inline constexpr std::uint64_t base = 0xfed8'0000;  // physical address
inline constexpr std::uint64_t bytes = 0x1000;

inline constexpr std::uint64_t id = 0x00;                      // read: magic
inline constexpr std::uint64_t magic = 0x3165'6863'6163'6d52;  // "Rmcache1"

// What a finding is; docs/coherency.md has each.
enum class FindingKind : std::uint8_t {
    None = 0,  // there is no such finding
    // A device reads old bytes from memory:
    MissedFlush = 1,     // what a processor stored is still in its cache, and the access does not snoop
    MissedFence = 2,     // CLFLUSHOPT or CLWB of the line was executed, but nothing has ordered it since
    UndrainedStore = 3,  // what a processor stored is still in its write-combining buffer
    // A processor reads old bytes:
    StaleRead = 4,       // from a line it cached before a device wrote without snooping
    StaleAliasRead = 5,  // from a line it cached before somebody stored past the cache, or past a line not written back
    // A device's bytes, or a processor's that went past the cache, are lost:
    OverwrittenByLine = 6,   // a line that was dirty before is written back over them
    OverwrittenByStore = 7,  // a write-combining buffer that was filled before is emptied over them
    // Mappings of one page:
    TypeConflict = 8,  // two of them have different memory types
};

inline constexpr std::uint64_t mode = 0x08;      // read: 1 report, 2 strict
inline constexpr std::uint64_t findings = 0x10;  // read: different ones so far
inline constexpr std::uint64_t select = 0x18;    // the finding that the next registers describe, from 0

// Of the selected finding; zeros when there is none.
inline constexpr std::uint64_t kind = 0x20;           // a FindingKind
inline constexpr std::uint64_t first = 0x28;          // physical address of the first byte that differs
inline constexpr std::uint64_t length = 0x30;         // bytes
inline constexpr std::uint64_t store_code = 0x38;     // address of the instruction that stored; 0: none, as below
inline constexpr std::uint64_t store_address = 0x40;  // virtual
inline constexpr std::uint64_t load_code = 0x48;
inline constexpr std::uint64_t load_address = 0x50;
inline constexpr std::uint64_t flush_code = 0x58;
inline constexpr std::uint64_t dma_address = 0x60;    // as the device put it on the bus
inline constexpr std::uint64_t dma_source = 0x68;     // bus, device, function
inline constexpr std::uint64_t count = 0x70;          // how often
inline constexpr std::uint64_t other_code = 0x78;     // of a type conflict: who used the other mapping
inline constexpr std::uint64_t other_address = 0xa0;  // virtual

// Runs of pages that are mapped for DMA. The model cannot see that where no unit of ours translates.
inline constexpr std::uint64_t run_first = 0x80;   // physical page number
inline constexpr std::uint64_t run_pages = 0x88;   // how many; bounded by what a physical address can name
inline constexpr std::uint64_t run_mapped = 0x90;  // write 1: the run is mapped for DMA; 0: it no longer is

}  // namespace remap::spec::cache
