// SPDX-License-Identifier: MIT
// Which pages of VRAM the engine has written, told to the host in ranges: a transfer of many small pieces is one
// report.
#pragma once

#include "base/address.h"
#include "hw/gpu/ports.h"

#include <algorithm>
#include <cstdint>

namespace remap::gpu {

class VramLog {
public:
    VramLog(HostPort& host, std::uint64_t vram_bytes) : host_(host), vram_bytes_(vram_bytes) {}

    // `bytes` is at least 1.
    void written(std::uint64_t offset, std::uint64_t bytes) {
        const std::uint64_t first = offset >> page_shift;
        const std::uint64_t end = ((offset + bytes - 1) >> page_shift) + 1;
        const bool apart = first > end_ || end < first_;
        if (apart) report();
        first_ = apart ? first : std::min(first, first_);
        end_ = apart ? end : std::max(end, end_);
    }

    // Tells the host what it does not know yet.
    void report() {
        if (first_ == end_) return;
        const std::uint64_t offset = first_ << page_shift;
        host_.vram_written(offset, std::min(end_ << page_shift, vram_bytes_) - offset);
        first_ = end_ = 0;
    }

private:
    HostPort& host_;
    std::uint64_t vram_bytes_;
    std::uint64_t first_ = 0;  // page numbers; one range, empty when both are equal
    std::uint64_t end_ = 0;
};

}  // namespace remap::gpu
