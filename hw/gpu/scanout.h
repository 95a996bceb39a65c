// SPDX-License-Identifier: MIT
// The scan-out registers: what software wrote, and what the display latched when ScanoutControl was written.
#pragma once

#include "hw/gpu/gpu.h"
#include "hw/spec/gpu_registers.h"

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

    // Whether the latched picture is shown follows from what was latched.
    template <typename Archive>
    void state(Archive& archive) {
        archive("SCANOUT_CONTROL", control_);
        archive.check((control_ & ~kept_control) == 0, "SCANOUT_CONTROL", "has bits that no write sets");
        for (Scanout* registers : {&written_, &shown_}) {
            archive("SCANOUT_OFFSET", registers->offset);
            archive("SCANOUT_WIDTH", registers->width);
            archive("SCANOUT_HEIGHT", registers->height);
            archive("SCANOUT_STRIDE", registers->stride);
        }
        show();
    }

private:
    static constexpr auto kept_control =
        static_cast<std::uint32_t>(spec::ScanoutControl::Enable::mask | spec::ScanoutControl::Format::mask);

    bool valid(const Scanout& s) const;
    void latch(std::uint32_t control);
    void show();

    std::uint64_t vram_bytes_;
    std::uint32_t control_ = 0;
    Scanout written_;
    Scanout shown_;
};

}  // namespace remap::gpu
