// SPDX-License-Identifier: MIT
// What the callbacks and the sorts of memory behind them are called, for the callbacks themselves and for whoever reads
// of them elsewhere: traces, tools. Uses nothing.
//
// Numbers stay what they are: they are in trace files.
#pragma once

#include <cstdint>

namespace remap::callbacks {

// The callbacks, and what else calls into a machine.
enum class Callback : std::uint8_t {
    CreatePhysicalMemoryObject = 0,
    DestroyPhysicalMemoryObject = 1,
    MapPhysicalMemory = 2,
    UnmapPhysicalMemory = 3,
    AllocateAdl = 4,
    FreeAdl = 5,
    OpenPhysicalMemoryObject = 6,
    ClosePhysicalMemoryObject = 7,
    AllocateContiguousMemory = 8,
    FreeContiguousMemory = 9,
    AllocatePagesForMdl = 10,
    FreePagesFromMdl = 11,
    MapMdlToIoMmu = 12,
    UnmapMdlFromIoMmu = 13,
    PinFrameBufferForSave = 14,
    UnpinFrameBufferForSave = 15,
    MapFrameBufferPointer = 16,
    UnmapFrameBufferPointer = 17,
    PinFrameBufferForSave2 = 18,
    // Not a driver's call.
    StartAdapter = 64,
    StopAdapter = 65,
    SwitchDomain = 66,
    DmaFault = 67,
    KernelService = 68,
};
inline constexpr unsigned callback_count = 19;

// "DxgkCbAllocateAdl", or a word for what is no callback. Any number is welcome: "?" for one that is nothing's.
constexpr const char* name_of(Callback callback) {
    switch (callback) {
        case Callback::CreatePhysicalMemoryObject: return "DxgkCbCreatePhysicalMemoryObject";
        case Callback::DestroyPhysicalMemoryObject: return "DxgkCbDestroyPhysicalMemoryObject";
        case Callback::MapPhysicalMemory: return "DxgkCbMapPhysicalMemory";
        case Callback::UnmapPhysicalMemory: return "DxgkCbUnmapPhysicalMemory";
        case Callback::AllocateAdl: return "DxgkCbAllocateAdl";
        case Callback::FreeAdl: return "DxgkCbFreeAdl";
        case Callback::OpenPhysicalMemoryObject: return "DxgkCbOpenPhysicalMemoryObject";
        case Callback::ClosePhysicalMemoryObject: return "DxgkCbClosePhysicalMemoryObject";
        case Callback::AllocateContiguousMemory: return "DxgkCbAllocateContiguousMemory";
        case Callback::FreeContiguousMemory: return "DxgkCbFreeContiguousMemory";
        case Callback::AllocatePagesForMdl: return "DxgkCbAllocatePagesForMdl";
        case Callback::FreePagesFromMdl: return "DxgkCbFreePagesFromMdl";
        case Callback::MapMdlToIoMmu: return "DxgkCbMapMdlToIoMmu";
        case Callback::UnmapMdlFromIoMmu: return "DxgkCbUnmapMdlFromIoMmu";
        case Callback::PinFrameBufferForSave: return "DxgkCbPinFrameBufferForSave";
        case Callback::UnpinFrameBufferForSave: return "DxgkCbUnpinFrameBufferForSave";
        case Callback::MapFrameBufferPointer: return "DxgkCbMapFrameBufferPointer";
        case Callback::UnmapFrameBufferPointer: return "DxgkCbUnmapFrameBufferPointer";
        case Callback::PinFrameBufferForSave2: return "DxgkCbPinFrameBufferForSave2";
        case Callback::StartAdapter: return "adapter start";
        case Callback::StopAdapter: return "adapter stop";
        case Callback::SwitchDomain: return "domain switch";
        case Callback::DmaFault: return "GPU access";
        case Callback::KernelService: return "kernel service";
    }
    return "?";
}

// What memory an object stands for.
enum class ObjectSort : std::uint8_t {
    // Physical memory objects, by their type.
    Mdl = 1,
    Contiguous = 2,
    Section = 3,
    IoSpace = 4,
    // Memory of the older callbacks, by the one that made it.
    OlderContiguous = 16,
    OlderPages = 17,
    DriverMdl = 18,  // the driver's own memory, mapped to the IOMMU
    SaveArea = 19,   // of a frame buffer, pinned
};

// "section", or "?" for a number that is no sort's.
constexpr const char* name_of(ObjectSort sort) {
    switch (sort) {
        case ObjectSort::Mdl: return "MDL";
        case ObjectSort::Contiguous: return "contiguous memory";
        case ObjectSort::Section: return "section";
        case ObjectSort::IoSpace: return "IO space";
        case ObjectSort::OlderContiguous: return "contiguous memory (older callback)";
        case ObjectSort::OlderPages: return "pages for an MDL (older callback)";
        case ObjectSort::DriverMdl: return "MDL of the driver's memory";
        case ObjectSort::SaveArea: return "frame buffer save area";
    }
    return "?";
}

// The same for numbers of a trace, which may be anything.
constexpr const char* name_of_callback(std::uint64_t number) {
    return number > 0xff ? "?" : name_of(static_cast<Callback>(number));
}
constexpr const char* name_of_sort(std::uint64_t number) {
    return number > 0xff ? "?" : name_of(static_cast<ObjectSort>(number));
}

}  // namespace remap::callbacks
