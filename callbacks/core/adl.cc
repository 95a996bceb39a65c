// SPDX-License-Identifier: MIT
#include "callbacks/core/adl.h"

#include "callbacks/core/array.h"

#include <new>

namespace remap::callbacks {

Result<Adl*, NTSTATUS> Adl::make(DmaView& view, const FrameList& frames, const AdlRequest& request,
                                 const Subject& subject) {
    std::unique_ptr<Adl> adl(new (std::nothrow) Adl(view, frames, request));
    if (!adl) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    view.do_for(subject);
    const NTSTATUS status = adl->connect(subject.number);
    if (!NT_SUCCESS(status)) return Failure{status};
    return adl.release();
}

NTSTATUS Adl::connect(std::uint64_t object) {
    const bool written_out = !request_.require_contiguous && !request_.prefer_contiguous;
    if (written_out && request_.pages > most_listed_pages) return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = view_.open(frames_, request_.first_page, request_.pages, request_.require_contiguous, runs_);
    if (!NT_SUCCESS(status)) return status;
    status = describe();
    // The driver has not seen the pages: nobody is to blame when the GPU is told of them later.
    if (!NT_SUCCESS(status)) (void)view_.close(runs_, {.number = object}, {});
    return status;
}

// Writes the list as the driver sees it: a base page where it can be and is wanted, else an array.
NTSTATUS Adl::describe() {
    handed_out_.PageCount = static_cast<UINT32>(request_.pages);
    if (runs_.size() == 1 && (request_.require_contiguous || request_.prefer_contiguous)) {
        handed_out_.Flags.Contiguous = 1;
        handed_out_.BasePageNumber = runs_[0].first;
        return STATUS_SUCCESS;
    }
    pages_ = allocate_array<DXGK_PAGE_NUMBER>(request_.pages);
    if (!pages_) return STATUS_INSUFFICIENT_RESOURCES;
    std::uint64_t index = 0;
    for (const PageRun& run : runs_)
        for (std::uint64_t i = 0; i < run.count; ++i) pages_[index++] = run.first + i;
    handed_out_.Pages = pages_.get();
    return STATUS_SUCCESS;
}

bool Adl::end(Adl* adl, const Subject& subject, const Caller& caller) {
    std::unique_ptr<Adl> owned(adl);
    return adl->view_.close(adl->runs_, subject, caller);
}

bool Adl::changed_by_driver() const {
    if (handed_out_.PageCount != request_.pages || handed_out_.Flags.Value != (pages_ ? 0u : 1u)) return true;
    if (!pages_) return handed_out_.BasePageNumber != runs_[0].first;
    if (handed_out_.Pages != pages_.get()) return true;
    std::uint64_t index = 0;
    for (const PageRun& run : runs_)
        for (std::uint64_t i = 0; i < run.count; ++i)
            if (pages_[index++] != run.first + i) return true;
    return false;
}

std::optional<PhysicalPage> Adl::frame_behind(std::uint64_t page) const {
    std::uint64_t index = request_.first_page;
    for (const PageRun& run : runs_) {
        if (page >= run.first && page - run.first < run.count) return frames_[index + (page - run.first)];
        index += run.count;
    }
    return std::nullopt;
}

}  // namespace remap::callbacks
