// SPDX-License-Identifier: MIT
// Fills and copies of every alignment and many lengths against memmove on a plain picture of both memories.
#include "hw/tests/bench.h"

#include <algorithm>

namespace remap::gpu {
namespace {

using spec::Place;
using spec::Space;

constexpr std::size_t window = 0x8000;  // bytes of each memory that the tests work in
constexpr std::uint64_t lengths[] = {0,   1,   2,    3,    4,    5,    7,    8,    15,   16,   31,   63,   64,   65,
                                     255, 511, 1023, 2047, 4094, 4095, 4096, 4097, 4099, 5000, 8191, 8192, 8193, 9001};
constexpr Space spaces[] = {Space::System, Space::Vram};

class Transfers : public Bench {
protected:
    Transfers() {
        start();
        renew();
    }

    // Contents of their own for each case: a copy done before would hide one that is left out.
    void renew() {
        scramble({memory(), window}, ++seed);
        scramble({vram.data(), window}, ++seed);
    }

    std::byte* memory() { return bus.at(memory_base, window); }

    // Offset 0 of a space is the beginning of its window.
    static Place place(Space space, std::uint64_t offset) {
        return {space, space == Space::System ? memory_base + offset : offset};
    }

    struct Picture {
        std::vector<std::byte> system, video;
        std::byte* in(Space space) { return (space == Space::System ? system : video).data(); }
        friend bool operator==(const Picture&, const Picture&) = default;
    };

    Picture picture() { return {{memory(), memory() + window}, {vram.begin(), vram.begin() + window}}; }

    void expect(const Picture& expected) {
        ASSERT_EQ(report(), (Report{}));
        ASSERT_TRUE(picture() == expected);
        ASSERT_FALSE(bus.crossed_a_page);
    }

    std::uint32_t seed = 0;
};

TEST_F(Transfers, FillsOfEveryAlignmentAndLengthChangeExactlyTheirBytes) {
    std::uint32_t pattern = 0x03020100;
    for (const Space space : spaces)
        for (const std::uint64_t length : lengths)
            for (const std::uint64_t start : {0x0ull, 0x1ull, 0x2ull, 0x3ull, 0xffdull, 0xfffull, 0x1001ull}) {
                SCOPED_TRACE(testing::Message() << "space " << int(space) << " at " << start << " bytes " << length);
                renew();
                Picture expected = picture();
                pattern = pattern * 5 + 0x01020304;
                for (std::uint64_t i = 0; i < length; ++i)
                    expected.in(space)[start + i] = static_cast<std::byte>(pattern >> 8 * (i % 4));
                execute({spec::fill(place(space, start), length, pattern)});
                ASSERT_NO_FATAL_FAILURE(expect(expected));
            }
}

TEST_F(Transfers, CopiesOfEveryAlignmentAndLengthBetweenAllSpacesAreAsMemmove) {
    struct Offsets {
        std::uint64_t to, from;
    };
    // Equal and different alignments, touching and overlapping either way by little and by much.
    const Offsets offsets[] = {{0, 0x4000},      {1, 0x4002},      {0xfff, 0x4001},  {0x4003, 0xffd},  {0x1000, 0xfff},
                               {0xfff, 0x1000},  {0x1001, 0x1000}, {0x1000, 0x1001}, {0x2000, 0x1000}, {0x1000, 0x2000},
                               {0x1357, 0x1000}, {0x1000, 0x1357}, {0x1000, 0x1000}, {0x1801, 0x7ff}};
    for (const Space to : spaces)
        for (const Space from : spaces)
            for (const Offsets& offset : offsets)
                for (const std::uint64_t length : lengths) {
                    SCOPED_TRACE(testing::Message() << int(from) << ":" << offset.from << " to " << int(to) << ":"
                                                    << offset.to << " bytes " << length);
                    renew();
                    Picture expected = picture();
                    std::memmove(expected.in(to) + offset.to,
                                 (to == from ? expected : picture()).in(from) + offset.from, length);
                    execute({spec::copy(place(to, offset.to), place(from, offset.from), length)});
                    ASSERT_NO_FATAL_FAILURE(expect(expected));
                }
}

// The result as if the whole source was read before anything is written.
void copy_rect(std::byte* to, std::uint64_t to_pitch, const std::byte* from, std::uint64_t from_pitch,
               spec::Rect rect) {
    std::vector<std::byte> pixels;
    for (std::uint32_t line = 0; line < rect.lines; ++line)
        pixels.insert(pixels.end(), from + line * from_pitch, from + line * from_pitch + rect.width);
    for (std::uint32_t line = 0; line < rect.lines; ++line)
        std::copy_n(pixels.begin() + line * rect.width, rect.width, to + line * to_pitch);
}

TEST_F(Transfers, RectsOfOnePitchOverlapAsIfTheSourceWasReadFirst) {
    for (const Space space : spaces)
        for (const std::uint64_t to : {0x1000, 0x1001, 0x1040, 0x1400, 0x1804, 0x17f0, 0x2000, 0xc00, 0xff0, 0x810})
            for (const spec::Rect rect : {spec::Rect{0x400, 9}, {0x3ff, 5}, {1, 20}, {0x20, 3}, {0x1003, 2}}) {
                const std::uint64_t pitch = std::max<std::uint64_t>(0x400, rect.width);
                SCOPED_TRACE(testing::Message() << int(space) << " to " << to << " width " << rect.width);
                renew();
                Picture expected = picture();
                copy_rect(expected.in(space) + to, pitch, expected.in(space) + 0x1000, pitch, rect);
                execute({spec::copy_rect({place(space, to), pitch}, {place(space, 0x1000), pitch}, rect)});
                ASSERT_NO_FATAL_FAILURE(expect(expected));
            }
}

TEST_F(Transfers, RectsMoveBetweenSpacesAndPitches) {
    for (const Space to : spaces)
        for (const Space from : spaces)
            for (const spec::Rect rect : {spec::Rect{0, 5}, {5, 0}, {1, 1}, {100, 30}, {300, 10}}) {
                renew();
                Picture expected = picture();
                copy_rect(expected.in(to) + 0x11, 333, (to == from ? expected : picture()).in(from) + 0x4001, 301,
                          rect);
                execute({spec::copy_rect({place(to, 0x11), 333}, {place(from, 0x4001), 301}, rect)});
                ASSERT_NO_FATAL_FAILURE(expect(expected));
            }
}

TEST_F(Transfers, OverlappingRectsOfDifferentPitchesGoLineByLineEachAsMemmove) {
    Picture expected = picture();
    for (int line = 0; line < 8; ++line)
        std::memmove(expected.in(Space::Vram) + 0x1100 + line * 0x90, expected.in(Space::Vram) + 0x1000 + line * 0xa0,
                     0x90);
    execute({spec::copy_rect({place(Space::Vram, 0x1100), 0x90}, {place(Space::Vram, 0x1000), 0xa0}, {0x90, 8})});
    ASSERT_NO_FATAL_FAILURE(expect(expected));
}

TEST_F(Transfers, FillRectsLeaveWhatLiesBetweenTheLines) {
    for (const Space space : spaces) {
        renew();
        Picture expected = picture();
        for (std::uint64_t line = 0; line < 20; ++line)
            for (std::uint64_t i = 0; i < 333; ++i)
                expected.in(space)[0xf07 + line * 999 + i] = static_cast<std::byte>(0x44332211u >> 8 * (i % 4));
        execute({spec::fill_rect({place(space, 0xf07), 999}, {333, 20}, 0x44332211)});
        ASSERT_NO_FATAL_FAILURE(expect(expected));
    }
}

TEST_F(Transfers, OneLineNeedsNoPitch) {
    Picture expected = picture();
    std::memmove(expected.in(Space::Vram) + 0x100, expected.in(Space::System) + 0x200, 50);
    execute({spec::copy_rect({place(Space::Vram, 0x100), 0}, {place(Space::System, 0x200), 0}, {50, 1})});
    ASSERT_NO_FATAL_FAILURE(expect(expected));
}

}  // namespace
}  // namespace remap::gpu
