// SPDX-License-Identifier: MIT
#include "callbacks/core/adl.h"

#include <new>

namespace remap::callbacks {

Result<Adl*, NTSTATUS> Adl::make(DmaView& view, const FrameList& frames, const AdlRequest& request) {
    std::unique_ptr<Adl> adl(new (std::nothrow) Adl(view, frames, request));
    if (!adl) return Failure{NTSTATUS{STATUS_INSUFFICIENT_RESOURCES}};
    const NTSTATUS status = adl->connect();
    if (!NT_SUCCESS(status)) return Failure{status};
    return adl.release();
}

// The adapter's access comes last, so that nothing can fail after it.
NTSTATUS Adl::connect() {
    NTSTATUS status = view_.domain != nullptr ? number_logically() : number_physically();
    if (!NT_SUCCESS(status)) return status;
    status = describe();
    if (NT_SUCCESS(status)) status = open_domain();
    if (!NT_SUCCESS(status)) give_back_numbers();
    return status;
}

NTSTATUS Adl::number_logically() {
    return view_.space.take(request_.pages, request_.require_contiguous, runs_) ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

NTSTATUS Adl::number_physically() {
    for (std::uint64_t done = 0; done < request_.pages;) {
        const std::uint64_t index = request_.first_page + done;
        const PageRun run{frames_[index].number, frames_.run_length(index, request_.pages - done)};
        const std::uint64_t highest = view_.highest_visible.number;
        if (run.first == 0 || run.first > highest || highest - run.first < run.count - 1) return STATUS_INVALID_ADDRESS;
        if (!runs_.add(run)) return STATUS_INSUFFICIENT_RESOURCES;
        done += run.count;
    }
    return STATUS_SUCCESS;
}

// Writes the list as the driver sees it: a base page where it can be and is wanted, else an array.
NTSTATUS Adl::describe() {
    handed_out_.PageCount = static_cast<UINT32>(request_.pages);
    if (runs_.size() == 1 && (request_.require_contiguous || request_.prefer_contiguous)) {
        handed_out_.Flags.Contiguous = 1;
        handed_out_.BasePageNumber = runs_[0].first;
        return STATUS_SUCCESS;
    }
    if (request_.require_contiguous) return STATUS_NO_MEMORY;
    pages_ = allocate_array<DXGK_PAGE_NUMBER>(request_.pages);
    if (!pages_) return STATUS_INSUFFICIENT_RESOURCES;
    std::uint64_t index = 0;
    for (const PageRun& run : runs_)
        for (std::uint64_t i = 0; i < run.count; ++i) pages_[index++] = run.first + i;
    handed_out_.Pages = pages_.get();
    return STATUS_SUCCESS;
}

// Maps one run to the frames from `index` on, piece by piece of frames side by side. Returns how many pages are mapped.
std::uint64_t Adl::map_run(const PageRun& run, std::uint64_t index) {
    std::uint64_t done = 0;
    while (done < run.count) {
        const std::uint64_t pages = frames_.run_length(index + done, run.count - done);
        if (!view_.domain->map({run.first + done}, frames_[index + done], pages)) break;
        done += pages;
    }
    return done;
}

NTSTATUS Adl::open_domain() {
    if (view_.domain == nullptr) return STATUS_SUCCESS;
    std::uint64_t index = request_.first_page;
    for (const PageRun& run : runs_) {
        const std::uint64_t mapped = map_run(run, index);
        if (mapped == run.count) {
            index += run.count;
            continue;
        }
        if (mapped != 0) view_.domain->unmap({run.first}, mapped);
        for (const PageRun* before = runs_.begin(); before != &run; ++before)
            view_.domain->unmap({before->first}, before->count);
        return STATUS_NO_MEMORY;
    }
    return STATUS_SUCCESS;
}

bool Adl::give_back_numbers() { return view_.domain == nullptr || view_.space.give(runs_); }

bool Adl::end(Adl* adl) {
    std::unique_ptr<Adl> owned(adl);
    if (adl->view_.domain != nullptr)
        for (const PageRun& run : adl->runs_) adl->view_.domain->unmap({run.first}, run.count);
    return adl->give_back_numbers();
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
