// SPDX-License-Identifier: MIT
#include "callbacks/core/dma_view.h"

#include "base/bits.h"

#include <algorithm>

namespace remap::callbacks {

namespace {

// Pages that end at or below an address.
std::uint64_t whole_pages_up_to(PhysicalAddress last) {
    return (last.value >> page_shift) + ((~last.value & (page_size - 1)) == 0);
}

bool whole_pages(const ReservedRange& range) {
    return range.bytes != 0 && ((range.first.value | range.bytes) & (page_size - 1)) == 0 &&
           range.first.value + (range.bytes - 1) >= range.first.value;
}

PageRun pages_of(const ReservedRange& range) { return {range.first.page().number, range.bytes >> page_shift}; }

bool overlap(const PageRun& a, const PageRun& b) {
    return a.first <= b.first ? b.first - a.first < a.count : a.first - b.first < b.count;
}

}  // namespace

// ---- start and stop ------------------------------------------------------------------------------------------------

NTSTATUS DmaView::read(const AdapterDescription& description, const FramePort& frames) {
    const auto visible = description.highest_visible;
    if (visible.empty() || visible.size() > most_physical_adapters ||
        description.reserved.size() > most_reserved_ranges)
        return STATUS_INVALID_PARAMETER;
    const PhysicalAddress least = *std::min_element(visible.begin(), visible.end());
    const std::uint64_t pages = whole_pages_up_to(least);
    if (pages < 2) return STATUS_INVALID_PARAMETER;  // page 0 is never handed out
    highest_visible_.number = pages - 1;
    for (const ReservedRange& range : description.reserved) {
        if (!whole_pages(range)) return STATUS_INVALID_PARAMETER;
        reserved_[reserved_count_++] = pages_of(range);
    }
    const auto mode = choose_mode({.caps = description.iommu,
                                   .map_aperture2 = description.map_aperture2,
                                   .iommu_present = description.dma != nullptr,
                                   .highest_visible = least,
                                   .highest_installed = frames.highest_installed(),
                                   .preferred = description.preferred});
    if (!mode) return mode.error();
    mode_ = *mode;
    return check_reserved(frames);
}

// WDK page "IOMMU-based GPU isolation", Hardware reserved memory: the ranges must not overlap memory of the system.
NTSTATUS DmaView::check_reserved(const FramePort& frames) const {
    for (std::size_t i = 0; i < reserved_count_; ++i) {
        const PageRun& run = reserved_[i];
        const bool twice = std::any_of(reserved_.begin(), reserved_.begin() + i,
                                       [&](const PageRun& other) { return overlap(run, other); });
        if (twice || run.first + (run.count - 1) > highest_visible_.number ||
            frames.overlaps_memory({run.first}, run.count))
            return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

NTSTATUS DmaView::map_reserved() {
    for (std::size_t i = 0; i < reserved_count_; ++i) {
        const PageRun& run = reserved_[i];
        const bool mapped = mode_ == DmaMode::Remapping
                                ? space_.withhold(run) && port_->map({run.first}, {run.first}, run.count)
                                : identity_.add(*port_, run);
        if (mapped) continue;
        reserved_count_ = i;  // what is mapped, for stop
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

NTSTATUS DmaView::start(const AdapterDescription& description, const FramePort& frames, bool quarantine,
                        Witness* witness) {
    quarantine_ = quarantine;
    port_ = told_.before(description.dma, witness);
    NTSTATUS status = read(description, frames);
    if (!NT_SUCCESS(status)) return status;
    if (mode_ == DmaMode::Remapping) {
        const unsigned width = port_->address_width();
        if (width <= page_shift) return STATUS_DEVICE_CONFIGURATION_ERROR;
        const std::uint64_t translated = low_bits(width) >> page_shift;
        if (!space_.open({std::min(highest_visible_.number, translated)})) return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (mode_ != DmaMode::Physical) {
        status = map_reserved();
        if (NT_SUCCESS(status) && !port_->attach(Attachment::Domain)) status = STATUS_INSUFFICIENT_RESOURCES;
    } else if (port_ != nullptr && !port_->attach(Attachment::Untranslated)) {
        status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!NT_SUCCESS(status)) (void)stop();
    return status;
}

bool DmaView::stop() {
    if (port_ != nullptr) (void)port_->attach(Attachment::Nothing);
    do_for({});
    const bool whole = mode_ != DmaMode::Remapping || (flush_quarantine() && space_.whole());
    for (std::size_t i = 0; i < reserved_count_; ++i) {
        if (mode_ == DmaMode::Remapping) port_->unmap({reserved_[i].first}, reserved_[i].count);
        if (mode_ == DmaMode::Isolation) identity_.remove(*port_, reserved_[i]);
    }
    reserved_count_ = 0;
    return whole;
}

// ---- access to frames ----------------------------------------------------------------------------------------------

NTSTATUS DmaView::number_physically(const FrameList& frames, std::uint64_t first, std::uint64_t pages,
                                    PageRuns& runs) const {
    NTSTATUS status = STATUS_SUCCESS;
    frames.for_each_run(first, pages, [&](FrameRun run) {
        const bool seen =
            run.first.number != 0 && run.first <= highest_visible_ && highest_visible_ - run.first >= run.pages - 1;
        if (!seen)
            status = STATUS_INVALID_ADDRESS;
        else if (!runs.add({run.first.number, run.pages}))
            status = STATUS_INSUFFICIENT_RESOURCES;
        return NT_SUCCESS(status);
    });
    return status;
}

// Maps one run to the frames from `index` on, piece by piece of frames side by side. Returns how many pages are mapped.
std::uint64_t DmaView::map_run(const PageRun& run, const FrameList& frames, std::uint64_t index) {
    std::uint64_t done = 0;
    frames.for_each_run(index, run.count, [&](FrameRun piece) {
        if (!port_->map({run.first + done}, piece.first, piece.pages)) return false;
        done += piece.pages;
        return true;
    });
    return done;
}

NTSTATUS DmaView::open_logical(const FrameList& frames, std::uint64_t first, std::uint64_t pages, bool single,
                               PageRuns& runs) {
    const bool taken = space_.take(pages, single, runs) || (flush_quarantine() && space_.take(pages, single, runs));
    if (!taken) return STATUS_INSUFFICIENT_RESOURCES;
    std::uint64_t index = first;
    for (const PageRun& run : runs) {
        const std::uint64_t mapped = map_run(run, frames, index);
        index += run.count;
        if (mapped == run.count) continue;
        if (mapped != 0) port_->unmap({run.first}, mapped);
        for (const PageRun* before = runs.begin(); before != &run; ++before)
            port_->unmap({before->first}, before->count);
        (void)space_.give(runs);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

NTSTATUS DmaView::open(const FrameList& frames, std::uint64_t first, std::uint64_t pages, bool single, PageRuns& runs) {
    if (mode_ == DmaMode::Remapping) return open_logical(frames, first, pages, single, runs);
    const NTSTATUS status = number_physically(frames, first, pages, runs);
    if (!NT_SUCCESS(status)) return status;
    if (single && runs.size() != 1) return STATUS_INSUFFICIENT_RESOURCES;
    return mode_ == DmaMode::Isolation ? isolate({runs.begin(), runs.size()}) : STATUS_SUCCESS;
}

bool DmaView::close(const PageRuns& runs, const Subject& subject, const Caller& caller) {
    if (mode_ == DmaMode::Physical) return true;
    do_for(subject);
    bool all = true;
    for (const PageRun& run : runs) {
        if (mode_ == DmaMode::Isolation) {
            identity_.remove(*port_, run);
            (void)freed_.add({run, subject, caller});
            continue;
        }
        port_->unmap({run.first}, run.count);
        const auto usable = quarantine_ ? freed_.add({run, subject, caller}) : std::optional(run);
        if (usable) all &= space_.give(*usable);
    }
    return all;
}

bool DmaView::flush_quarantine() {
    bool all = true;
    while (const auto run = freed_.pop()) all &= space_.give(*run);
    return all;
}

// ---- isolation -----------------------------------------------------------------------------------------------------

NTSTATUS DmaView::isolate(std::span<const PageRun> runs) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
        if (identity_.add(*port_, runs[i])) continue;
        unisolate(runs.first(i));
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

void DmaView::unisolate(std::span<const PageRun> runs) {
    for (const PageRun& run : runs) identity_.remove(*port_, run);
}

NTSTATUS DmaView::isolate_reserved() {
    do_for({});
    return isolate({reserved_.data(), reserved_count_});
}

void DmaView::unisolate_reserved() {
    do_for({});
    unisolate({reserved_.data(), reserved_count_});
}

}  // namespace remap::callbacks
