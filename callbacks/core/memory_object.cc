// SPDX-License-Identifier: MIT
#include "callbacks/core/memory_object.h"

namespace remap::callbacks {

namespace {

// 16 MiB were read twice in about 9 seconds.
constexpr std::uint64_t slow_uncached_pages = (std::uint64_t{16} << 20) / page_size;

std::uint64_t number_of(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

ObjectSort sort_of(DXGK_PHYSICAL_MEMORY_TYPE type) {
    switch (type) {
        case DXGK_PHYSICAL_MEMORY_TYPE_MDL: return ObjectSort::Mdl;
        case DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY: return ObjectSort::Contiguous;
        case DXGK_PHYSICAL_MEMORY_TYPE_SECTION: return ObjectSort::Section;
        default: return ObjectSort::IoSpace;
    }
}

}  // namespace

WitnessedObject MemoryObject::witnessed() const { return {subject(), sort_of(type()), frames_.size()}; }

void AdapterObject::add(Adl& adl) {
    const std::uint64_t address = number_of(adl.handed_out());
    adls.add(adl);
    by_address_.add(adl, address, address);
}

void AdapterObject::remove(Adl& adl) {
    adls.remove(adl);
    by_address_.remove(adl);
}

Adl* AdapterObject::find_adl(const DXGK_ADL* handed_out) const {
    return by_address_.find(number_of(handed_out), number_of(handed_out));
}

bool MemoryObject::is_slow_to_read(const CpuMapping& mapping) const {
    return cache() == CacheType::Uncached && type() != DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE &&
           mapping.pages >= slow_uncached_pages;
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

void MemoryObject::add(CpuMapping& mapping) {
    const std::uint64_t first = number_of(mapping.base);
    mappings.add(mapping);
    by_address_.add(mapping, first, first + ((mapping.pages << page_shift) - 1));
}

void MemoryObject::remove(CpuMapping& mapping) {
    mappings.remove(mapping);
    by_address_.remove(mapping);
}

CpuMapping* MemoryObject::find_mapping(const void* base, std::uint64_t process) const {
    const std::uint64_t address = number_of(base);
    CpuMapping* foreign = nullptr;
    CpuMapping* const mine = by_address_.find(address, address, [&](CpuMapping& mapping) {
        if (mapping.base != base) return false;
        if (mapping.belongs_to(process)) return true;
        foreign = &mapping;
        return false;
    });
    return mine != nullptr ? mine : foreign;
}

}  // namespace remap::callbacks
