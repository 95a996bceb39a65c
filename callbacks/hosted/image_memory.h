// SPDX-License-Identifier: MIT
// Memory for driver images in this process: pages of the host, with the host's own protection.
#pragma once

#include "callbacks/pe/loader.h"

#include <cstdint>

namespace remap::hosted {

class ImageMemory final : public pe::MemoryPort {
public:
    std::byte* allocate(std::uint64_t pages) override;
    bool protect(std::byte* first, std::uint64_t pages, const pe::Rights& rights) override;
    void free(std::byte* base, std::uint64_t pages) override;
    std::uint64_t random() override;

    // Of all images that are loaded now.
    std::uint64_t pages() const { return pages_; }

private:
    std::uint64_t pages_ = 0;
};

}  // namespace remap::hosted
