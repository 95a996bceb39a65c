// SPDX-License-Identifier: MIT
// The test picture: bars, a ramp, a field of squares, and a text that comes out of system memory through the IOMMU.
#pragma once

#include "callbacks/driver/channel.h"
#include "hw/driver/device.h"

#include <cstdint>

namespace remap::guest {

inline constexpr gpu_driver::ScanoutMode picture_mode{.offset = 0, .width = 640, .height = 480, .stride = 640 * 4};

// Draws it into VRAM with the GPU's engine. `text` holds text_bytes of system memory that the GPU can read.
inline constexpr std::uint64_t text_width = 8 * 6 * 9;  // pixels: letters of 6 by 8 points, 9 pixels a point
inline constexpr std::uint64_t text_height = 8 * 9;
inline constexpr std::uint64_t text_bytes = text_width * text_height * 4;
gpu_driver::Error draw_picture(driver::Channel& channel, const driver::Allocation& text);

}  // namespace remap::guest
