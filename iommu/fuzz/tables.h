// SPDX-License-Identifier: MIT
// Tables that work, for targets to begin with: numbers of the manual, so that no input has to find out what a context
// entry looks like.
#pragma once

#include "iommu/fuzz/rig.h"

#include <cstdint>

namespace remap::fuzz {

// Where they lie. The pages behind them are data; the last is left to the queue.
namespace at {
inline constexpr std::uint64_t root = 0x1000, contexts = 0x2000, upper_contexts = 0x3000, directory = 0x4000,
                               pasids = 0x5000;
inline constexpr std::uint64_t first_stage = 0x6000;   // a page a level, from level 5 down to level 1
inline constexpr std::uint64_t second_stage = 0xb000;  // likewise
inline constexpr std::uint64_t data = 0x10000;

constexpr std::uint64_t first(unsigned level) { return first_stage + (5 - level) * 0x1000; }
constexpr std::uint64_t second(unsigned level) { return second_stage + (5 - level) * 0x1000; }
}  // namespace at

// Source 0x10 is in domain 7, 0x18 passes through. The second stage gives the pages of memory as they are, then one
// that can be read and one that can be written, and leaves of 2 MiB and 1 GiB where the unit has them.
void write_legacy_tables(Ram& ram, const iommu::Options& options);

// Requests without a PASID use 0, those of source 0x90 use 2. PASID 0 is a first stage, 1 a second stage, 2 nested, 3
// passes through.
void write_scalable_tables(Ram& ram, const iommu::Options& options);

// Puts the unit back, writes tables, and switches translation on: the mode, and how little is left untouched, are the
// input's choice. The value of RTADDR_REG.
std::uint64_t start_from(Input& input, Rig& rig);

// Those tables again, over what has become of them.
void write_tables_again(Rig& rig, std::uint64_t root_table_register);

// Changes a word of memory: mostly one bit of an entry in use, else a word of any page.
void change_memory(Input& input, Ram& ram);

}  // namespace remap::fuzz
