// SPDX-License-Identifier: MIT
// The base relocations of an image: the places that hold an address, for the preferred base, of something in the image.
#pragma once

#include "callbacks/pe/image.h"

#include <cstdint>
#include <span>

namespace remap::pe {

// Goes through them once, reading the file alone, so that what a relocation changes is never read as a relocation.
//     Relocations places(image);
//     while (places.next()) add(places.place());
//     if (places.problem()) ...
class Relocations {
public:
    explicit Relocations(const Image& image);

    // False at the end, and at a problem.
    bool next();

    // RVA of 8 bytes that lie in one section.
    std::uint32_t place() const { return place_; }
    const Problem& problem() const { return problem_; }

private:
    bool begin_block();
    bool fail(const Problem& problem);

    const Image& image_;
    std::span<const std::byte> blocks_;   // from the block after the current one
    std::span<const std::byte> entries_;  // of the current block, those that are left
    std::uint32_t position_ = 0;          // RVA of blocks_
    std::uint32_t page_ = 0;              // of the current block
    std::uint32_t place_ = 0;
    Problem problem_;
};

}  // namespace remap::pe
