// SPDX-License-Identifier: MIT
// Views of a memory object for the CPU.
#pragma once

#include "base/result.h"
#include "callbacks/core/frame_list.h"
#include "callbacks/core/interval_tree.h"
#include "callbacks/core/list.h"
#include "callbacks/core/ports.h"
#include "callbacks/ddk/ntddk.h"

#include <cstdint>

namespace remap::callbacks {

struct CpuMapping : Link<CpuMapping>, IntervalLink<CpuMapping> {
    void* base = nullptr;
    std::uint64_t pages = 0;
    AccessMode mode = AccessMode::Kernel;
    std::uint64_t process = 0;     // the one that made it
    std::uint64_t first_page = 0;  // of the object: what it shows first
    bool writable = true;
    AuditedView audited;

    bool belongs_to(std::uint64_t caller) const { return mode == AccessMode::Kernel || process == caller; }
};

struct CpuMappingRequest {
    std::uint64_t first_page = 0;  // of the object
    std::uint64_t pages = 0;
    CacheType cache = CacheType::WriteBack;
    AccessMode mode = AccessMode::Kernel;
    bool writable = true;
};

// STATUS_INSUFFICIENT_RESOURCES.
Result<CpuMapping*, NTSTATUS> make_mapping(CpuViewPort& port, const FrameList& frames, std::uint64_t process,
                                           const CpuMappingRequest& request, const ViewOrigin& origin);

// Unmaps and deletes; the mapping is in no list.
void end_mapping(CpuViewPort& port, CpuMapping* mapping);

}  // namespace remap::callbacks
