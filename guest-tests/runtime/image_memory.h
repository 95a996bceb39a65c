// SPDX-License-Identifier: MIT
// Memory for driver images: frames behind views of the kernel, each page with the rights of its section.
#pragma once

#include "callbacks/core/frame_list.h"
#include "callbacks/pe/loader.h"

#include <cstdint>

namespace remap::guest {

class ImageMemory final : public pe::MemoryPort {
public:
    std::byte* allocate(std::uint64_t pages) override;

    // On x86 what can be written or executed can also be read. A page without a right is not mapped.
    bool protect(std::byte* first, std::uint64_t pages, const pe::Rights& rights) override;
    void free(std::byte* base, std::uint64_t pages) override;
    std::uint64_t random() override;

private:
    // The frames behind an allocation, kept for the pages that are not mapped.
    struct Allocation {
        std::byte* base = nullptr;
        callbacks::FrameList frames;
    };
    static constexpr unsigned most_images = 16;

    Allocation* find(const std::byte* address);

    Allocation allocations_[most_images];
};

// The machine's.
ImageMemory& image_memory();

}  // namespace remap::guest
