// SPDX-License-Identifier: MIT
// The scan-out registers: what software wrote, and what the display latched when ScanoutControl was written.
#pragma once

#include "hw/gpu/gpu.h"

#include <cstdint>

namespace remap::gpu {

class ScanoutRegisters {
public:
    explicit ScanoutRegisters(std::uint64_t vram_bytes) : vram_bytes_(vram_bytes) {}

    // 32-bit halves of the registers from ScanoutControl on; others read as zero and write nothing.
    std::uint32_t read(std::uint64_t offset) const;
    void write(std::uint64_t offset, std::uint32_t value);

    // What the display shows: not enabled unless it lies wholly in VRAM.
    const Scanout& shown() const { return shown_; }

private:
    bool valid() const;
    void latch(std::uint32_t control);

    std::uint64_t vram_bytes_;
    std::uint32_t control_ = 0;
    Scanout written_;
    Scanout shown_;
};

}  // namespace remap::gpu
