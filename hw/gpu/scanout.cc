// SPDX-License-Identifier: MIT
#include "hw/gpu/scanout.h"

#include "hw/gpu/halves.h"

namespace remap::gpu {

using namespace spec;

std::uint32_t ScanoutRegisters::read(std::uint64_t offset) const {
    switch (offset) {
        case ScanoutControl::offset:
            return static_cast<std::uint32_t>(control_ | ScanoutControl::Shown::of(shown_.enabled));
        case ScanoutOffset::offset:
        case ScanoutOffset::offset + 4:
            return half_of(written_.offset, offset);
        case ScanoutWidth::offset:
            return written_.width;
        case ScanoutHeight::offset:
            return written_.height;
        case ScanoutStride::offset:
            return written_.stride;
        default:
            return 0;
    }
}

void ScanoutRegisters::write(std::uint64_t offset, std::uint32_t value) {
    switch (offset) {
        case ScanoutControl::offset:
            return latch(value);
        case ScanoutOffset::offset:
        case ScanoutOffset::offset + 4:
            return set_half(written_.offset, offset, value);
        case ScanoutWidth::offset:
            written_.width = value;
            return;
        case ScanoutHeight::offset:
            written_.height = value;
            return;
        case ScanoutStride::offset:
            written_.stride = value;
            return;
        default:
            return;
    }
}

void ScanoutRegisters::latch(std::uint32_t control) {
    control_ = control & kept_control;
    shown_ = written_;
    show();
}

void ScanoutRegisters::show() { shown_.enabled = ScanoutControl::Enable::get(control_) && valid(shown_); }

bool ScanoutRegisters::valid(const Scanout& s) const {
    if (ScanoutControl::Format::get(control_) != ScanoutControl::PixelFormat::Xrgb8888) return false;
    if (s.width == 0 || s.width > ScanoutWidth::max || s.height == 0 || s.height > ScanoutHeight::max) return false;
    if (s.stride % 4 != 0 || s.stride < s.width * 4 || s.stride > ScanoutStride::max || s.offset % 4 != 0) return false;
    const std::uint64_t bytes = std::uint64_t{s.stride} * (s.height - 1) + s.width * 4;
    return bytes <= vram_bytes_ && s.offset <= vram_bytes_ - bytes;
}

}  // namespace remap::gpu
