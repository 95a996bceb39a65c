// SPDX-License-Identifier: MIT
// The frames of a memory object in the order of its pages: an array where they were allocated, a range where the driver
// named its own.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace remap::callbacks {

// Longest list of page numbers that is written out, for one view or one ADL: 256 GiB of pages, half a GiB of numbers.
// Only ranges of a device can be longer.
inline constexpr std::uint64_t most_listed_pages = std::uint64_t{1} << 26;

// Null when there is no memory, or there are more than `most`.
template <typename T>
std::unique_ptr<T[]> allocate_array(std::uint64_t count, std::uint64_t most = most_listed_pages) {
    return std::unique_ptr<T[]>(count > most ? nullptr : new (std::nothrow) T[count]);
}

class FrameList {
public:
    FrameList() = default;
    FrameList(PhysicalPage first, std::uint64_t count) : first_(first), count_(count) {}
    FrameList(std::unique_ptr<PhysicalPage[]> frames, std::uint64_t count)
        : frames_(std::move(frames)), count_(count) {}

    std::uint64_t size() const { return count_; }

    PhysicalPage operator[](std::uint64_t index) const { return frames_ ? frames_[index] : first_ + index; }

    // How many frames from `index` on, `limit` at most, lie side by side.
    std::uint64_t run_length(std::uint64_t index, std::uint64_t limit) const {
        if (!frames_) return limit;
        std::uint64_t length = 1;
        while (length < limit && frames_[index + length] == frames_[index] + length) ++length;
        return length;
    }

    // The array, empty for a range.
    std::span<const PhysicalPage> array() const {
        return frames_ ? std::span<const PhysicalPage>(frames_.get(), count_) : std::span<const PhysicalPage>();
    }

private:
    std::unique_ptr<PhysicalPage[]> frames_;
    PhysicalPage first_;
    std::uint64_t count_ = 0;
};

}  // namespace remap::callbacks
