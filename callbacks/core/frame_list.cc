// SPDX-License-Identifier: MIT
#include "callbacks/core/frame_list.h"

#include <new>
#include <utility>

namespace remap::callbacks {

void FrameList::swap(FrameList& other) noexcept {
    std::swap(fragments_, other.fragments_);
    std::swap(count_, other.count_);
    std::swap(capacity_, other.capacity_);
    std::swap(size_, other.size_);
}

bool FrameList::reserve(std::uint64_t fragments) {
    if (fragments <= capacity_) return true;
    const std::uint64_t wanted = std::max(fragments, capacity_ * 2);
    std::unique_ptr<Fragment[]> grown(new (std::nothrow) Fragment[wanted]);
    if (!grown) return false;
    std::copy_n(fragments_.get(), count_, grown.get());
    fragments_ = std::move(grown);
    capacity_ = wanted;
    return true;
}

bool FrameList::add(FrameRun run) {
    if (run.pages == 0) return true;
    const bool joins =
        count_ != 0 && fragments_[count_ - 1].first + (size_ - fragments_[count_ - 1].index) == run.first;
    if (!joins) {
        if (!reserve(count_ + 1)) return false;
        fragments_[count_++] = {size_, run.first};
    }
    size_ += run.pages;
    return true;
}

bool FrameList::add(const FrameList& from, std::uint64_t first, std::uint64_t pages) {
    const std::uint64_t before = size_;
    if (from.for_each_run(first, pages, [this](FrameRun run) { return add(run); })) return true;
    shorten(before);
    return false;
}

void FrameList::shorten(std::uint64_t pages) {
    if (pages >= size_) return;
    count_ = pages == 0 ? 0 : fragment_of(pages - 1) + 1;
    size_ = pages;
}

// The last fragment that begins at or before an index.
std::uint64_t FrameList::fragment_of(std::uint64_t index) const {
    const Fragment* begin = fragments_.get();
    const Fragment* behind = std::upper_bound(begin, begin + count_, index,
                                              [](std::uint64_t value, const Fragment& it) { return value < it.index; });
    return static_cast<std::uint64_t>(behind - begin) - 1;
}

FrameRun FrameList::run_at(std::uint64_t index, std::uint64_t limit) const {
    return part(fragment_of(index), index, limit);
}

}  // namespace remap::callbacks
