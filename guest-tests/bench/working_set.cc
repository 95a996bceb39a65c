// SPDX-License-Identifier: MIT
#include "guest-tests/bench/working_set.h"

#include "base/bits.h"
#include "guest-tests/bench/pattern.h"
#include "guest-tests/runtime/exit.h"
#include "guest-tests/runtime/frames.h"
#include "guest-tests/runtime/iommu_unit.h"
#include "guest-tests/runtime/views.h"

#include <algorithm>

namespace remap::bench {

using namespace guest;
using vtd_driver::Error;

namespace {

constexpr std::uint64_t large_page = 512;  // pages
constexpr std::uint64_t words_per_page = page_size / sizeof(std::uint64_t);

// Where the two ways and the shared memory lie for the GPU: far from each other, and from all frames.
constexpr LogicalPage small_begin{std::uint64_t{16} << 30 >> page_shift};
constexpr LogicalPage large_begin{std::uint64_t{32} << 30 >> page_shift};
constexpr LogicalPage shared_begin{std::uint64_t{48} << 30 >> page_shift};

// A run that crosses no multiple of its own size begins at one.
PhysicalPage allocate_large(std::uint64_t pages) {
    const PhysicalPage highest = guest::frames().highest_installed();
    callbacks::FrameList list;
    if (!guest::frames().allocate({.pages = pages, .highest = highest, .boundary = pages, .contiguous = true}, list))
        panic("no memory for a working set: give the machine more");
    return list[0];
}

// Maps frames side by side, in the order given.
void* view_of(std::span<const PhysicalPage> frames) {
    callbacks::FrameList list;
    for (const PhysicalPage frame : frames)
        if (!list.add({frame, 1})) panic("no memory for a list of frames");
    return views().map({.frames = list, .pages = list.size()});
}

void must_work(Error error, const char* what) {
    if (error != Error::None) panic("%s: %s", what, vtd_driver::name_of(error));
}

}  // namespace

WorkingSet::WorkingSet(const pci::Function& device, std::uint64_t pages)
    : pages_(round_up(pages, large_page)),
      frames_(std::make_unique<PhysicalPage[]>(pages_)),
      placement_(std::make_unique<std::uint32_t[]>(pages_)),
      next_shared_(shared_begin) {
    allocate();
    if (iommu() == nullptr) return;
    Error error = Error::None;
    domain_ = iommu()->create_domain(error);
    must_work(error, "creating a domain");
    map();
    must_work(iommu()->attach(device.source(), *domain_), "attaching the GPU");
}

void WorkingSet::allocate() {
    const std::span all(frames_.get(), pages_);
    for (std::uint64_t first = 0; first < pages_; first += large_page) {
        const PhysicalPage frame = allocate_large(large_page);
        for (std::uint64_t i = 0; i < large_page; ++i) frames_[first + i] = frame + i;
    }
    std::ranges::sort(all);
    shuffle({placement_.get(), pages_}, placement_seed);
    view_ = static_cast<volatile std::uint64_t*>(view_of(all));
    if (view_ == nullptr) panic("no view of the working set");
}

void WorkingSet::map() {
    for (std::uint64_t i = 0; i < pages_; ++i) {
        const PhysicalPage frame = frames_[placement_[i]];
        must_work(iommu()->map(*domain_, small_begin + i, frame, 1, {}), "mapping a page");
    }
    for (std::uint64_t i = 0; i < pages_; i += large_page)
        must_work(iommu()->map(*domain_, large_begin + i, frames_[i], large_page, {}), "mapping a large page");
}

std::uint64_t WorkingSet::frame_of(Leaves leaves, std::uint64_t page) const {
    return leaves == Leaves::Small ? placement_[page] : page;
}

LogicalAddress WorkingSet::address(Leaves leaves, std::uint64_t page) const {
    if (domain_ == nullptr) return {frames_[frame_of(leaves, page)].address().value};
    return ((leaves == Leaves::Small ? small_begin : large_begin) + page).address();
}

volatile std::uint64_t* WorkingSet::words(Leaves leaves, std::uint64_t page) const {
    return view_ + frame_of(leaves, page) * words_per_page;
}

SharedMemory WorkingSet::share(std::uint64_t bytes) {
    const std::uint64_t pages = round_up(pages_of(bytes), large_page);
    callbacks::FrameList frames;
    if (!frames.add({allocate_large(pages), pages})) panic("no memory for a list of frames");
    SharedMemory memory{views().map({.frames = frames, .pages = pages}), {frames[0].address().value}};
    if (memory.cpu == nullptr) panic("no view of the ring");
    if (domain_ != nullptr) {
        must_work(iommu()->map(*domain_, next_shared_, frames[0], pages, {}), "mapping the ring");
        memory.gpu = next_shared_.address();
        next_shared_ = next_shared_ + pages;
    }
    return memory;
}

}  // namespace remap::bench
