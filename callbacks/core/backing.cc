// SPDX-License-Identifier: MIT
#include "callbacks/core/backing.h"

#include <algorithm>

namespace remap::callbacks {

namespace {

using Frames = std::span<PhysicalPage>;

// MDL windows beyond the first that are looked at, so that no SkipBytes makes the search endless.
constexpr unsigned most_windows = 4096;

bool take(FramePort& port, const CreateRequest& request, Frames frames) {
    return port.allocate({.pages = frames.size(), .lowest = request.lowest, .highest = request.highest}, frames);
}

// Takes as many frames of a window as there are, at most `frames.size()`, and returns how many. The port gives all or
// nothing, so the size asked for is halved whenever it refuses.
std::uint64_t take_some(FramePort& port, PhysicalPage lowest, PhysicalPage highest, Frames frames) {
    std::uint64_t taken = 0;
    std::uint64_t size = frames.size();
    while (size != 0 && taken < frames.size()) {
        size = std::min<std::uint64_t>(size, frames.size() - taken);
        const FrameRequest request{.pages = size, .lowest = lowest, .highest = highest};
        if (port.allocate(request, frames.subspan(taken, size)))
            taken += size;
        else
            size /= 2;
    }
    return taken;
}

// Goes on from window to window, each `skip` pages after the one before, up to the end of memory (WDK page
// MmAllocatePagesForMdlEx).
bool take_over_windows(FramePort& port, const CreateRequest& request, Frames frames) {
    const std::uint64_t width = request.highest - request.lowest + 1;
    const std::uint64_t end = port.highest_installed().number;
    std::uint64_t taken = take_some(port, request.lowest, request.highest, frames);
    std::uint64_t low = request.lowest.number;
    for (unsigned window = 0; taken < frames.size() && window < most_windows; ++window) {
        if (low > end || end - low < request.skip) break;
        low += request.skip;
        // Windows that touch or overlap are one.
        const std::uint64_t high = request.skip <= width || end - low < width ? end : low + (width - 1);
        if (port.overlaps_memory({low}, high - low + 1)) taken += take_some(port, {low}, {high}, frames.subspan(taken));
        if (high == end) break;
    }
    if (taken == frames.size()) return true;
    if (taken != 0) port.free(frames.first(taken));
    return false;
}

bool take_chunks(FramePort& port, const CreateRequest& request, Frames frames) {
    for (std::uint64_t taken = 0; taken < frames.size(); taken += request.chunk) {
        const FrameRequest chunk{.pages = request.chunk,
                                 .lowest = request.lowest,
                                 .highest = request.highest,
                                 .boundary = request.boundary,
                                 .contiguous = true};
        if (port.allocate(chunk, frames.subspan(taken, request.chunk))) continue;
        if (taken != 0) port.free(frames.first(taken));
        return false;
    }
    return true;
}

bool take_contiguous(FramePort& port, const CreateRequest& request, Frames frames) {
    return port.allocate({.pages = frames.size(),
                          .lowest = request.lowest,
                          .highest = request.highest,
                          .boundary = request.boundary,
                          .contiguous = true},
                         frames);
}

bool take_as_asked(FramePort& port, const CreateRequest& request, Frames frames) {
    if (request.type == DXGK_PHYSICAL_MEMORY_TYPE_CONTIGUOUS_MEMORY) return take_contiguous(port, request, frames);
    if (request.chunk > 1) return take_chunks(port, request, frames);
    if (request.skip != 0) return take_over_windows(port, request, frames);
    return take(port, request, frames);
}

}  // namespace

Result<FrameList, NTSTATUS> take_frames(FramePort& port, const CreateRequest& request) {
    if (request.type == DXGK_PHYSICAL_MEMORY_TYPE_IO_SPACE) {
        if (port.overlaps_memory(request.io_base, request.pages)) return Failure{NTSTATUS{STATUS_INVALID_PARAMETER}};
        return FrameList(request.io_base, request.pages);
    }
    // More than there can be: the list is not even tried.
    if (request.pages > port.highest_installed().number) return Failure{NTSTATUS{STATUS_NO_MEMORY}};
    auto frames = allocate_array<PhysicalPage>(request.pages, most_object_pages);
    if (!frames) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    if (!take_as_asked(port, request, {frames.get(), request.pages})) return Failure{NTSTATUS{STATUS_NO_MEMORY}};
    return FrameList(std::move(frames), request.pages);
}

void give_frames(FramePort& port, const FrameList& frames) {
    if (!frames.array().empty()) port.free(frames.array());
}

}  // namespace remap::callbacks
