// SPDX-License-Identifier: MIT
#include "guest-tests/linux/content.h"

#include <cstdio>

namespace remap::linux_guest::content {

namespace {

constexpr std::uint64_t plausible_series = 100;  // a word of a higher one was never written by us

}  // namespace

std::string describe(const Mismatch& mismatch) {
    const Place expected = mismatch.place, home = place_of(mismatch.found);
    char text[160], whose[80] = "";
    std::snprintf(text, sizeof text, "at byte 0x%lx of series %lu is 0x%016lx, expected 0x%016lx", expected.offset,
                  expected.series, mismatch.found, word(expected));
    if (home.series <= plausible_series)
        std::snprintf(whose, sizeof whose, "; it belongs to byte 0x%lx of series %lu", home.offset, home.series);
    return std::string(text) + whose;
}

}  // namespace remap::linux_guest::content
