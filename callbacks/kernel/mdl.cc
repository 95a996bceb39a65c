// SPDX-License-Identifier: MIT
// Memory descriptor lists: made, locked, mapped, and with pages of their own. An MDL is a block of pool with a tag that
// tells where it comes from.
#include "callbacks/kernel/mdl.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace remap::kernel {

namespace {

constexpr std::uint32_t tag_of(const char (&letters)[5]) {
    return static_cast<unsigned char>(letters[0]) | static_cast<unsigned char>(letters[1]) << 8 |
           static_cast<unsigned char>(letters[2]) << 16 | static_cast<std::uint32_t>(letters[3]) << 24;
}
constexpr std::uint32_t mdl_tag = tag_of("Mdl ");
constexpr std::uint32_t pages_tag = tag_of("MmPg");
constexpr std::uint64_t most_bytes = (std::uint64_t{1} << 32) - page_size;
constexpr std::uint64_t no_page = ~std::uint64_t{0};

std::uint64_t page_count(const MDL& mdl) { return ADDRESS_AND_SIZE_TO_SPAN_PAGES(mdl.ByteOffset, mdl.ByteCount); }
std::span<PFN_NUMBER> numbers(MDL& mdl) { return {MmGetMdlPfnArray(&mdl), page_count(mdl)}; }
unsigned flags_of(const MDL& mdl) { return static_cast<USHORT>(mdl.MdlFlags); }
void add_flags(MDL& mdl, unsigned flags) { mdl.MdlFlags = static_cast<CSHORT>(flags_of(mdl) | flags); }
void drop_flags(MDL& mdl, unsigned flags) { mdl.MdlFlags = static_cast<CSHORT>(flags_of(mdl) & ~flags); }

// A block for an MDL of so many pages; its numbers are not set. Null when there is no memory. The lock is held.
PMDL new_mdl(Kernel& state, const void* address, std::uint64_t bytes, std::uint32_t tag, const void* caller) {
    const std::uint64_t pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(address, bytes);
    PoolBlock stale;
    auto* const mdl = static_cast<PMDL>(state.pool.allocate(
        {.bytes = sizeof(MDL) + pages * sizeof(PFN_NUMBER), .tag = tag, .zeroed = true, .caller = caller}, stale));
    if (mdl != nullptr) MmInitializeMdl(mdl, const_cast<void*>(address), bytes);
    return mdl;
}

void mdl_violation(std::uint64_t check, const MDL* mdl, unsigned third, const char* routine, const void* caller,
                   const char* text) {
    violation(check, {address_of(mdl), flags_of(*mdl), third}, caller, "%s(%p), called from %p: %s (flags 0x%x)",
              routine, mdl, caller, text, flags_of(*mdl));
}

enum class Backing : std::uint8_t { Nonpaged, Paged, Unknown };

// Sets the numbers of the pages behind an MDL's range, and says what memory it is.
Backing look_up(Kernel& state, MDL& mdl) {
    auto* const first = static_cast<std::byte*>(MmGetMdlVirtualAddress(&mdl));
    Backing backing = Backing::Nonpaged;
    for (std::uint64_t page = 0; page < page_count(mdl); ++page) {
        const auto* const address = page == 0 ? first : static_cast<std::byte*>(mdl.StartVa) + page * page_size;
        if (const auto frame = state.regions.frame(address)) {
            const Region& region = *state.regions.find(address);
            if (region.kind == Region::Kind::Slab || region.kind == Region::Kind::Pool) {
                const PoolBlock block = state.pool.containing(address);
                if (block.state != PoolBlock::State::Live) return Backing::Unknown;
                if (block.paged) backing = Backing::Paged;
            }
            numbers(mdl)[page] = frame->number;
        } else if (const auto behind = state.port.behind(address)) {
            numbers(mdl)[page] = behind->page().number;
        } else {
            return Backing::Unknown;
        }
    }
    return backing;
}

std::optional<callbacks::CacheType> cache_of(MEMORY_CACHING_TYPE type) {
    switch (type) {
        case MmNonCached: return callbacks::CacheType::Uncached;
        case MmCached: return callbacks::CacheType::WriteBack;
        case MmWriteCombined: return callbacks::CacheType::WriteCombined;
        default: return std::nullopt;
    }
}

// The region that a mapping of the MDL into system space is; null when it has none. The lock is held.
Region* mapping_of(Kernel& state, const MDL& mdl) {
    if ((flags_of(mdl) & MDL_MAPPED_TO_SYSTEM_VA) == 0) return nullptr;
    Region* const region = state.regions.find(mdl.MappedSystemVa);
    return region != nullptr && region->kind == Region::Kind::MdlView && region->mdl == &mdl ? region : nullptr;
}

void unmap(Kernel& state, MDL& mdl) {
    if (Region* const region = mapping_of(state, mdl)) state.regions.destroy(*region);
    drop_flags(mdl, MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED);
    mdl.MappedSystemVa = nullptr;
}

bool add_pages(MDL& mdl, std::uint64_t pages, callbacks::FrameList& frames) {
    for (std::uint64_t page = 0; page < pages; ++page)
        if (!frames.add({{numbers(mdl)[page]}, 1})) return false;
    return true;
}

// Maps the pages; the cache type of pages that the kernel has mapped already is theirs, as on Windows.
PVOID map(Kernel& state, MDL& mdl, callbacks::CacheType cache, bool writable, const callbacks::ViewOrigin& origin,
          ConflictReport& found) {
    const std::uint64_t pages = page_count(mdl);
    callbacks::FrameList frames;
    if (!add_pages(mdl, pages, frames)) return nullptr;
    if (const Region* const source =
            mdl.StartVa == nullptr ? nullptr : state.regions.find(MmGetMdlVirtualAddress(&mdl)))
        cache = source->cache;
    Region* const region = state.regions.create({.kind = Region::Kind::MdlView,
                                                 .cache = cache,
                                                 .given = std::move(frames),
                                                 .writable = writable,
                                                 .origin = origin});
    if (region == nullptr) return nullptr;
    found = {region->audited.live(), state.regions.conflict_of(*region)};
    region->mdl = &mdl;
    region->address = region->base + mdl.ByteOffset;
    region->bytes = mdl.ByteCount;
    region->caller = origin.caller;
    mdl.MappedSystemVa = region->address;
    add_flags(mdl, MDL_MAPPED_TO_SYSTEM_VA);
    return region->address;
}

struct PagesRequest {
    std::uint64_t low = 0, high = 0, skip = 0;  // addresses and bytes, as the driver gave them
    std::uint64_t pages = 0;
    ULONG flags = 0;
};

// Frames from one window, as many of `wanted` as there are.
void take_from_window(Kernel& state, std::uint64_t first, std::uint64_t last, std::uint64_t wanted,
                      callbacks::FrameList& frames) {
    for (std::uint64_t chunk = wanted; chunk != 0 && wanted != 0; chunk = std::min(chunk, wanted)) {
        if (state.port.frames().allocate({.pages = chunk, .lowest = {first}, .highest = {last}}, frames))
            wanted -= chunk;
        else
            chunk /= 2;
    }
}

void take_frames(Kernel& state, const PagesRequest& request, callbacks::FrameList& frames) {
    const std::uint64_t top = state.port.frames().highest_installed().number;
    std::uint64_t first = pages_of(request.low);
    std::uint64_t end =
        request.high == no_page ? top + 1 : std::min((request.high + 1) >> page_shift, std::uint64_t{1} << 52);
    while (frames.size() < request.pages && first <= top && first < end) {
        take_from_window(state, first, std::min(end - 1, top), request.pages - frames.size(), frames);
        if (request.skip < page_size) break;
        first += request.skip >> page_shift;
        end += request.skip >> page_shift;
    }
}

PMDL allocate_pages(const PagesRequest& request, const char* routine, const void* caller) {
    const KIRQL irql = kernel().port.irql();
    if (irql > DISPATCH_LEVEL) {
        irql_at_most(DISPATCH_LEVEL, 0x7E, routine, caller, DISPATCH_LEVEL);
        return nullptr;
    }
    constexpr ULONG known = MM_DONT_ZERO_ALLOCATION | MM_ALLOCATE_FROM_LOCAL_NODE_ONLY | MM_ALLOCATE_FULLY_REQUIRED |
                            MM_ALLOCATE_NO_WAIT | MM_ALLOCATE_PREFER_CONTIGUOUS | MM_ALLOCATE_TRIM_IF_NECESSARY;
    if (request.pages == 0 || request.pages > most_bytes >> page_shift || (request.flags & ~known) != 0) return nullptr;
    Kernel& state = kernel();
    const Locked locked(state);
    callbacks::FrameList frames;
    take_frames(state, request, frames);
    const std::uint64_t found = frames.size();
    const bool enough = found == request.pages || (found != 0 && (request.flags & MM_ALLOCATE_FULLY_REQUIRED) == 0);
    PMDL const mdl = enough ? new_mdl(state, nullptr, found << page_shift, pages_tag, caller) : nullptr;
    if (mdl == nullptr) {
        state.port.frames().free(frames);
        return nullptr;
    }
    for (std::uint64_t page = 0; page < found; ++page) numbers(*mdl)[page] = frames[page].number;
    add_flags(*mdl, MDL_PAGES_LOCKED);
    return mdl;
}

}  // namespace

// For the end of a driver's stay: gives back the pages of an MDL that is pool with the tag of MmAllocatePagesForMdl.
bool free_pages_of(Kernel& state, MDL& mdl) {
    if ((flags_of(mdl) & MDL_PAGES_LOCKED) == 0) return false;
    unmap(state, mdl);
    callbacks::FrameList frames;
    for (const PFN_NUMBER number : numbers(mdl)) {
        if (frames.add({{number}, 1})) continue;
        state.port.frames().free(frames);  // no memory for a longer list
        frames.shorten(0);
        (void)frames.add({{number}, 1});
    }
    state.port.frames().free(frames);
    drop_flags(mdl, MDL_PAGES_LOCKED);
    return true;
}

bool has_pages_tag(std::uint32_t tag) { return tag == pages_tag; }

}  // namespace remap::kernel

using namespace remap::kernel;
using remap::pages_of;

extern "C" {

PMDL NTAPI IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, PIRP Irp) {
    const void* const caller = REMAP_CALLER();
    if (!irql_at_most(DISPATCH_LEVEL, wrong_irql, "IoAllocateMdl", caller)) return nullptr;
    if (SecondaryBuffer || ChargeQuota || Irp != nullptr || Length == 0 || Length > most_bytes) return nullptr;
    Kernel& state = kernel();
    const Locked locked(state);
    return new_mdl(state, VirtualAddress, Length, mdl_tag, caller);
}

VOID NTAPI IoFreeMdl(PMDL Mdl) {
    const void* const caller = REMAP_CALLER();
    if (!irql_at_most(DISPATCH_LEVEL, wrong_irql, "IoFreeMdl", caller)) return;
    Kernel& state = kernel();
    PoolBlock block;
    bool mapped = false;
    {
        const Locked locked(state);
        block = state.pool.inspect(Mdl);
        if (block.state == PoolBlock::State::Live && block.tag == mdl_tag) {
            mapped = mapping_of(state, *Mdl) != nullptr;
            if (!mapped && (flags_of(*Mdl) & MDL_PAGES_LOCKED) == 0) return state.pool.free(Mdl, caller);
        }
    }
    if (block.state == PoolBlock::State::Freed)
        return stop_machine(BAD_POOL_CALLER, {0x07, 0, block.tag, address_of(Mdl)}, caller,
                            "IoFreeMdl(%p), called from %p: freed before, from %p", Mdl, caller, block.freed_by);
    if (block.state == PoolBlock::State::Unknown || block.tag != mdl_tag)
        return stop_machine(BAD_POOL_CALLER, {0x46, address_of(Mdl), 0, 0}, caller,
                            "IoFreeMdl(%p), called from %p: this is not an MDL of IoAllocateMdl", Mdl, caller);
    if (mapped)
        return mdl_violation(0xB8, Mdl, 0, "IoFreeMdl", caller, "its pages are still mapped: MmUnmapLockedPages");
    stop_machine(DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS,
                 {address_of(block.caller), address_of(caller), address_of(Mdl), page_count(*Mdl)}, caller,
                 "IoFreeMdl(%p), called from %p: its pages are still locked: MmUnlockPages", Mdl, caller);
}

VOID NTAPI MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList) {
    const void* const caller = REMAP_CALLER();
    if (!irql_at_most(DISPATCH_LEVEL, wrong_irql, "MmBuildMdlForNonPagedPool", caller)) return;
    Kernel& state = kernel();
    Backing backing = Backing::Unknown;
    {
        const Locked locked(state);
        backing = look_up(state, *MemoryDescriptorList);
        if (backing == Backing::Nonpaged) {
            add_flags(*MemoryDescriptorList, MDL_SOURCE_IS_NONPAGED_POOL);
            MemoryDescriptorList->MappedSystemVa = MmGetMdlVirtualAddress(MemoryDescriptorList);
            return;
        }
    }
    const KIRQL irql = state.port.irql();
    const void* const address = MmGetMdlVirtualAddress(MemoryDescriptorList);
    if (backing == Backing::Paged)
        violation(0x7F, {irql, address_of(MemoryDescriptorList), flags_of(*MemoryDescriptorList)}, caller,
                  "MmBuildMdlForNonPagedPool(%p), called from %p: %p is paged pool; lock it with MmProbeAndLockPages",
                  MemoryDescriptorList, caller, address);
    else
        violation(0x140, {irql, address_of(MemoryDescriptorList), address_of(address)}, caller,
                  "MmBuildMdlForNonPagedPool(%p), called from %p: nothing is known of all its bytes from %p on",
                  MemoryDescriptorList, caller, address);
}

VOID NTAPI MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation) {
    const void* const caller = REMAP_CALLER();
    MDL& mdl = *MemoryDescriptorList;
    if (!irql_at_most(DISPATCH_LEVEL, 0x70, "MmProbeAndLockPages", caller, address_of(&mdl),
                      static_cast<std::uint64_t>(AccessMode)))
        return;
    constexpr unsigned wrong =
        MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL | MDL_IO_SPACE;
    if ((flags_of(mdl) & wrong) != 0)
        return mdl_violation(0xB0, &mdl, flags_of(mdl) & wrong, "MmProbeAndLockPages", caller,
                             "it is locked already, mapped, partial, or of nonpaged pool");
    Kernel& state = kernel();
    const KIRQL irql = state.port.irql();
    Backing backing = Backing::Unknown;
    {
        const Locked locked(state);
        backing = look_up(state, mdl);
        if (backing == Backing::Nonpaged || (backing == Backing::Paged && irql <= APC_LEVEL)) {
            add_flags(mdl, MDL_PAGES_LOCKED | (Operation == IoReadAccess ? 0u : MDL_WRITE_OPERATION));
            return;
        }
    }
    if (backing == Backing::Paged)
        return violation(
            0x70, {irql, address_of(&mdl), static_cast<std::uint64_t>(AccessMode)}, caller,
            "MmProbeAndLockPages(%p) of paged pool at IRQL %u, called from %p: it may be called up to IRQL 1", &mdl,
            unsigned{irql}, caller);
    stop_machine(
        KMODE_EXCEPTION_NOT_HANDLED,
        {static_cast<ULONG>(STATUS_ACCESS_VIOLATION), address_of(caller), 0, address_of(MmGetMdlVirtualAddress(&mdl))},
        caller, "MmProbeAndLockPages(%p), called from %p: not all bytes from %p on can be accessed", &mdl, caller,
        MmGetMdlVirtualAddress(&mdl));
}

VOID NTAPI MmUnlockPages(PMDL MemoryDescriptorList) {
    const void* const caller = REMAP_CALLER();
    MDL& mdl = *MemoryDescriptorList;
    if (!irql_at_most(DISPATCH_LEVEL, 0x78, "MmUnlockPages", caller, address_of(&mdl))) return;
    const unsigned flags = flags_of(mdl);
    if ((flags & MDL_SOURCE_IS_NONPAGED_POOL) != 0)
        return mdl_violation(0x7D, &mdl, 0, "MmUnlockPages", caller, "its pages are nonpaged pool and never locked");
    if ((flags & MDL_PARTIAL) != 0)
        return mdl_violation(0xB4, &mdl, MDL_PARTIAL, "MmUnlockPages", caller, "a partial MDL locks nothing");
    if ((flags & MDL_PAGES_LOCKED) == 0)
        return mdl_violation(0x7C, &mdl, 0, "MmUnlockPages", caller, "its pages are not locked");
    Kernel& state = kernel();
    const Locked locked(state);
    unmap(state, mdl);
    drop_flags(mdl, MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
}

PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                         MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress, ULONG BugCheckOnFailure,
                                         ULONG Priority) {
    const void* const caller = REMAP_CALLER();
    constexpr const char* routine = "MmMapLockedPagesSpecifyCache";
    MDL& mdl = *MemoryDescriptorList;
    const bool user = AccessMode != KernelMode;
    if (!irql_at_most(user ? APC_LEVEL : DISPATCH_LEVEL, user ? 0x77 : 0x76, routine, caller, address_of(&mdl),
                      static_cast<std::uint64_t>(AccessMode)))
        return nullptr;
    if ((flags_of(mdl) & MDL_MAPPED_TO_SYSTEM_VA) != 0)
        return mdl_violation(0xB2, &mdl, MDL_MAPPED_TO_SYSTEM_VA, routine, caller, "it is mapped already"), nullptr;
    if ((flags_of(mdl) & (MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL)) == 0)
        return mdl_violation(0xB3, &mdl, MDL_PAGES_LOCKED, routine, caller, "its pages are not locked"), nullptr;
    const auto cache = cache_of(CacheType);
    PVOID mapped = nullptr;
    ConflictReport found;
    if (cache && !user && RequestedAddress == nullptr) {
        Kernel& state = kernel();
        const Locked locked(state);
        mapped = map(state, mdl, *cache, (Priority & MdlMappingNoWrite) == 0, {routine, caller, {}}, found);
    }
    report_conflict(found);
    if (mapped == nullptr && BugCheckOnFailure != 0 && !user)
        stop_machine(KMODE_EXCEPTION_NOT_HANDLED,
                     {static_cast<ULONG>(STATUS_INSUFFICIENT_RESOURCES), address_of(caller), address_of(&mdl), 0},
                     caller, "%s(%p), called from %p: it cannot be mapped, and the driver asked to stop then", routine,
                     &mdl, caller);
    return mapped;
}

VOID NTAPI MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList) {
    const void* const caller = REMAP_CALLER();
    MDL& mdl = *MemoryDescriptorList;
    if (!irql_at_most(DISPATCH_LEVEL, 0x79, "MmUnmapLockedPages", caller, address_of(BaseAddress), address_of(&mdl)))
        return;
    Kernel& state = kernel();
    bool mapped = false;
    {
        const Locked locked(state);
        mapped = mapping_of(state, mdl) != nullptr;
        if (mapped && mdl.MappedSystemVa == BaseAddress) return unmap(state, mdl);
    }
    if (mapped)
        stop_machine(SYSTEM_PTE_MISUSE,
                     {0x03, address_of(&mdl), address_of(mdl.MappedSystemVa), address_of(BaseAddress)}, caller,
                     "MmUnmapLockedPages(%p, %p), called from %p: the MDL is mapped at %p", BaseAddress, &mdl, caller,
                     mdl.MappedSystemVa);
    else
        stop_machine(SYSTEM_PTE_MISUSE, {0x06, address_of(&mdl), address_of(BaseAddress), page_count(mdl)}, caller,
                     "MmUnmapLockedPages(%p, %p), called from %p: the MDL is not mapped", BaseAddress, &mdl, caller);
}

PMDL NTAPI MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                                   PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes, MEMORY_CACHING_TYPE, ULONG Flags) {
    return allocate_pages(
        {static_cast<std::uint64_t>(LowAddress.QuadPart), static_cast<std::uint64_t>(HighAddress.QuadPart),
         static_cast<std::uint64_t>(SkipBytes.QuadPart), pages_of(TotalBytes), Flags},
        "MmAllocatePagesForMdlEx", REMAP_CALLER());
}

PMDL NTAPI MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress, PHYSICAL_ADDRESS SkipBytes,
                                 SIZE_T TotalBytes) {
    return allocate_pages(
        {static_cast<std::uint64_t>(LowAddress.QuadPart), static_cast<std::uint64_t>(HighAddress.QuadPart),
         static_cast<std::uint64_t>(SkipBytes.QuadPart), pages_of(TotalBytes), 0},
        "MmAllocatePagesForMdl", REMAP_CALLER());
}

VOID NTAPI MmFreePagesFromMdl(PMDL MemoryDescriptorList) {
    const void* const caller = REMAP_CALLER();
    const KIRQL irql = kernel().port.irql();
    if (irql > DISPATCH_LEVEL) {
        irql_at_most(DISPATCH_LEVEL, 0x7E, "MmFreePagesFromMdl", caller, DISPATCH_LEVEL);
        return;
    }
    Kernel& state = kernel();
    bool known = false, mapped = false;
    {
        const Locked locked(state);
        const PoolBlock block = state.pool.inspect(MemoryDescriptorList);
        known = block.state == PoolBlock::State::Live && has_pages_tag(block.tag);
        mapped = known && mapping_of(state, *MemoryDescriptorList) != nullptr;
        if (known && !mapped && free_pages_of(state, *MemoryDescriptorList)) return;
    }
    if (mapped)
        return mdl_violation(0xB8, MemoryDescriptorList, 0, "MmFreePagesFromMdl", caller,
                             "its pages are still mapped: MmUnmapLockedPages");
    violation(
        0x7C, {address_of(MemoryDescriptorList), 0, 0}, caller,
        "MmFreePagesFromMdl(%p), called from %p: not an MDL of MmAllocatePagesForMdl, or its pages were freed before",
        MemoryDescriptorList, caller);
}
}
