// SPDX-License-Identifier: MIT
// The memory the kernel owns: its image, the heap, and pages for translation tables and queues, one after the other
// from 2 MiB on. It is the only memory that is mapped at its own physical address.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

inline constexpr std::uint64_t heap_bytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t table_bytes = std::uint64_t{32} << 20;

PhysicalAddress owned_begin();
PhysicalAddress owned_end();  // first byte after; both are multiples of 2 MiB

// Prepares heap and table pages; before it nothing may be allocated.
void start_owned_memory();

// A page of zeros inside the owned memory, or nothing when they have run out.
std::optional<PhysicalPage> allocate_owned_page();
void free_owned_page(PhysicalPage page);
std::uint64_t owned_pages_in_use();

std::uint64_t heap_bytes_in_use();

}  // namespace remap::guest
