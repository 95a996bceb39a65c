// SPDX-License-Identifier: MIT
#include "hw/hosted/view.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

namespace remap::hosted {

Result<std::unique_ptr<View>, std::string> View::map(const Memory& memory, std::span<const PhysicalPage> pages,
                                                     bool writable) {
    if (pages.empty()) return Failure{std::string("a view has at least one page")};
    std::unique_ptr<View> view(new View);
    view->size_ = pages.size() * page_size;
    // The place is reserved first, so that the runs, each mapped over a part of it, lie side by side.
    void* reserved = ::mmap(nullptr, view->size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) return Failure{std::string("no address space for a view")};
    view->base_ = static_cast<std::byte*>(reserved);

    const int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    const int object = memory.object().get_mapping_handle().handle;
    for (std::size_t i = 0; i < pages.size();) {
        const auto offset = memory.offset_of(pages[i]);
        if (!offset) return Failure{"page " + std::to_string(pages[i].number) + " is not installed memory"};
        std::size_t run = 1;
        while (i + run < pages.size() && memory.offset_of(pages[i + run]) == *offset + run * page_size) ++run;
        if (::mmap(view->base_ + i * page_size, run * page_size, protection, MAP_SHARED | MAP_FIXED, object,
                   static_cast<off_t>(*offset)) == MAP_FAILED) {
            return Failure{"cannot map page " + std::to_string(pages[i].number) + ": " + std::strerror(errno) +
                           " (a view of very scattered pages may meet the limit vm.max_map_count)"};
        }
        i += run;
    }
    return view;
}

View::~View() {
    if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace remap::hosted
