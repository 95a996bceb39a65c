// SPDX-License-Identifier: MIT
// The callbacks as a rule's test calls them: through the interface that the driver has, with arguments that are right
// unless it says otherwise.
#pragma once

#include "base/address.h"
#include "callbacks/rules/bench.h"

#include <cstdint>

namespace remap::rules {

using CreateArgs = DXGKARGCB_CREATE_PHYSICAL_MEMORY_OBJECT;

inline PHYSICAL_ADDRESS at(std::uint64_t address) {
    PHYSICAL_ADDRESS result;
    result.QuadPart = static_cast<LONGLONG>(address);
    return result;
}
inline constexpr std::uint64_t no_limit = ~std::uint64_t{0};

// ---- Create and Destroy --------------------------------------------------------------------------------------------

inline CreateArgs mdl(const Adapter& adapter, SIZE_T bytes) {
    CreateArgs args{};
    args.hAdapter = adapter.handle();
    args.Size = bytes;
    args.Type = DXGK_PHYSICAL_MEMORY_TYPE_MDL;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    args.Mdl.HighAddress = at(no_limit);
    return args;
}

inline CreateArgs contiguous(const Adapter& adapter, SIZE_T bytes) {
    CreateArgs args = mdl(adapter, bytes);
    args.Type = DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY;
    args.ContiguousMemory = {at(0), at(no_limit), at(0)};
    return args;
}

inline CreateArgs section(const Adapter& adapter, SIZE_T bytes) {
    CreateArgs args = mdl(adapter, bytes);
    args.Type = DXGK_PHYSICAL_MEMORY_TYPE_SECTION;
    args.Section = {0, nullptr, PAGE_READWRITE, SEC_COMMIT};
    return args;
}

inline CreateArgs io_space(const Adapter& adapter, std::uint64_t base, SIZE_T bytes) {
    CreateArgs args = mdl(adapter, bytes);
    args.Type = DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE;
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_NON_CACHED;
    args.IOSpace.BaseAddress = at(base);
    return args;
}

inline NTSTATUS create(const Adapter& adapter, CreateArgs& args) {
    return adapter->DxgkCbCreatePhysicalMemoryObject(&args);
}

inline void destroy(const Adapter& adapter, HANDLE object, HANDLE adapter_object) {
    const DXGKARGCB_DESTROY_PHYSICAL_MEMORY_OBJECT args{object, adapter_object};
    adapter->DxgkCbDestroyPhysicalMemoryObject(&args);
}
inline void destroy(const Adapter& adapter, const CreateArgs& made) {
    destroy(adapter, made.hPhysicalMemoryObject, made.hAdapterMemoryObject);
}

// Creates what is asked for and destroys it again: how it went.
inline NTSTATUS try_create(const Adapter& adapter, CreateArgs args) {
    const NTSTATUS status = create(adapter, args);
    if (NT_SUCCESS(status)) destroy(adapter, args);
    return status;
}

// ---- Open and Close ------------------------------------------------------------------------------------------------

struct Opened {
    NTSTATUS status;
    HANDLE handle;
};

inline Opened open(const Adapter& adapter, HANDLE object, HANDLE on) {
    DXGKARGCB_OPEN_PHYSICAL_MEMORY_OBJECT args{object, on, nullptr};
    const NTSTATUS status = adapter->DxgkCbOpenPhysicalMemoryObject(&args);
    return {status, args.hAdapterMemoryObject};
}

inline void close(const Adapter& adapter, HANDLE adapter_object) {
    const DXGKARGCB_CLOSE_PHYSICAL_MEMORY_OBJECT args{adapter_object};
    adapter->DxgkCbClosePhysicalMemoryObject(&args);
}

// ---- Map and Unmap -------------------------------------------------------------------------------------------------

struct Mapped {
    NTSTATUS status;
    void* base;
    SIZE_T offset;
    SIZE_T size;
    volatile std::uint8_t& operator[](std::uint64_t index) const {
        return (static_cast<volatile std::uint8_t*>(base) + offset)[index];
    }
};

inline Mapped map(const Adapter& adapter, HANDLE object, SIZE_T offset, SIZE_T size,
                  DXGK_ACCESS_MODE mode = DXGK_ACCESS_MODE_KERNEL_MODE) {
    DXGKARGCB_MAP_PHYSICAL_MEMORY args{object, mode, offset, size, nullptr};
    const NTSTATUS status = adapter->DxgkCbMapPhysicalMemory(&args);
    return {status, args.pMappedAddress, args.Offset, args.Size};
}

inline void unmap(const Adapter& adapter, HANDLE object, void* base, SIZE_T size) {
    const DXGKARGCB_UNMAP_PHYSICAL_MEMORY args{object, base, size};
    adapter->DxgkCbUnmapPhysicalMemory(&args);
}
inline void unmap(const Adapter& adapter, HANDLE object, const Mapped& view) {
    unmap(adapter, object, view.base, view.size);
}

// ---- AllocateAdl and FreeAdl ---------------------------------------------------------------------------------------

struct Listed {
    NTSTATUS status;
    DXGK_ADL* adl;
    LogicalAddress operator[](std::uint64_t page) const {
        return LogicalPage{adl->Flags.Contiguous ? adl->BasePageNumber + page : adl->Pages[page]}.address();
    }
};

enum AdlFlags : UINT32 { plain = 0, require_contiguous = 1, prefer_contiguous = 2 };

inline Listed list(const Adapter& adapter, HANDLE adapter_object, SIZE_T offset, SIZE_T size, UINT32 flags = plain) {
    DXGKARGCB_ALLOCATE_ADL args{adapter_object, offset, size, {}, nullptr};
    args.Flags.Value = flags;
    const NTSTATUS status = adapter->DxgkCbAllocateAdl(&args);
    return {status, args.pAdl};
}

inline void free(const Adapter& adapter, HANDLE adapter_object, DXGK_ADL* adl) {
    const DXGKARGCB_FREE_ADL args{adapter_object, adl};
    adapter->DxgkCbFreeAdl(&args);
}

}  // namespace remap::rules
