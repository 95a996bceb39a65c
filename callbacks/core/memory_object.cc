// SPDX-License-Identifier: MIT
#include "callbacks/core/memory_object.h"

namespace remap::callbacks {

namespace {

// 16 MiB were read twice in about 9 seconds.
constexpr std::uint64_t slow_uncached_pages = (std::uint64_t{16} << 20) / page_size;

}  // namespace

Adl* AdapterObject::find_adl(const DXGK_ADL* handed_out) const {
    Adl* adl = adls.first();
    while (adl != nullptr && adl->handed_out() != handed_out) adl = adl->next;
    return adl;
}

bool MemoryObject::is_slow_to_read(const CpuMapping& mapping) const {
    return cache() == CacheType::Uncached && type() != DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE &&
           mapping.pages >= slow_uncached_pages;
}

bool MemoryObject::overlaps_io(const MemoryObject& other) const {
    constexpr auto io_space = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
    if (type() != io_space || other.type() != io_space) return false;
    const PhysicalPage mine = frames_[0];
    const PhysicalPage theirs = other.frames_[0];
    return mine <= theirs ? theirs - mine < frames_.size() : mine - theirs < other.frames_.size();
}

bool MemoryObject::inside(std::uint64_t offset, std::uint64_t bytes) const {
    const std::uint64_t size = frames_.size() << page_shift;
    return bytes != 0 && offset < size && bytes <= size - offset;
}

Result<CpuMappingRequest, NTSTATUS> MemoryObject::read_map(const DXGKARGCB_MAP_PHYSICAL_MEMORY& args) const {
    const Failure invalid{NTSTATUS{STATUS_INVALID_PARAMETER}};
    CpuMappingRequest request{.cache = request_.cache, .writable = request_.writable};
    switch (args.AccessMode) {
        case DXGK_ACCESS_MODE_KERNEL_MODE: request.mode = AccessMode::Kernel; break;
        case DXGK_ACCESS_MODE_USER_MODE: request.mode = AccessMode::User; break;
        default: return invalid;
    }
    if (!inside(args.Offset, args.Size)) return invalid;
    // WDK page DXGK_PHYSICAL_MEMORY_TYPE: memory of a device is not shown to user mode.
    if (type() == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE && request.mode == AccessMode::User) return invalid;
    request.first_page = args.Offset >> page_shift;
    request.pages = ((args.Offset + (args.Size - 1)) >> page_shift) - request.first_page + 1;
    return request;
}

Result<AdlRequest, NTSTATUS> MemoryObject::read_adl(const DXGKARGCB_ALLOCATE_ADL& args) const {
    const bool whole_pages = ((args.Offset | args.Size) & (page_size - 1)) == 0;
    const bool may_require =
        type() == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY || type() == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
    if (!whole_pages || !inside(args.Offset, args.Size) || args.Flags.Reserved != 0 ||
        (args.Flags.RequireContiguous != 0 && !may_require))
        return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
    return AdlRequest{.first_page = args.Offset >> page_shift,
                      .pages = args.Size >> page_shift,
                      .require_contiguous = args.Flags.RequireContiguous != 0,
                      .prefer_contiguous = args.Flags.PreferContiguous != 0};
}

CpuMapping* MemoryObject::find_mapping(const void* base, std::uint64_t process) const {
    CpuMapping* foreign = nullptr;
    for (CpuMapping* mapping = mappings.first(); mapping != nullptr; mapping = mapping->next) {
        if (mapping->base != base) continue;
        if (mapping->belongs_to(process)) return mapping;
        foreign = mapping;
    }
    return foreign;
}

}  // namespace remap::callbacks
