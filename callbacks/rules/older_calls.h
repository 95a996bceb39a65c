// SPDX-License-Identifier: MIT
// The ten older callbacks as a rule's test calls them.
#pragma once

#include "callbacks/rules/calls.h"

namespace remap::rules {

inline DXGKARGCB_ALLOCATECONTIGUOUSMEMORY contiguous_memory(SIZE_T bytes) {
    DXGKARGCB_ALLOCATECONTIGUOUSMEMORY args{};
    args.NumberOfBytes = bytes;
    args.HighestAcceptableAddress = at(no_limit);
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    return args;
}

inline DXGKARGCB_ALLOCATEPAGESFORMDL pages_for_mdl(SIZE_T bytes) {
    DXGKARGCB_ALLOCATEPAGESFORMDL args{};
    args.TotalBytes = bytes;
    args.HighAddress = at(no_limit);
    args.CacheType = DXGK_MEMORY_CACHING_TYPE_CACHED;
    return args;
}

// An MDL of the driver's own, over the first pages of an object: the numbers stand behind the structure.
struct DriversMdl {
    static constexpr unsigned most = 4;

    DriversMdl(Bench& bench, HANDLE object, unsigned pages) {
        mdl.Size = sizeof mdl + most * sizeof frames[0];
        mdl.MdlFlags = MDL_PAGES_LOCKED;
        mdl.ByteCount = static_cast<ULONG>(pages * page_size);
        for (unsigned i = 0; i < pages && i < most; ++i) frames[i] = bench.dxgkrnl().frame(object, i).number;
    }

    MDL mdl{};
    PFN_NUMBER frames[most] = {};
};
static_assert(offsetof(DriversMdl, frames) == sizeof(MDL));

inline constexpr unsigned older_callbacks = 10;

// The number of the n-th of them in callbacks::Callback.
inline unsigned older_callback(unsigned n) {
    return static_cast<unsigned>(callbacks::Callback::AllocateContiguousMemory) + n;
}

// Calls the n-th with arguments that are right, or name a handle of nothing.
inline void call_older(const Adapter& adapter, unsigned n) {
    const HANDLE nothing = reinterpret_cast<HANDLE>(std::uintptr_t{0x7770});
    auto memory = contiguous_memory(page_size);
    auto pages = pages_for_mdl(page_size);
    struct {
        MDL mdl{};
        PFN_NUMBER frame = 1;
    } own;
    own.mdl.MdlFlags = MDL_PAGES_LOCKED;
    own.mdl.ByteCount = page_size;
    DXGKARGCB_MAPMDLTOIOMMU mapped{&own.mdl, nullptr};
    DXGKARGCB_PINFRAMEBUFFERFORSAVE pin{0, page_size, nullptr};
    DXGKARGCB_MAPFRAMEBUFFERPOINTER pointer{0, page_size, 0, nullptr};
    const DXGKARGCB_FREECONTIGUOUSMEMORY free_memory{nothing};
    const DXGKARGCB_FREEPAGESFROMMDL free_pages{nothing};
    const DXGKARGCB_UNMAPMDLFROMIOMMU unmap_mdl{nothing};
    const DXGKARGCB_UNPINFRAMEBUFFERFORSAVE unpin{0};
    const DXGKARGCB_UNMAPFRAMEBUFFERPOINTER unmap_pointer{0, &own};
    const HANDLE on = adapter.handle();
    switch (n) {
        case 0: (void)adapter->DxgkCbAllocateContiguousMemory(on, &memory); break;
        case 1: (void)adapter->DxgkCbFreeContiguousMemory(on, &free_memory); break;
        case 2: (void)adapter->DxgkCbAllocatePagesForMdl(on, &pages); break;
        case 3: (void)adapter->DxgkCbFreePagesFromMdl(on, &free_pages); break;
        case 4: (void)adapter->DxgkCbMapMdlToIoMmu(on, &mapped); break;
        case 5: adapter->DxgkCbUnmapMdlFromIoMmu(on, &unmap_mdl); break;
        case 6: (void)adapter->DxgkCbPinFrameBufferForSave(on, &pin); break;
        case 7: (void)adapter->DxgkCbUnpinFrameBufferForSave(on, &unpin); break;
        case 8: (void)adapter->DxgkCbMapFrameBufferPointer(on, &pointer); break;
        default: (void)adapter->DxgkCbUnmapFrameBufferPointer(on, &unmap_pointer); break;
    }
}

}  // namespace remap::rules
