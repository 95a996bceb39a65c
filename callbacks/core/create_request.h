// SPDX-License-Identifier: MIT
// What a driver asks for in DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT, checked and in our own types.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "callbacks/core/ports.h"
#include "callbacks/ddk/d3dkmddi.h"

#include <cstdint>

namespace remap::callbacks {

// Pages an ADL can count, and so an object may have (DXGK_ADL.PageCount is a UINT32).
inline constexpr std::uint64_t most_object_pages = 0xffff'ffff;

// 4 GiB minus a page: an MDL's ByteCount is a ULONG.
inline constexpr std::uint64_t most_mdl_pages = (std::uint64_t{1} << (32 - page_shift)) - 1;

struct CreateRequest {
    DXGK_PHYSICAL_MEMORY_TYPE type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
    CacheType cache = CacheType::WriteBack;
    bool writable = true;  // CPU views
    std::uint64_t pages = 0;
    std::uint64_t context = 0;

    // Where frames may come from; not used by IO_SPACE.
    PhysicalPage lowest;
    PhysicalPage highest;
    std::uint64_t boundary = 0;  // pages: no run crosses a multiple of it; 0: no such rule
    std::uint64_t skip = 0;      // pages: from one MDL window to the next; 0: one window
    std::uint64_t chunk = 0;     // pages of each run of an MDL; 0: no such rule

    PhysicalPage io_base;  // IO_SPACE
};

// Everything that can be told from the arguments alone. STATUS_INVALID_PARAMETER or STATUS_INVALID_PAGE_PROTECTION.
Result<CreateRequest, NTSTATUS> read_create_request(const DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT& args);

}  // namespace remap::callbacks
