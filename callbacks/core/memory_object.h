// SPDX-License-Identifier: MIT
// A physical memory object, and its association with a logical adapter.
#pragma once

#include "base/result.h"
#include "callbacks/core/adl.h"
#include "callbacks/core/cpu_mapping.h"
#include "callbacks/core/create_request.h"
#include "callbacks/core/findings.h"
#include "callbacks/core/frame_list.h"
#include "callbacks/core/list.h"
#include "callbacks/ddk/d3dkmddi.h"

#include <cstdint>

namespace remap::callbacks {

class Adapter;
class MemoryObject;

// An object as one logical adapter sees it.
struct AdapterObject : Link<AdapterObject> {
    AdapterObject(Adapter& owner, MemoryObject& seen) : adapter(owner), object(seen) {}

    Adapter& adapter;
    MemoryObject& object;
    HANDLE handle = nullptr;
    List<Adl> adls;
};

class MemoryObject : public Link<MemoryObject> {
public:
    MemoryObject(const CreateRequest& request, FrameList frames) : request_(request), frames_(std::move(frames)) {}

    DXGK_PHYSICAL_MEMORY_TYPE type() const { return request_.type; }
    CacheType cache() const { return request_.cache; }
    std::uint64_t context() const { return request_.context; }
    const FrameList& frames() const { return frames_; }

    // Whether both wrap ranges of a device that share a page.
    bool overlaps_io(const MemoryObject& other) const;

    // Checks the arguments against this object's type and size. STATUS_INVALID_PARAMETER.
    Result<CpuMappingRequest, NTSTATUS> read_map(const DXGKARGCB_MAP_PHYSICAL_MEMORY& args) const;
    Result<AdlRequest, NTSTATUS> read_adl(const DXGKARGCB_ALLOCATE_ADL& args) const;

    // The view at this base that `process` may unmap; else one of another process at the same base; else null.
    CpuMapping* find_mapping(const void* base, std::uint64_t process) const;

    HANDLE handle = nullptr;
    AdapterObject* opened = nullptr;
    List<CpuMapping> mappings;

private:
    bool inside(std::uint64_t offset, std::uint64_t bytes) const;

    const CreateRequest request_;
    const FrameList frames_;
};

// "Object with context 0x1234: ", the beginning of a report about it.
Text about(const MemoryObject& object);

}  // namespace remap::callbacks
