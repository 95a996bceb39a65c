// SPDX-License-Identifier: MIT
// What Create is asked for, and what the documentation says will come of it.
#include "callbacks/tests/model/actor.h"

namespace remap::callbacks::tests {

namespace {

constexpr std::uint64_t skip_pages = 0x8000;  // to the second window of the zone, which is this thread's too

DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT request_of(DXGK_PHYSICAL_MEMORY_TYPE type, std::uint64_t bytes) {
    DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT args{};
    args.Type = type;
    args.Size = bytes;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    return args;
}

LONGLONG first_byte(std::uint64_t page) { return static_cast<LONGLONG>(page << page_shift); }
LONGLONG last_byte(std::uint64_t page) { return static_cast<LONGLONG>((page << page_shift) + (page_size - 1)); }

}  // namespace

bool Actor::in_zone(std::uint64_t frame) const {
    const auto inside = [&](std::uint64_t first) { return frame >= first && frame - first < zone_pages; };
    return inside(zone_first()) || inside(zone_first() + skip_pages);
}

Actor::CreateArgs Actor::mdl_request(Window& window, NTSTATUS& expected) {
    const std::uint64_t pages = 1 + below(12);
    CreateArgs args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_MDL, (pages << page_shift) - below(page_size));
    args.Mdl.HighAddress.QuadPart = -1;
    const auto is_free = [&](std::uint64_t frame) { return !zone_used_.contains(frame); };
    const auto free_pages = [&](std::uint64_t from) {
        std::uint64_t count = 0;
        for (std::uint64_t i = 0; i <= window.last - window.first; ++i) count += is_free(from + i);
        return count;
    };
    switch (below(8)) {
        case 0:
            window = {zone_first() + below(8), zone_first() + 8 + below(zone_pages - 8)};
            if (free_pages(window.first) < pages) expected = STATUS_INSUFFICIENT_RESOURCES;
            break;
        case 1:
            window = {zone_first(), zone_first() + 15, skip_pages};
            // Whether there is a third window depends on the machine.
            if (free_pages(window.first) + free_pages(window.first + skip_pages) < pages) {
                window = {};
                return args;
            }
            args.Mdl.SkipBytes.QuadPart = first_byte(skip_pages);
            break;
        case 2: {
            const std::uint64_t chunk = std::uint64_t{1} << below(3);
            args.Size = (1 + below(3)) * chunk << page_shift;
            args.Mdl.SkipBytes.QuadPart = first_byte(chunk);
            args.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
            return args;
        }
        default: return args;
    }
    args.Mdl.LowAddress.QuadPart = first_byte(window.first) - static_cast<LONGLONG>(below(page_size));
    args.Mdl.HighAddress.QuadPart = last_byte(window.last) + static_cast<LONGLONG>(below(page_size - 1));
    return args;
}

Actor::CreateArgs Actor::contiguous_request(Window& window, NTSTATUS& expected) {
    const std::uint64_t pages = 1 + below(8);
    CreateArgs args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY, pages << page_shift);
    args.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
    const std::uint64_t boundary = below(3) == 0 ? std::uint64_t{2} << below(3) : 0;
    args.ContiguousMemory.BoundaryAddressMultiple.QuadPart = first_byte(boundary);
    if (boundary != 0 && boundary < pages) expected = STATUS_NO_MEMORY;
    if (chance(20)) {
        args.Size = SIZE_T{1} << 43;  // more than there is
        expected = STATUS_NO_MEMORY;
    } else if (chance(250)) {
        window = {zone_first() + below(8), zone_first() + 8 + below(zone_pages - 8)};
        args.ContiguousMemory.LowestAcceptableAddress.QuadPart = first_byte(window.first);
        args.ContiguousMemory.HighestAcceptableAddress.QuadPart = last_byte(window.last);
        const auto is_free = [&](std::uint64_t frame) { return !zone_used_.contains(frame); };
        if (reference::longest_run(window.first, window.last, boundary, is_free) < pages) expected = STATUS_NO_MEMORY;
    }
    return args;
}

Actor::CreateArgs Actor::section_request(NTSTATUS& expected) {
    CreateArgs args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_SECTION, (1 + below(12)) << page_shift);
    if (chance(10)) {
        args.Size = SIZE_T{1} << 43;
        expected = STATUS_INSUFFICIENT_RESOURCES;
    }
    static constexpr ULONG protections[] = {PAGE_READWRITE, PAGE_READWRITE, PAGE_READONLY, PAGE_EXECUTE,
                                            PAGE_WRITECOPY};
    args.Section.PageProtection = protections[below(std::size(protections))];
    args.Section.AllocationAttributes = chance(500) ? SEC_COMMIT : 0;
    return args;
}

Actor::CreateArgs Actor::io_request() {
    CreateArgs args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE, (1 + below(8)) << page_shift);
    const std::uint64_t base = platform_.io().number + options_.index * io_pages + below(io_pages - 8);
    args.IOSpace.BaseAddress.QuadPart = first_byte(base);
    return args;
}

Actor::CreateArgs Actor::legal_request(Window& window, NTSTATUS& expected) {
    expected = STATUS_SUCCESS;
    CreateArgs args{};
    switch (below(7)) {
        case 0:
        case 1:
        case 2: args = mdl_request(window, expected); break;
        case 3:
        case 4: args = contiguous_request(window, expected); break;
        case 5: args = section_request(expected); break;
        default: args = io_request(); break;
    }
    const bool uncached = args.Type != DXGK_PHYSICAL_MEMORY_TYPE_SECTION && chance(300);
    args.CacheType = uncached      ? DXGK_MEMORY_CACHING_TYPE_NON_CACHED
                     : chance(300) ? DXGK_MEMORY_CACHING_TYPE_WRITE_COMBINED
                                   : DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.Context = (std::uint64_t{options_.index} << 32) + next_context_++;
    // What comes back is always written.
    args.hPhysicalMemoryObject = args.hAdapterMemoryObject = reinterpret_cast<HANDLE>(0x1234);
    return args;
}

bool Actor::create_illegal() {
    Window window;
    NTSTATUS expected = STATUS_SUCCESS;
    CreateArgs args = legal_request(window, expected);
    expected = STATUS_INVALID_PARAMETER;
    switch (below(16)) {
        case 0: args.Size = 0; break;
        case 1: args.Size = ~SIZE_T{0}; break;
        case 2: args.Type = static_cast<DXGK_PHYSICAL_MEMORY_TYPE>(4); break;
        case 3: args.CacheType = static_cast<DXGK_MEMORY_CACHING_TYPE>(3); break;
        case 4:
            args = mdl_request(window, expected), args.Mdl.Flags = 0x200, expected = STATUS_INVALID_PARAMETER;
            break;
        case 5:
            args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_MDL, SIZE_T{1} << 32), args.Mdl.HighAddress.QuadPart = -1;
            break;
        case 6:
            args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_MDL, 4096);
            args.Mdl.HighAddress.QuadPart = -1;
            args.Mdl.SkipBytes.QuadPart = 100;
            break;
        case 7: args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_MDL, 4096); break;  // only page 0, not all of it
        case 8:
            args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_MDL, 3 * 4096);
            args.Mdl.HighAddress.QuadPart = -1;
            args.Mdl.SkipBytes.QuadPart = 2 * 4096;  // does not divide the size
            args.Mdl.Flags = MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS;
            break;
        case 9:
        case 10:
            args = request_of(DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY, 4096);
            args.ContiguousMemory.HighestAcceptableAddress.QuadPart = -1;
            args.ContiguousMemory.BoundaryAddressMultiple.QuadPart = below(2) == 0 ? 3 * 4096 : 2048;
            break;
        case 11:
            args = section_request(expected);
            expected = STATUS_INVALID_PARAMETER;
            args.CacheType = DXGK_MEMORY_CACHING_TYPE_NON_CACHED;
            break;
        case 12:
            args = section_request(expected);
            expected = STATUS_INVALID_PARAMETER;
            args.Section.AllocationAttributes = SEC_COMMIT | 0x1;
            break;
        case 13:
            args = section_request(expected);
            args.Section.PageProtection = PAGE_READWRITE | PAGE_NOCACHE;
            expected = STATUS_INVALID_PAGE_PROTECTION;
            break;
        case 14: args = io_request(), args.IOSpace.BaseAddress.QuadPart += 1; break;
        case 15:
            args = io_request();
            args.IOSpace.BaseAddress.QuadPart = below(2) == 0 ? 0x10000 : -4096;  // memory; the end of all addresses
            args.Size = 2 * 4096;
            break;
    }
    begin("Create, illegal", nullptr, args.Type, args.Size);
    const NTSTATUS status = platform_.dxgkrnl().create(&args);
    expect(args.hPhysicalMemoryObject == nullptr && args.hAdapterMemoryObject == nullptr, "handles of a failed Create");
    return refused(status) ? expect_reports({}) : end(status, expected);
}

}  // namespace remap::callbacks::tests
