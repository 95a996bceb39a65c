// SPDX-License-Identifier: MIT
#include "hw/hosted/view.h"

#include "hw/hosted/held_pages.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

namespace remap::hosted {

namespace {

std::vector<MemoryRange> runs_of(std::span<const PhysicalPage> pages) {
    std::vector<MemoryRange> runs;
    for (const PhysicalPage page : pages) {
        if (!runs.empty() && runs.back().first + runs.back().pages == page)
            ++runs.back().pages;
        else
            runs.push_back({page, 1});
    }
    return runs;
}

}  // namespace

Result<std::unique_ptr<View>, std::string> View::map(const Memory& memory, std::span<const PhysicalPage> pages,
                                                     bool writable) {
    return map(memory, runs_of(pages), writable);
}

Result<std::unique_ptr<View>, std::string> View::map(const Memory& memory, std::span<const MemoryRange> runs,
                                                     bool writable) {
    std::unique_ptr<View> view(new View);
    for (const MemoryRange& run : runs) view->size_ += run.pages * page_size;
    if (view->size_ == 0) return Failure{std::string("a view has at least one page")};
    view->writable_ = writable;
    // The place is reserved first, so that the runs, each mapped over a part of it, lie side by side.
    void* reserved = ::mmap(nullptr, view->size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) return Failure{std::string("no address space for a view")};
    view->base_ = static_cast<std::byte*>(reserved);
    const auto filled = view->fill(memory, view->base_, runs);
    if (!filled) return Failure{filled.error()};
    return view;
}

// Maps each run over its part, in as many pieces as it has in the shared memory object.
Result<bool, std::string> View::fill(const Memory& memory, std::byte* at, std::span<const MemoryRange> runs) const {
    const int protection = PROT_READ | (writable_ ? PROT_WRITE : 0);
    const int object = memory.object().get_mapping_handle().handle;
    for (MemoryRange rest : runs) {
        while (rest.pages != 0) {
            const auto piece = memory.piece_of(rest);
            if (!piece) return Failure{"page " + std::to_string(rest.first.number) + " is not installed memory"};
            const std::size_t bytes = piece->pages * page_size;
            if (::mmap(at, bytes, protection, MAP_SHARED | MAP_FIXED, object, static_cast<off_t>(piece->offset)) ==
                MAP_FAILED) {
                return Failure{"cannot map page " + std::to_string(rest.first.number) + ": " + std::strerror(errno) +
                               " (a view of very scattered pages may meet the limit vm.max_map_count)"};
            }
            at += bytes;
            rest = {rest.first + piece->pages, rest.pages - piece->pages};
        }
    }
    return true;
}

void View::hold(std::size_t first_page, std::size_t pages) {
    hold_pages(base_ + first_page * page_size, pages * page_size);
}

Result<bool, std::string> View::show(const Memory& memory, std::size_t first_page, std::span<const MemoryRange> runs) {
    std::byte* const at = base_ + first_page * page_size;
    auto filled = fill(memory, at, runs);
    if (filled) release_pages(at);
    return filled;
}

View::~View() {
    if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace remap::hosted
