// SPDX-License-Identifier: MIT
// Contiguous memory, views of device memory, and what is behind an address.
#include "callbacks/kernel/state.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace remap::kernel {

namespace {

using callbacks::CacheType;

// Nothing for a type that a mapping cannot have.
std::optional<CacheType> cache_of(MEMORY_CACHING_TYPE type) {
    switch (type) {
        case MmNonCached:
        case MmNonCachedUnordered: return CacheType::Uncached;
        case MmCached:
        case MmHardwareCoherentCached: return CacheType::WriteBack;
        case MmWriteCombined:
        case MmUSWCCached: return CacheType::WriteCombined;
        default: return std::nullopt;
    }
}

struct ContiguousRequest {
    std::uint64_t bytes = 0;
    std::uint64_t lowest = 0, highest = 0;  // addresses; the highest is that of the last byte
    std::uint64_t boundary = 0;             // bytes
    MEMORY_CACHING_TYPE type = MmCached;
};

std::optional<callbacks::FrameRequest> frames_for(const ContiguousRequest& wanted) {
    const bool power = (wanted.boundary & (wanted.boundary - 1)) == 0;
    if (wanted.bytes == 0 || !power || (wanted.boundary != 0 && wanted.boundary < page_size)) return std::nullopt;
    const std::uint64_t first = pages_of(wanted.lowest);
    const std::uint64_t end = wanted.highest == ~std::uint64_t{0} ? std::uint64_t{1} << 52 : (wanted.highest + 1) >> 12;
    if (end <= first) return std::nullopt;
    return callbacks::FrameRequest{.pages = pages_of(wanted.bytes),
                                   .lowest = {first},
                                   .highest = {end - 1},
                                   .boundary = wanted.boundary >> page_shift,
                                   .contiguous = true};
}

PVOID allocate_contiguous(const ContiguousRequest& wanted, const char* routine, const void* caller) {
    if (!irql_at_most(DISPATCH_LEVEL, wrong_irql, routine, caller)) return nullptr;
    const auto cache = cache_of(wanted.type);
    auto frames = frames_for(wanted);
    if (!cache || !frames) return nullptr;
    Kernel& state = kernel();
    const Locked locked(state);
    Region* const region = state.regions.create(
        {.kind = Region::Kind::Contiguous, .cache = *cache, .frames = *frames, .origin = {routine, caller, {}}});
    if (region == nullptr) return nullptr;
    region->bytes = wanted.bytes;
    region->caller = caller;
    return region->base;
}

// `bytes` and `cache` are compared when given.
void free_contiguous(PVOID base, std::optional<SIZE_T> bytes, std::optional<CacheType> cache, const char* routine,
                     const void* caller) {
    if (!irql_at_most(DISPATCH_LEVEL, wrong_irql, routine, caller)) return;
    Kernel& state = kernel();
    {
        const Locked locked(state);
        Region* const region = state.regions.find(base);
        const bool good = region != nullptr && region->kind == Region::Kind::Contiguous && region->base == base &&
                          (!bytes || *bytes == region->bytes) && (!cache || *cache == region->cache);
        if (good) return state.regions.destroy(*region);
    }
    stop_machine(
        BAD_POOL_CALLER, {0x60, address_of(base), 0, 0}, caller,
        "%s(%p), called from %p: this is not contiguous memory, was freed before, or has another size or cache type",
        routine, base, caller);
}

// The first page of the range that the system manages and that no live mapping of the kernel's stands for; nothing when
// the driver may map all of it.
std::optional<std::uint64_t> managed_page(Kernel& state, std::uint64_t first, std::uint64_t pages) {
    if (!state.port.frames().overlaps_memory({first}, pages)) return std::nullopt;
    for (std::uint64_t page = first; page < first + pages; ++page)
        if (state.port.frames().overlaps_memory({page}, 1)) return page;
    return std::nullopt;
}

PVOID map_io(std::uint64_t address, std::uint64_t bytes, CacheType cache, bool writable, const char* routine,
             const void* caller) {
    if (!irql_at_most(DISPATCH_LEVEL, 0x73, routine, caller, address, bytes)) return nullptr;
    if (bytes == 0 || address + (bytes - 1) < address || (address + (bytes - 1)) >> 52 != 0) return nullptr;
    const std::uint64_t offset = address & (page_size - 1);
    const std::uint64_t first = address >> page_shift;
    const std::uint64_t pages = pages_of(offset + bytes);
    Kernel& state = kernel();
    std::optional<std::uint64_t> managed;
    PVOID mapped = nullptr;
    ConflictReport found;
    {
        const Locked locked(state);
        managed = managed_page(state, first, pages);
        if (!managed) {
            callbacks::FrameList frames;
            if (!frames.add({{first}, pages})) return nullptr;
            Region* const region = state.regions.create({.kind = Region::Kind::IoView,
                                                         .cache = cache,
                                                         .given = std::move(frames),
                                                         .writable = writable,
                                                         .origin = {routine, caller, {}}});
            if (region == nullptr) return nullptr;
            region->address = region->base + offset;
            region->bytes = bytes;
            region->caller = caller;
            mapped = region->address;
            found = {region->audited.live(), state.regions.conflict_of(*region)};
        }
    }
    if (mapped != nullptr) {
        report_conflict(found);
        return mapped;
    }
    violation(
        0x83, {address, bytes, *managed}, caller,
        "%s(0x%llx, %llu bytes), called from %p: page 0x%llx is memory that the system manages; map a device's own",
        routine, address, bytes, caller, *managed);
    return nullptr;
}

}  // namespace

}  // namespace remap::kernel

using namespace remap::kernel;
using remap::pages_of;

extern "C" {

PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                   PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                   PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                   MEMORY_CACHING_TYPE CacheType) {
    return allocate_contiguous({NumberOfBytes, static_cast<std::uint64_t>(LowestAcceptableAddress.QuadPart),
                                static_cast<std::uint64_t>(HighestAcceptableAddress.QuadPart),
                                static_cast<std::uint64_t>(BoundaryAddressMultiple.QuadPart), CacheType},
                               "MmAllocateContiguousMemorySpecifyCache", REMAP_CALLER());
}

PVOID NTAPI MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress) {
    return allocate_contiguous(
        {NumberOfBytes, 0, static_cast<std::uint64_t>(HighestAcceptableAddress.QuadPart), 0, MmCached},
        "MmAllocateContiguousMemory", REMAP_CALLER());
}

VOID NTAPI MmFreeContiguousMemorySpecifyCache(PVOID BaseAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType) {
    free_contiguous(BaseAddress, NumberOfBytes, cache_of(CacheType), "MmFreeContiguousMemorySpecifyCache",
                    REMAP_CALLER());
}

VOID NTAPI MmFreeContiguousMemory(PVOID BaseAddress) {
    free_contiguous(BaseAddress, std::nullopt, std::nullopt, "MmFreeContiguousMemory", REMAP_CALLER());
}

PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID BaseAddress) {
    Kernel& state = kernel();
    const Locked locked(state);
    PHYSICAL_ADDRESS address = {};
    if (const auto frame = state.regions.frame(BaseAddress))
        address.QuadPart = static_cast<LONGLONG>(frame->address().value + BYTE_OFFSET(BaseAddress));
    else if (const auto behind = state.port.behind(BaseAddress))
        address.QuadPart = static_cast<LONGLONG>(behind->value);
    return address;
}

BOOLEAN NTAPI MmIsAddressValid(PVOID VirtualAddress) {
    Kernel& state = kernel();
    const Locked locked(state);
    return state.regions.find(VirtualAddress) != nullptr || state.port.behind(VirtualAddress).has_value();
}

PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType) {
    const auto cache = cache_of(CacheType);
    if (!cache) return nullptr;
    return map_io(static_cast<std::uint64_t>(PhysicalAddress.QuadPart), NumberOfBytes, *cache, true, "MmMapIoSpace",
                  REMAP_CALLER());
}

PVOID NTAPI MmMapIoSpaceEx(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, ULONG Protect) {
    const ULONG access = Protect & ~ULONG{PAGE_NOCACHE | PAGE_WRITECOMBINE};
    const ULONG modifier = Protect & (PAGE_NOCACHE | PAGE_WRITECOMBINE);
    if ((access != PAGE_READONLY && access != PAGE_READWRITE) || modifier == (PAGE_NOCACHE | PAGE_WRITECOMBINE))
        return nullptr;
    using Cache = remap::callbacks::CacheType;
    const Cache cache = modifier == PAGE_NOCACHE        ? Cache::Uncached
                        : modifier == PAGE_WRITECOMBINE ? Cache::WriteCombined
                                                        : Cache::WriteBack;
    return map_io(static_cast<std::uint64_t>(PhysicalAddress.QuadPart), NumberOfBytes, cache, access == PAGE_READWRITE,
                  "MmMapIoSpaceEx", REMAP_CALLER());
}

VOID NTAPI MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes) {
    const void* const caller = REMAP_CALLER();
    if (!irql_at_most(DISPATCH_LEVEL, 0x7B, "MmUnmapIoSpace", caller, address_of(BaseAddress), NumberOfBytes)) return;
    Kernel& state = kernel();
    std::uint64_t mapped = 0;
    {
        const Locked locked(state);
        Region* const region = state.regions.find(BaseAddress);
        if (region != nullptr && region->kind == Region::Kind::IoView && region->address == BaseAddress) {
            if (region->bytes == NumberOfBytes) return state.regions.destroy(*region);
            mapped = region->bytes;
        }
    }
    if (mapped == 0)
        stop_machine(SYSTEM_PTE_MISUSE, {0x03, 0, 0, address_of(BaseAddress)}, caller,
                     "MmUnmapIoSpace(%p), called from %p: no view of a device begins here", BaseAddress, caller);
    else
        stop_machine(SYSTEM_PTE_MISUSE, {0x10C, address_of(BaseAddress), pages_of(mapped), pages_of(NumberOfBytes)},
                     caller, "MmUnmapIoSpace(%p, %llu bytes), called from %p: it was mapped with %llu bytes",
                     BaseAddress, NumberOfBytes, caller, mapped);
}
}
