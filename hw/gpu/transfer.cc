// SPDX-License-Identifier: MIT
#include "hw/gpu/transfer.h"

#include <algorithm>

namespace remap::gpu {

using namespace spec;

namespace {

// Whether a copy that ascends would overwrite bytes of its source that it has not read yet.
bool must_descend(Place destination, Place source, std::uint64_t bytes) {
    return destination.space == source.space && destination.address > source.address &&
           destination.address - source.address < bytes;
}

// Bytes from `place` to the end of its page.
std::uint64_t ahead_in_page(Place place) { return page_size - place.address % page_size; }

// Bytes before `end` in the page of the byte before it.
std::uint64_t behind_in_page(Place end) { return (end.address - 1) % page_size + 1; }

Place operator+(Place place, std::uint64_t bytes) { return {place.space, place.address + bytes, place.snoop}; }

}  // namespace

void Transfer::start(const TransferShape& shape) {
    shape_ = shape;
    lines_done_ = shape.empty() ? shape.lines : 0;
    bytes_done_ = 0;
    if (shape.empty()) return;
    if (!shape.copies) {
        // What the longest piece takes when it begins at the last byte of a word, in whole words.
        constexpr std::uint64_t last = sizeof shape.pattern - 1;
        std::fill_n(pattern_.begin(), (last + std::min(shape.width, page_size) + last) / sizeof shape.pattern,
                    shape.pattern);
        return;
    }
    // With one pitch, both rectangles ascend together, and the order that is right for the whole is right for each
    // line.
    const std::uint64_t extent = shape.source.pitch * (shape.lines - 1) + shape.width;
    lines_backward_ = shape.destination.pitch == shape.source.pitch &&
                      must_descend(shape.destination.place, shape.source.place, extent);
}

bool Transfer::skip_to(const Progress& progress) {
    if (progress.lines >= shape_.lines || progress.bytes >= shape_.width) return false;
    lines_done_ = progress.lines;
    bytes_done_ = progress.bytes;
    return true;
}

Transfer::Line Transfer::current_line() const {
    const bool backward = shape_.copies && lines_backward_;
    const std::uint64_t index = backward ? shape_.lines - 1 - lines_done_ : lines_done_;
    Line line{shape_.destination.place + index * shape_.destination.pitch,
              shape_.source.place + index * shape_.source.pitch};
    line.backward = shape_.copies && must_descend(line.destination, line.source, shape_.width);
    return line;
}

Transfer::Piece Transfer::step(Memory& memory) {
    const Line line = current_line();
    const std::uint64_t left = shape_.width - bytes_done_;
    const auto piece_of = [&](Place place) {
        return line.backward ? behind_in_page(place + left) : ahead_in_page(place + bytes_done_);
    };
    std::uint64_t bytes = std::min(left, piece_of(line.destination));
    if (shape_.copies) bytes = std::min(bytes, piece_of(line.source));

    const std::uint64_t offset = line.backward ? left - bytes : bytes_done_;
    const Fault fault = shape_.copies ? memory.copy(line.destination + offset, line.source + offset, bytes)
                                      : fill(memory, line.destination + offset, bytes);
    if (fault) return {0, fault};
    finish(bytes);
    return {bytes, {}};
}

Fault Transfer::fill(Memory& memory, Place to, std::uint64_t bytes) const {
    const auto* pattern = reinterpret_cast<const std::byte*>(pattern_.data());
    return memory.write(to, pattern + bytes_done_ % sizeof(std::uint32_t), bytes);
}

void Transfer::finish(std::uint64_t bytes) {
    bytes_done_ += bytes;
    if (bytes_done_ < shape_.width) return;
    bytes_done_ = 0;
    ++lines_done_;
}

}  // namespace remap::gpu
