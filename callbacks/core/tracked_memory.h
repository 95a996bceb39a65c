// SPDX-License-Identifier: MIT
// Memory of the older callbacks (WDDM 2.4): each allocation is tracked by a handle, which its free takes.
#pragma once

#include "callbacks/core/frame_list.h"
#include "callbacks/core/interval_tree.h"
#include "callbacks/core/list.h"
#include "callbacks/core/page_runs.h"
#include "callbacks/core/view_audit.h"
#include "callbacks/core/witness.h"
#include "callbacks/ddk/wdm.h"

#include <cstdint>
#include <span>

namespace remap::callbacks {

class Adapter;
class Adl;

struct TrackedMemory : Link<TrackedMemory>, IntervalLink<TrackedMemory> {
    enum class Kind : std::uint8_t {
        Contiguous,    // memory of ours with a CPU view
        Pages,         // memory of ours, described by an MDL of ours
        Mdl,           // memory of the driver's, described by its MDL
        SaveArea,      // a pinned save area, described by an MDL or an ADL of ours
        SaveAreaView,  // a CPU view of part of a save area
    };

    TrackedMemory(Adapter& owner, Kind what) : adapter(owner), kind(what) {}

    bool owns_frames() const { return kind == Kind::Contiguous || kind == Kind::Pages; }
    bool owns_mdl() const { return kind == Kind::Pages || kind == Kind::SaveArea; }
    std::span<const PageRun> runs_of_adapter() const;  // what the adapter reaches of it
    Subject subject() const { return {reinterpret_cast<std::uintptr_t>(handle), 0, number}; }
    WitnessedObject witnessed() const;

    Adapter& adapter;
    const Kind kind;
    HANDLE handle = nullptr;
    std::uint64_t number = 0;  // as Subject has it; 0 as long as it was not announced
    std::uint64_t pages = 0;   // that were announced
    FrameList frames;          // what it consists of
    PageRuns runs;             // what the adapter was given access to; none for a view
    MDL* mdl = nullptr;        // that describes it
    Adl* adl = nullptr;        // that describes it, in place of frames, runs and MDL
    void* view = nullptr;      // the CPU's
    std::uint64_t view_pages = 0;
    std::uint64_t view_process = 0;
    AuditedView audited;  // the view
    unsigned area = 0;    // physical adapter whose save area it is
};

// The frames that an MDL describes. False when there is no memory.
bool read_mdl(const MDL& mdl, FrameList& frames);

// Whether an MDL still describes exactly these frames.
bool describes(const MDL& mdl, const FrameList& frames);

// An MDL of locked pages for frames, `bytes` long; null when there is no memory. free_mdl takes it.
MDL* make_mdl(const FrameList& frames, std::uint64_t bytes);
void free_mdl(MDL* mdl);

}  // namespace remap::callbacks
