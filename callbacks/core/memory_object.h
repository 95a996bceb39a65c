// SPDX-License-Identifier: MIT
// A physical memory object, and its association with a logical adapter.
#pragma once

#include "base/result.h"
#include "callbacks/core/adl.h"
#include "callbacks/core/cpu_mapping.h"
#include "callbacks/core/create_request.h"
#include "callbacks/core/findings.h"
#include "callbacks/core/frame_list.h"
#include "callbacks/core/interval_tree.h"
#include "callbacks/core/list.h"
#include "callbacks/core/witness.h"
#include "callbacks/ddk/d3dkmddi.h"

#include <cstdint>
#include <utility>

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

    void add(Adl& adl);
    void remove(Adl& adl);

    // The live list that was handed out with this address. Only addresses are compared: what a driver passes is not
    // read.
    Adl* find_adl(const DXGK_ADL* handed_out) const;

private:
    IntervalTree<Adl> by_address_;
};

class MemoryObject : public Link<MemoryObject>, public IntervalLink<MemoryObject> {
public:
    MemoryObject(const CreateRequest& request, FrameList frames) : request_(request), frames_(std::move(frames)) {}

    const CreateRequest& request() const { return request_; }
    DXGK_PHYSICAL_MEMORY_TYPE type() const { return request_.type; }
    CacheType cache() const { return request_.cache; }
    std::uint64_t context() const { return request_.context; }
    const FrameList& frames() const { return frames_; }
    Subject subject() const { return {reinterpret_cast<std::uintptr_t>(handle), request_.context, number}; }
    WitnessedObject witnessed() const;

    // Other frames for all pages, as many; the ones before.
    FrameList exchange_frames(FrameList frames) { return std::exchange(frames_, std::move(frames)); }

    // Checks the arguments against this object's type and size. STATUS_INVALID_PARAMETER.
    Result<CpuMappingRequest, NTSTATUS> read_map(const DXGKARGCB_MAP_PHYSICAL_MEMORY& args) const;
    Result<AdlRequest, NTSTATUS> read_adl(const DXGKARGCB_ALLOCATE_ADL& args) const;

    // The view at this base that `process` may unmap; else one of another process at the same base; else null.
    CpuMapping* find_mapping(const void* base, std::uint64_t process) const;

    // Whether reading all of a view takes seconds on hardware, as drivers in the field have found.
    bool is_slow_to_read(const CpuMapping& mapping) const;

    HANDLE handle = nullptr;
    std::uint64_t number = 0;  // as Subject has it
    AdapterObject* opened = nullptr;
    List<CpuMapping> mappings;

    void add(CpuMapping& mapping);
    void remove(CpuMapping& mapping);

    // A view that shows something at an address, in whatever process.
    const CpuMapping* view_at(std::uint64_t address) const { return by_address_.find(address, address); }

private:
    bool inside(std::uint64_t offset, std::uint64_t bytes) const;

    const CreateRequest request_;
    FrameList frames_;
    IntervalTree<CpuMapping> by_address_;
};

}  // namespace remap::callbacks
