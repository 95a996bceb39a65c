// SPDX-License-Identifier: MIT
#include "callbacks/core/backing.h"

#include <algorithm>

namespace remap::callbacks {

namespace {

// MDL windows beyond the first that are looked at, so that no SkipBytes makes the search endless.
constexpr unsigned most_windows = 4096;

bool take(FramePort& port, const CreateRequest& request, FrameList& frames) {
    return port.allocate({.pages = request.pages, .lowest = request.lowest, .highest = request.highest}, frames);
}

// Takes as many frames of a window as there are, `wanted` at most. The port gives all or nothing, so the size asked for
// is halved whenever it refuses.
void take_some(FramePort& port, PhysicalPage lowest, PhysicalPage highest, std::uint64_t wanted, FrameList& frames) {
    std::uint64_t size = wanted;
    while (size != 0 && wanted != 0) {
        size = std::min(size, wanted);
        if (port.allocate({.pages = size, .lowest = lowest, .highest = highest}, frames))
            wanted -= size;
        else
            size /= 2;
    }
}

// Goes on from window to window, each `skip` pages after the one before, up to the end of memory (WDK page
// MmAllocatePagesForMdlEx).
bool take_over_windows(FramePort& port, const CreateRequest& request, FrameList& frames) {
    const std::uint64_t width = request.highest - request.lowest + 1;
    const std::uint64_t end = port.highest_installed().number;
    take_some(port, request.lowest, request.highest, request.pages, frames);
    std::uint64_t low = request.lowest.number;
    for (unsigned window = 0; frames.size() < request.pages && window < most_windows; ++window) {
        if (low > end || end - low < request.skip) break;
        low += request.skip;
        // Windows that touch or overlap are one.
        const std::uint64_t high = request.skip <= width || end - low < width ? end : low + (width - 1);
        if (port.overlaps_memory({low}, high - low + 1))
            take_some(port, {low}, {high}, request.pages - frames.size(), frames);
        if (high == end) break;
    }
    return frames.size() == request.pages;
}

bool take_chunks(FramePort& port, const CreateRequest& request, FrameList& frames) {
    const FrameRequest chunk{.pages = request.chunk,
                             .lowest = request.lowest,
                             .highest = request.highest,
                             .boundary = request.boundary,
                             .contiguous = true};
    while (frames.size() < request.pages)
        if (!port.allocate(chunk, frames)) return false;
    return true;
}

bool take_contiguous(FramePort& port, const CreateRequest& request, FrameList& frames) {
    return port.allocate({.pages = request.pages,
                          .lowest = request.lowest,
                          .highest = request.highest,
                          .boundary = request.boundary,
                          .contiguous = true},
                         frames);
}

bool take_as_asked(FramePort& port, const CreateRequest& request, FrameList& frames) {
    if (request.type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY) return take_contiguous(port, request, frames);
    if (request.chunk > 1) return take_chunks(port, request, frames);
    if (request.skip != 0) return take_over_windows(port, request, frames);
    return take(port, request, frames);
}

// Drivers meet STATUS_NO_MEMORY where contiguous memory cannot be found; other memory is a resource like any other.
NTSTATUS no_frames(const CreateRequest& request) {
    return request.type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY ? STATUS_NO_MEMORY
                                                                       : STATUS_INSUFFICIENT_RESOURCES;
}

}  // namespace

Result<FrameList, NTSTATUS> take_frames(FramePort& port, const CreateRequest& request) {
    FrameList frames;
    if (request.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) {
        if (port.overlaps_memory(request.io_base, request.pages)) return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
        if (!frames.add({request.io_base, request.pages})) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
        return frames;
    }
    // More than there can be is not even tried.
    const bool taken = request.pages <= port.highest_installed().number && take_as_asked(port, request, frames);
    if (taken) return frames;
    if (!frames.empty()) port.free(frames);
    return Failure{no_frames(request)};
}

void give_frames(FramePort& port, const CreateRequest& request, const FrameList& frames) {
    if (request.type != DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) port.free(frames);
}

}  // namespace remap::callbacks
