// SPDX-License-Identifier: MIT
#include "callbacks/core/cpu_mapping.h"

#include <memory>
#include <new>

namespace remap::callbacks {

Result<CpuMapping*, NTSTATUS> make_mapping(CpuViewPort& port, const FrameList& frames,
                                           const CpuMappingRequest& request) {
    std::unique_ptr<CpuMapping> mapping(new (std::nothrow) CpuMapping);
    if (!mapping) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};

    std::unique_ptr<PhysicalPage[]> listed;  // of a range, for this call only
    std::span<const PhysicalPage> shown;
    if (!frames.array().empty()) {
        shown = frames.array().subspan(request.first_page, request.pages);
    } else {
        listed = allocate_array<PhysicalPage>(request.pages);
        if (!listed) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
        for (std::uint64_t i = 0; i < request.pages; ++i) listed[i] = frames[request.first_page + i];
        shown = {listed.get(), request.pages};
    }

    mapping->base =
        port.map({.frames = shown, .cache = request.cache, .mode = request.mode, .writable = request.writable});
    if (mapping->base == nullptr) return Failure{NTSTATUS{STATUS_NO_MEMORY}};
    mapping->pages = request.pages;
    mapping->mode = request.mode;
    mapping->process = port.current_process();
    return mapping.release();
}

void end_mapping(CpuViewPort& port, CpuMapping* mapping) {
    port.unmap(mapping->base, mapping->pages);
    delete mapping;
}

}  // namespace remap::callbacks
