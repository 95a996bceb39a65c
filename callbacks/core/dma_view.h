// SPDX-License-Identifier: MIT
// How a logical adapter reaches memory: the numbers it uses for frames, and its access to them.
#pragma once

#include "base/address.h"
#include "callbacks/core/dma_mode.h"
#include "callbacks/core/dxgkrnl.h"
#include "callbacks/core/frame_list.h"
#include "callbacks/core/freed_pages.h"
#include "callbacks/core/identity_map.h"
#include "callbacks/core/logical_space.h"
#include "callbacks/core/page_runs.h"
#include "callbacks/core/told_dma.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace remap::callbacks {

class DmaView {
public:
    // `quarantine`: logical pages that are given back stay out of use as long as there are others. `witness`: is told
    // what the adapter reaches, and for which object; null: nobody is.
    // STATUS_DEVICE_CONFIGURATION_ERROR, STATUS_INVALID_PARAMETER, STATUS_INSUFFICIENT_RESOURCES.
    NTSTATUS start(const AdapterDescription& description, const FramePort& frames, bool quarantine, Witness* witness);

    // The adapter reaches nothing any more. False when logical pages were lost on the way.
    bool stop();

    DmaMode mode() const { return mode_; }
    DmaPort* port() const { return port_; }

    // Gives the adapter access to frames and appends the numbers it uses for them; `single`: one run or none.
    //   STATUS_INSUFFICIENT_RESOURCES: no logical addresses, tables or book-keeping; STATUS_INVALID_ADDRESS: without
    //   remapping, a frame is out of the adapter's sight.
    NTSTATUS open(const FrameList& frames, std::uint64_t first, std::uint64_t pages, bool single, PageRuns& runs);

    // The object for which the adapter is given access from now on; close names its own.
    void do_for(const Subject& subject) { told_.do_for(subject); }

    // Takes it away. False when logical pages are lost for want of memory.
    bool close(const PageRuns& runs, const Subject& subject, const Caller& caller);

    // From physical mode to isolation, in steps: maps the reserved ranges, and page numbers that open has handed out
    // before; then the mode changes. unisolate takes back what was mapped. STATUS_INSUFFICIENT_RESOURCES.
    NTSTATUS isolate_reserved();
    NTSTATUS isolate(std::span<const PageRun> runs);
    void unisolate(std::span<const PageRun> runs);
    void unisolate_reserved();
    void set_isolated() { mode_ = DmaMode::Isolation; }

    const FreedPages& freed() const { return freed_; }

private:
    NTSTATUS read(const AdapterDescription& description, const FramePort& frames);
    NTSTATUS check_reserved(const FramePort& frames) const;
    NTSTATUS map_reserved();
    NTSTATUS number_physically(const FrameList& frames, std::uint64_t first, std::uint64_t pages, PageRuns& runs) const;
    NTSTATUS open_logical(const FrameList& frames, std::uint64_t first, std::uint64_t pages, bool single,
                          PageRuns& runs);
    std::uint64_t map_run(const PageRun& run, const FrameList& frames, std::uint64_t index);
    bool flush_quarantine();

    DmaMode mode_ = DmaMode::Physical;
    ToldDma told_;
    DmaPort* port_ = nullptr;
    bool quarantine_ = false;
    PhysicalPage highest_visible_;
    LogicalSpace space_;    // remapping
    IdentityMap identity_;  // isolation
    FreedPages freed_;
    std::array<PageRun, most_reserved_ranges> reserved_;
    std::size_t reserved_count_ = 0;
};

}  // namespace remap::callbacks
