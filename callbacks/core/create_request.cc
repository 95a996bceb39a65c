// SPDX-License-Identifier: MIT
#include "callbacks/core/create_request.h"

#include "base/bits.h"

#include <algorithm>
#include <optional>

namespace remap::callbacks {

namespace {

using Args = DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT;

constexpr UINT known_mdl_flags = MM_DONT_ZERO_ALLOCATION | MM_ALLOCATE_FROM_LOCAL_NODE_ONLY |
                                 MM_ALLOCATE_FULLY_REQUIRED | MM_ALLOCATE_NO_WAIT | MM_ALLOCATE_PREFER_CONTIGUOUS |
                                 MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS | MM_ALLOCATE_FAST_LARGE_PAGES |
                                 MM_ALLOCATE_TRIM_IF_NECESSARY | MM_ALLOCATE_AND_HOT_REMOVE;

// Physical addresses are unsigned, whatever LARGE_INTEGER says: drivers pass all ones for "no limit".
std::uint64_t bytes_of(PHYSICAL_ADDRESS address) { return static_cast<std::uint64_t>(address.QuadPart); }

bool whole_pages(std::uint64_t bytes) { return (bytes & (page_size - 1)) == 0; }

// The pages that lie in [low, high] with all their bytes. Never frame 0: an ADL could not show it. False when empty.
bool set_window(CreateRequest& request, PHYSICAL_ADDRESS low, PHYSICAL_ADDRESS high) {
    const std::uint64_t end = (bytes_of(high) >> page_shift) + ((~bytes_of(high) & (page_size - 1)) == 0);
    request.lowest.number = std::max<std::uint64_t>(pages_of(bytes_of(low)), 1);
    if (end <= request.lowest.number) return false;
    request.highest.number = end - 1;
    return true;
}

std::optional<CacheType> cache_type_of(DXGK_MEMORY_CACHING_TYPE type) {
    switch (type) {
        case DXGK_MEMORY_CACHING_TYPE_NON_CACHED: return CacheType::Uncached;
        case DXGK_MEMORY_CACHING_TYPE_CACHED: return CacheType::WriteBack;
        case DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED: return CacheType::WriteCombined;
    }
    return std::nullopt;
}

// WDK page MmAllocatePagesForMdlEx.
NTSTATUS read_mdl(CreateRequest& request, const Args& args) {
    const auto& mdl = args.Mdl;
    const std::uint64_t skip = bytes_of(mdl.SkipBytes);
    if (request.pages > most_mdl_pages || (mdl.Flags & ~known_mdl_flags) != 0 || !whole_pages(skip) ||
        !set_window(request, mdl.LowAddress, mdl.HighAddress))
        return STATUS_INVALID_PARAMETER;
    if ((mdl.Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) == 0) {
        request.skip = skip >> page_shift;
        return STATUS_SUCCESS;
    }
    request.chunk = skip == 0 ? request.pages : skip >> page_shift;
    request.boundary = skip >> page_shift;  // a run as long as its boundary that crosses no multiple of it is aligned
    const bool divides = request.pages % request.chunk == 0;
    return divides && (skip == 0 || is_power_of_two(skip)) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

// WDK page MmAllocateContiguousMemorySpecifyCache.
NTSTATUS read_contiguous(CreateRequest& request, const Args& args) {
    const auto& memory = args.ContiguousMemory;
    const std::uint64_t boundary = bytes_of(memory.BoundaryAddressMultiple);
    if (!set_window(request, memory.LowestAcceptableAddress, memory.HighestAcceptableAddress) ||
        (boundary != 0 && (!is_power_of_two(boundary) || boundary < page_size)))
        return STATUS_INVALID_PARAMETER;
    request.boundary = boundary >> page_shift;
    return STATUS_SUCCESS;
}

NTSTATUS read_section(CreateRequest& request, const Args& args) {
    const auto& section = args.Section;
    if (request.cache == CacheType::Uncached || (section.AllocationAttributes & ~SEC_COMMIT) != 0)
        return STATUS_INVALID_PARAMETER;
    switch (section.PageProtection) {
        case PAGE_READWRITE: request.writable = true; break;
        case PAGE_READONLY:
        case PAGE_EXECUTE:
        case PAGE_WRITECOPY: request.writable = false; break;
        default: return STATUS_INVALID_PAGE_PROTECTION;
    }
    request.lowest.number = 1;
    request.highest.number = ~std::uint64_t{0} >> page_shift;
    return STATUS_SUCCESS;
}

NTSTATUS read_io_space(CreateRequest& request, const Args& args) {
    const std::uint64_t base = bytes_of(args.IOSpace.BaseAddress);
    const std::uint64_t bytes = request.pages << page_shift;
    if (!whole_pages(base) || base + (bytes - 1) < base) return STATUS_INVALID_PARAMETER;
    request.io_base = PhysicalAddress{base}.page();
    return STATUS_SUCCESS;
}

NTSTATUS read_type(CreateRequest& request, const Args& args) {
    switch (args.Type) {
        case DXGK_PHYSICAL_MEMORY_TYPE_MDL: return read_mdl(request, args);
        case DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY: return read_contiguous(request, args);
        case DXGK_PHYSICAL_MEMORY_TYPE_SECTION: return read_section(request, args);
        case DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE: return read_io_space(request, args);
    }
    return STATUS_INVALID_PARAMETER;
}

}  // namespace

Result<CreateRequest, NTSTATUS> read_create_request(const Args& args) {
    const auto cache = cache_type_of(args.CacheType);
    CreateRequest request;
    request.type = args.Type;
    request.pages = pages_of(args.Size);
    request.context = args.Context;
    if (!cache || request.pages == 0 || request.pages > most_object_pages)
        return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
    request.cache = *cache;
    const NTSTATUS status = read_type(request, args);
    if (!NT_SUCCESS(status)) return Failure{status};
    return request;
}

}  // namespace remap::callbacks
