// SPDX-License-Identifier: MIT
#include "guest-tests/main_job/picture.h"

namespace remap::guest {

using namespace gpu::spec;
using gpu_driver::Error;

namespace {

constexpr std::uint32_t pitch = picture_mode.stride;
constexpr std::uint32_t background = 0x0010182c;
constexpr std::uint32_t ink = 0x00f4f0e6;
constexpr unsigned point = 9;  // pixels

// Where a pixel lies in VRAM.
Surface at(std::uint32_t x, std::uint32_t y) { return {vram(picture_mode.offset + y * pitch + x * 4), pitch}; }

// Submits a row of packets and keeps the first error.
class Brush {
public:
    explicit Brush(driver::Channel& channel) : channel_(channel) {}

    void put(const Packet& packet) {
        if (error_ == Error::None) error_ = channel_.submit(packet);
    }
    void box(std::uint32_t x, std::uint32_t y, std::uint32_t width, std::uint32_t height, std::uint32_t colour) {
        put(fill_rect(at(x, y), {width * 4, height}, colour));
    }
    Error finish() { return error_ == Error::None ? channel_.finish() : error_; }

private:
    driver::Channel& channel_;
    Error error_ = Error::None;
};

void draw_bars(Brush& brush) {
    constexpr std::uint32_t colours[] = {0xf4f0e6, 0xe8c84a, 0x4fb7c4, 0x5fa55a,
                                         0xb0609c, 0xc8523c, 0x3a5fa8, 0x20242c};
    for (std::uint32_t i = 0; i < 8; ++i) brush.box(40 + i * 70, 40, 70, 120, colours[i]);
}

void draw_ramp(Brush& brush) {
    for (std::uint32_t i = 0; i < 56; ++i) brush.box(40 + i * 10, 160, 10, 40, (i * 255 / 55) * 0x010101);
}

// One pair of squares is drawn, and copied within VRAM: first along the line, then line by line.
void draw_squares(Brush& brush) {
    brush.box(40, 330, 20, 20, 0x2e4468);
    brush.box(60, 330, 20, 20, 0x1a2740);
    for (std::uint32_t width = 40; width < 560; width *= 2) {
        const std::uint32_t part = width * 2 > 560 ? 560 - width : width;
        brush.put(copy_rect(at(40 + width, 330), at(40, 330), {part * 4, 20}));
    }
    for (std::uint32_t line = 1; line < 6; ++line) {
        const std::uint32_t shift = line % 2 * 20;
        brush.put(copy_rect(at(40, 330 + line * 20), at(40 + shift, 330), {(560 - shift) * 4, 20}));
        if (shift != 0) brush.box(580, 330 + line * 20, 20, 20, 0x2e4468);
    }
}

// Letters of 5 by 7 points; a bit a point, the leftmost first.
struct Letter {
    char name;
    std::uint8_t lines[7];
};
constexpr Letter letters[] = {
    {'R', {0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11}}, {'E', {0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f}},
    {'M', {0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11}}, {'A', {0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}},
    {'P', {0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10}}, {'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f}},
    {'B', {0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e}},
};

bool inked(char name, unsigned x, unsigned y) {
    if (x >= 5 || y >= 7) return false;
    for (const Letter& letter : letters)
        if (letter.name == name) return (letter.lines[y] >> (4 - x) & 1) != 0;
    return false;
}

// The CPU writes the text, pixel by pixel, into memory of the driver's.
void write_text(const driver::Allocation& text) {
    constexpr char word[] = "REMAPLAB";
    auto* pixels = reinterpret_cast<volatile std::uint32_t*>(text.data());
    for (std::uint64_t y = 0; y < text_height; ++y) {
        for (std::uint64_t x = 0; x < text_width; ++x) {
            const std::uint64_t column = x / point;
            const bool on =
                inked(word[column / 6], static_cast<unsigned>(column % 6), static_cast<unsigned>(y / point));
            pixels[y * text_width + x] = on ? ink : background;
        }
    }
}

}  // namespace

Error draw_picture(driver::Channel& channel, const driver::Allocation& text) {
    write_text(text);
    Brush brush(channel);
    brush.box(0, 0, picture_mode.width, picture_mode.height, background);
    draw_bars(brush);
    draw_ramp(brush);
    brush.put(copy_rect(at(108, 230), {system_memory(text.address().value), text_width * 4},
                        {static_cast<std::uint32_t>(text_width * 4), static_cast<std::uint32_t>(text_height)}));
    draw_squares(brush);
    return brush.finish();
}

}  // namespace remap::guest
