// SPDX-License-Identifier: MIT
// A processor's page tables, read from outside: where an address lies and with which type, and which addresses show a
// physical page (Intel SDM volume 3, chapter "Paging"). Nothing that the tables hold is trusted: they may be garbage,
// point to themselves, or name memory that does not exist.
//
// Modelled: no paging, and 64-bit mode with 4 or 5 levels. The 32-bit modes (firmware, boot loaders) are not: there
// nothing is mapped, and is_modelled() says so. Protection keys, SMEP and SMAP and the accessed and dirty flags decide
// about single accesses, not about mappings, and are left out.
#pragma once

#include "base/address.h"
#include "iommu/paging/memory_type.h"
#include "iommu/paging/mtrr.h"
#include "iommu/paging/x86_long.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace remap::cache {

using paging::MemoryType;

// Physical memory, for reading tables. Not called across a page.
class TableReader {
public:
    // `count` words of eight bytes from an address that is a multiple of eight. False: it is not memory.
    virtual bool read(PhysicalAddress from, std::uint64_t* words, std::size_t count) = 0;

protected:
    ~TableReader() = default;
};

// What of a processor's registers decides about its mappings.
struct PagingState {
    std::uint64_t cr3 = 0;
    std::uint64_t cr4 = 0;
    std::uint64_t efer = 0;
    paging::CacheControls controls{};         // CR0, PAT, MTRRs, physical address width
    unsigned largest_leaf = paging::leaf_1g;  // shift; leaf_2m on a processor without leaves of 1 GiB

    bool paging() const;
    bool is_modelled() const;
    unsigned levels() const;  // 4 or 5; only with paging

    // The top table; PCID and the flags of CR3 are left out. Two processors with the same root have the same mappings.
    PhysicalAddress root() const;

    // The same processor with another top table.
    PagingState with_root(PhysicalAddress root) const;
};

// The mapping of one address.
struct Mapping {
    PhysicalAddress address;
    unsigned shift = page_shift;              // the leaf spans 2^shift bytes; without paging: a page
    MemoryType type = MemoryType::WriteBack;  // effective, of PAT and MTRRs together
    bool writable = false;
    bool user = false;
    bool executable = false;
};

// Nothing when an access by the kernel would fault: not present, not canonical, a reserved bit, or a table that is not
// memory.
std::optional<Mapping> mapping_of(const PagingState& state, TableReader& reader, CpuVirtualAddress address);

// A virtual page that shows the physical page that was asked for.
struct PageMapping {
    CpuVirtualPage page;
    unsigned shift = page_shift;  // of the leaf that the page belongs to
    MemoryType type = MemoryType::WriteBack;
    bool writable = false;
    bool user = false;

    friend bool operator==(const PageMapping&, const PageMapping&) = default;
};

struct SearchLimits {
    std::uint64_t tables = 1 << 18;  // that are read, one more than once where it is reached in several ways
    std::size_t mappings = 1024;     // that are listed
};

struct PageMappings {
    std::vector<PageMapping> list;  // in the order of virtual addresses, the lower half first
    bool complete = true;           // false: a limit was reached, a table was not memory, or the mode is not modelled
    std::uint64_t tables_read = 0;
};

// All mappings of a physical page by one processor's tables. Takes time for the tables there are, not for the
// addresses: a table below which the page is not found is read once a level.
PageMappings mappings_of(const PagingState& state, TableReader& reader, PhysicalPage page,
                         const SearchLimits& limits = {});

}  // namespace remap::cache
