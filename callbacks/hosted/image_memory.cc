// SPDX-License-Identifier: MIT
#include "callbacks/hosted/image_memory.h"

#include "base/address.h"

#include <random>

#include <sys/mman.h>

namespace remap::hosted {

std::byte* ImageMemory::allocate(std::uint64_t pages) {
    void* base = ::mmap(nullptr, pages << page_shift, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return nullptr;
    pages_ += pages;
    return static_cast<std::byte*>(base);
}

bool ImageMemory::protect(std::byte* first, std::uint64_t pages, const pe::Rights& rights) {
    const int protection =
        (rights.read ? PROT_READ : 0) | (rights.write ? PROT_WRITE : 0) | (rights.execute ? PROT_EXEC : 0);
    return ::mprotect(first, pages << page_shift, protection) == 0;
}

void ImageMemory::free(std::byte* base, std::uint64_t pages) {
    ::munmap(base, pages << page_shift);
    pages_ -= pages;
}

std::uint64_t ImageMemory::random() {
    std::random_device source;
    return std::uint64_t{source()} << 32 | source();
}

}  // namespace remap::hosted
