// SPDX-License-Identifier: MIT
// An address descriptor list: pages of a memory object as one logical adapter addresses them.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "callbacks/core/dma_view.h"
#include "callbacks/core/findings.h"
#include "callbacks/core/frame_list.h"
#include "callbacks/core/interval_tree.h"
#include "callbacks/core/list.h"
#include "callbacks/core/page_runs.h"
#include "callbacks/ddk/d3dkmddi.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace remap::callbacks {

struct AdlRequest {
    std::uint64_t first_page = 0;  // of the object
    std::uint64_t pages = 0;
    bool require_contiguous = false;
    bool prefer_contiguous = false;
};

class Adl : public Link<Adl>, public IntervalLink<Adl> {
public:
    // Of the object that has these frames. STATUS_INVALID_ADDRESS, STATUS_INSUFFICIENT_RESOURCES. `view` and `frames`
    // outlive the list.
    static Result<Adl*, NTSTATUS> make(DmaView& view, const FrameList& frames, const AdlRequest& request,
                                       const Subject& subject);

    // Takes the adapter's access away, then deletes. False when logical pages are lost for want of memory.
    static bool end(Adl* adl, const Subject& subject, const Caller& caller);

    // The object's pages that it locks.
    std::uint64_t first_page() const { return request_.first_page; }
    std::uint64_t end_page() const { return request_.first_page + request_.pages; }

    std::span<const PageRun> runs() const { return {runs_.begin(), runs_.size()}; }

    // What the driver gets. The driver can write to it, so nothing is ever read from it but to see whether it did.
    DXGK_ADL* handed_out() { return &handed_out_; }
    bool changed_by_driver() const;

    // The frame behind a page number of this list.
    std::optional<PhysicalPage> frame_behind(std::uint64_t page) const;

private:
    Adl(DmaView& view, const FrameList& frames, const AdlRequest& request)
        : view_(view), frames_(frames), request_(request) {}

    NTSTATUS connect(std::uint64_t object);
    NTSTATUS describe();

    DmaView& view_;
    const FrameList& frames_;
    const AdlRequest request_;
    PageRuns runs_;
    std::unique_ptr<DXGK_PAGE_NUMBER[]> pages_;  // null: the list is a base page
    DXGK_ADL handed_out_{};
};

}  // namespace remap::callbacks
