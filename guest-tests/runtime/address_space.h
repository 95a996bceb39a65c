// SPDX-License-Identifier: MIT
// The CPU's translation tables and the cache types they select.
//
//   owned memory            at its physical address, write-back, leaves of 2 MiB
//   0x0000100000000000      views with user rights   (lower half)
//   0xffff800000000000      views of the kernel      (upper half)
// Nothing else is mapped: no address of a device and no frame of the pool, until somebody asks for a view.
#pragma once

#include "callbacks/core/ports.h"
#include "iommu/paging/editor.h"
#include "iommu/paging/memory_type.h"

#include <cstdint>
#include <optional>

namespace remap::guest {

using callbacks::AccessMode;
using callbacks::CacheType;

struct VirtualRegion {
    CpuVirtualAddress first;
    std::uint64_t bytes = 0;
};
inline constexpr std::uint64_t region_bytes = std::uint64_t{1} << 46;
inline constexpr VirtualRegion user_region{{0x0000'1000'0000'0000}, region_bytes};
inline constexpr VirtualRegion kernel_region{{0xffff'8000'0000'0000}, region_bytes};

using paging::MemoryType;

// The entry of the PAT that each cache type uses, and the type found there. Entry 0 is what tables select by default
// and stays write-back; entries up to 3 need only the PWT and PCD bits, which stand in the same place in leaves of all
// sizes.
constexpr unsigned pat_index(CacheType cache) {
    return cache == CacheType::WriteBack ? 0 : cache == CacheType::WriteCombined ? 1 : 3;
}
constexpr MemoryType memory_type(CacheType cache) {
    return cache == CacheType::WriteBack       ? MemoryType::WriteBack
           : cache == CacheType::WriteCombined ? MemoryType::WriteCombining
                                               : MemoryType::Uncacheable;
}

// Programs the PAT, builds the kernel's tables and moves the CPU onto them.
void start_address_space();

// The tables of a process: the kernel's part is the same in all of them, the region of user views is its own. The
// kernel by itself is one too, and the first.
class AddressSpace;
AddressSpace& kernel_space();
AddressSpace& current_space();

// A new one without user views; null when there is no memory. destroy_space wants it without views and not current.
AddressSpace* create_space();
void destroy_space(AddressSpace* space);

// Moves the CPU onto its tables.
void enter_space(AddressSpace& space);

struct Protection {
    CacheType cache = CacheType::WriteBack;
    AccessMode mode = AccessMode::Kernel;
    bool writable = true;
    bool executable = false;
};

// Shift of the largest leaf that this processor has: 2 MiB or 1 GiB.
unsigned largest_leaf();

// Maps pages at a place of the caller's choice, by the largest leaves that its alignment allows. False when a page
// there is mapped already or there is no memory for tables; then nothing has changed. `space` counts for the user
// region only.
bool map_pages(AddressSpace& space, CpuVirtualPage first, PhysicalPage to, std::uint64_t pages,
               const Protection& protection);

// Unmaps pages and drops what the TLB holds of them. Panics unless all are mapped.
void unmap_pages(AddressSpace& space, CpuVirtualPage first, std::uint64_t pages);

// The leaf that maps a page, as the tables in memory have it, walked from the table that CR3 names.
using Leaf = paging::Editor<paging::X86Long>::Leaf;
std::optional<Leaf> find_leaf(CpuVirtualAddress address);

// The PAT entry that a leaf selects, and the type that the PAT MSR has there now.
unsigned pat_index_of(const Leaf& leaf);
MemoryType pat_type(unsigned index);

bool has_user_rights(const Leaf& leaf);
bool is_writable(const Leaf& leaf);

}  // namespace remap::guest
