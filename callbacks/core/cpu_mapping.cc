// SPDX-License-Identifier: MIT
#include "callbacks/core/cpu_mapping.h"

#include <memory>
#include <new>

namespace remap::callbacks {

Result<CpuMapping*, NTSTATUS> make_mapping(CpuViewPort& port, const FrameList& frames, std::uint64_t process,
                                           const CpuMappingRequest& request, const ViewOrigin& origin) {
    std::unique_ptr<CpuMapping> mapping(new (std::nothrow) CpuMapping);
    if (!mapping) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    const ViewRequest view{.frames = frames,
                           .first = request.first_page,
                           .pages = request.pages,
                           .cache = request.cache,
                           .mode = request.mode,
                           .writable = request.writable};
    mapping->base = port.map(view);
    if (mapping->base == nullptr) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    if (!port.audit.add(mapping->audited, view, {.base = mapping->base, .process = process, .origin = origin})) {
        port.unmap(mapping->base, request.pages, process);
        return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    }
    mapping->pages = request.pages;
    mapping->mode = request.mode;
    mapping->process = process;
    mapping->first_page = request.first_page;
    mapping->writable = request.writable;
    return mapping.release();
}

void end_mapping(CpuViewPort& port, CpuMapping* mapping) {
    port.audit.remove(mapping->audited);
    port.unmap(mapping->base, mapping->pages, mapping->process);
    delete mapping;
}

}  // namespace remap::callbacks
